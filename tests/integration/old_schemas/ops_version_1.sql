-- The schema ops as version 1 of it was made.

create schema ops;

CREATE TABLE ops.builds (
    build_id INTEGER GENERATED ALWAYS AS IDENTITY,
    selection TEXT NOT NULL,
    as_of_dates DATE[] NOT NULL,
    state TEXT NOT NULL,
    stale_domains JSONB NOT NULL,
    accepted_loads INTEGER,
    seconds FLOAT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (build_id),
    CONSTRAINT builds_state CHECK (state in ('built', 'failed'))
);

CREATE TABLE ops.landings (
    landing_id INTEGER GENERATED ALWAYS AS IDENTITY,
    domain TEXT NOT NULL,
    as_of_date DATE NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (landing_id),
    CONSTRAINT landings_state CHECK (state in ('landing', 'landed', 'failed'))
);

CREATE TABLE ops.promotions (
    promotion_id INTEGER GENERATED ALWAYS AS IDENTITY,
    model TEXT NOT NULL,
    version TEXT NOT NULL,
    as_of_date DATE NOT NULL,
    reason TEXT NOT NULL,
    promoted_by TEXT NOT NULL,
    run_id TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (promotion_id),
    CONSTRAINT promotions_promoted_by CHECK (promoted_by in ('automatic', 'manual'))
);

CREATE TABLE ops.schema_versions (
    version SERIAL NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (version)
);

create or replace function ops.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ops.% is append-only: record a new row instead of changing or deleting one', tg_table_name;
end $$;

create or replace trigger append_only before update or delete or truncate on ops.builds
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.landings
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.promotions
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.schema_versions
for each statement execute function ops.refuse_change();

create or replace view ops.champions as
select
    model, version, run_id, as_of_date, promoted_by, reason, recorded_at as champion_from,
    lead(recorded_at) over (partition by model order by promotion_id) as champion_to
from ops.promotions;

insert into ops.schema_versions (version) values (1);

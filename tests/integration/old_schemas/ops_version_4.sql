-- The schema ops as version 4 of it was made.

create schema ops;

CREATE TABLE ops.alerts (
    alert_id BIGINT GENERATED ALWAYS AS IDENTITY,
    stage TEXT NOT NULL,
    as_of_date TEXT NOT NULL,
    reason TEXT NOT NULL,
    sent_to TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (alert_id)
);

CREATE INDEX alerts_recorded ON ops.alerts (recorded_at);

CREATE TABLE ops.builds (
    build_id INTEGER GENERATED ALWAYS AS IDENTITY,
    selection TEXT NOT NULL,
    as_of_dates DATE[] NOT NULL,
    state TEXT NOT NULL,
    stale_domains JSONB NOT NULL,
    accepted_loads INTEGER,
    begun_at TIMESTAMP WITH TIME ZONE,
    seconds FLOAT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (build_id),
    CONSTRAINT builds_state CHECK (state in ('begun', 'built', 'failed'))
);

CREATE TABLE ops.feature_drift (
    drift_id BIGINT GENERATED ALWAYS AS IDENTITY,
    as_of_date DATE NOT NULL,
    model TEXT NOT NULL,
    model_version TEXT NOT NULL,
    feature TEXT NOT NULL,
    method TEXT NOT NULL,
    score FLOAT NOT NULL,
    threshold FLOAT NOT NULL,
    is_drifted BOOLEAN NOT NULL,
    reference_days TEXT NOT NULL,
    reference_rows INTEGER NOT NULL,
    current_rows INTEGER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (drift_id)
);

CREATE INDEX feature_drift_model ON ops.feature_drift (model, as_of_date, drift_id);

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

CREATE TABLE ops.model_quality (
    figure_id BIGINT GENERATED ALWAYS AS IDENTITY,
    model TEXT NOT NULL,
    model_version TEXT NOT NULL,
    as_of_date DATE NOT NULL,
    metric TEXT NOT NULL,
    value FLOAT NOT NULL,
    baseline FLOAT,
    baseline_name TEXT,
    cases BIGINT,
    is_realised BOOLEAN NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (figure_id)
);

CREATE INDEX model_quality_model ON ops.model_quality (model, metric, as_of_date, figure_id);

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

CREATE TABLE ops.run_times (
    run_time_id BIGINT GENERATED ALWAYS AS IDENTITY,
    dag_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    seconds FLOAT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (run_time_id),
    CONSTRAINT run_times_once UNIQUE (dag_id, run_id, task_id, ended_at)
);

CREATE INDEX run_times_ended ON ops.run_times (ended_at);

CREATE TABLE ops.schema_versions (
    version SERIAL NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (version)
);

CREATE TABLE ops.segment_assignments (
    assignment_id BIGINT GENERATED ALWAYS AS IDENTITY,
    customer_id TEXT NOT NULL,
    as_of_date DATE NOT NULL,
    segment_code TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (assignment_id)
);

CREATE INDEX segment_assignments_customer ON ops.segment_assignments (customer_id, assignment_id);

CREATE TABLE ops.table_looks (
    look_id BIGINT GENERATED ALWAYS AS IDENTITY,
    as_of_date DATE NOT NULL,
    stage TEXT NOT NULL,
    table_name TEXT NOT NULL,
    total_rows BIGINT NOT NULL,
    newest_day DATE,
    newest_rows BIGINT,
    hours_behind FLOAT,
    usual_low BIGINT,
    usual_high BIGINT,
    state TEXT NOT NULL,
    words TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (look_id),
    CONSTRAINT table_looks_state CHECK (state in ('good', 'stale', 'unusual', 'empty'))
);

CREATE INDEX table_looks_table ON ops.table_looks (table_name, look_id);

CREATE TABLE ops.verdicts (
    verdict_id BIGINT GENERATED ALWAYS AS IDENTITY,
    as_of_date DATE NOT NULL,
    table_name TEXT NOT NULL,
    checked_rows BIGINT NOT NULL,
    expectations INTEGER NOT NULL,
    broken_critical INTEGER NOT NULL,
    broken_warning INTEGER NOT NULL,
    is_refused BOOLEAN NOT NULL,
    breaches JSONB NOT NULL,
    docs_url TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (verdict_id)
);

CREATE INDEX verdicts_table ON ops.verdicts (table_name, verdict_id);

create or replace function ops.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ops.% is append-only: record a new row instead of changing or deleting one', tg_table_name;
end $$;

create or replace trigger append_only before update or delete or truncate on ops.alerts
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.builds
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.feature_drift
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.landings
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.model_quality
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.promotions
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.run_times
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.schema_versions
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.segment_assignments
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.table_looks
for each statement execute function ops.refuse_change();

create or replace trigger append_only before update or delete or truncate on ops.verdicts
for each statement execute function ops.refuse_change();

create or replace view ops.champions as
select
    model, version, run_id, as_of_date, promoted_by, reason, recorded_at as champion_from,
    lead(recorded_at) over (partition by model order by promotion_id) as champion_to
from ops.promotions;

insert into ops.schema_versions (version) values (4);

{# CTEs of a ledger of use, which a `with` stands before: what reads that were not booked yet change, as `bookings` of the
   interval of each read, (`new_reads`, `histories`: what they come from). A ledger says where on the clock they count.

   `already_booked` is the condition of the ledger's rows that count as there; a ledger that is not wanted books nothing,
   and nothing is read for it. #}
{% macro usage_bookings(checked_reads, already_booked='true', is_wanted=true) -%}
-- `not materialized`: these are scans of the largest table, cheaper to repeat than to keep.
reads as not materialized (
    select * from {{ checked_reads }}
    where channel = 'import'{{ ' and false' if not is_wanted }}
),

new_reads as {% if not is_incremental() %}not materialized {% endif %}(
    select * from reads
    {% if is_incremental() and is_wanted -%}
        where {{ load_is_new(checked_reads, already_booked) }}
    {%- endif %}
),

-- `materialized`: PostgreSQL would look for them anew for each read where it expects few.
new_loads as materialized (
    select distinct load_id from new_reads
),

-- Only a read with more than one version needs its history; nearly all have one. The later version may be booked
-- already: of two loads that landed together, the first may have been accepted last.
corrected_keys as (
    select distinct
        reads.meter_id,
        reads.interval_start_utc
    from reads
    {% if is_incremental() %}
        inner join new_reads
            on reads.meter_id = new_reads.meter_id and reads.interval_start_utc = new_reads.interval_start_utc
    {% endif %}
    where reads.version_no > 1
        {% if is_incremental() -%}
            and reads.interval_start_utc >= (select min(first_reads.interval_start_utc) from new_reads as first_reads)
        {%- endif %}
),

histories as (
    select
        reads.*,
        new_loads.load_id is not null as is_new
    from reads
    inner join corrected_keys
        on reads.meter_id = corrected_keys.meter_id and reads.interval_start_utc = corrected_keys.interval_start_utc
    left join new_loads on reads.load_id = new_loads.load_id
    where reads.interval_start_utc >= (select min(first_keys.interval_start_utc) from corrected_keys as first_keys)
),

-- What the ledger holds of a version is its step over the version before it. A version that arrives out of order
-- changes the step of the one after it, so old versions are booked again with the difference. Every new load must
-- leave a row here: by their ids the next build knows which loads are booked.
steps as (
    select
        *,
        lag(consumption_kwh, 1, 0) over by_arrival as before_kwh,
        lag(measured_minutes, 1, 0) over by_arrival as before_minutes,
        lag(suspect_minutes, 1, 0) over by_arrival as before_suspect_minutes,
        coalesce(lag(interval_minutes) over by_arrival, interval_minutes) as before_interval_minutes,
        lag(consumption_kwh, 1, 0) over by_arrival_booked as booked_before_kwh,
        lag(measured_minutes, 1, 0) over by_arrival_booked as booked_before_minutes,
        lag(suspect_minutes, 1, 0) over by_arrival_booked as booked_before_suspect_minutes,
        coalesce(lag(interval_minutes) over by_arrival_booked, interval_minutes) as booked_before_interval_minutes,
        max(case when is_new then {{ by_bytes('load_id') }} end)
            over (partition by meter_id, interval_start_utc)
            as newest_load_id
    from histories
    window
        by_arrival as (
            partition by meter_id, interval_start_utc
            order by received_at_utc, {{ by_bytes('load_id') }}, version_no
        ),
        by_arrival_booked as (
            partition by meter_id, interval_start_utc, is_new
            order by received_at_utc, {{ by_bytes('load_id') }}, version_no
        )
),

changed as (
    select
        *,
        case when is_new then load_id else newest_load_id end as booked_by
    from steps
    where is_new or booked_before_kwh <> before_kwh or booked_before_minutes <> before_minutes
        or booked_before_suspect_minutes <> before_suspect_minutes
        or booked_before_interval_minutes <> before_interval_minutes
),

-- A step is booked as its two ends, since the version before may have been of a longer interval.
bookings as not materialized (
    select
        new_reads.meter_id,
        new_reads.interval_start_utc,
        new_reads.interval_minutes,
        new_reads.known_on,
        new_reads.load_id,
        new_reads.consumption_kwh,
        new_reads.measured_minutes,
        new_reads.suspect_minutes
    from new_reads
    left join corrected_keys
        on new_reads.meter_id = corrected_keys.meter_id
        and new_reads.interval_start_utc = corrected_keys.interval_start_utc
    where corrected_keys.meter_id is null
    union all
    select
        meter_id,
        interval_start_utc,
        case when is_new then interval_minutes else booked_before_interval_minutes end as interval_minutes,
        known_on,
        booked_by as load_id,
        case when is_new then consumption_kwh else booked_before_kwh end as consumption_kwh,
        case when is_new then measured_minutes else booked_before_minutes end as measured_minutes,
        case when is_new then suspect_minutes else booked_before_suspect_minutes end as suspect_minutes
    from changed
    union all
    select
        meter_id,
        interval_start_utc,
        before_interval_minutes as interval_minutes,
        known_on,
        booked_by as load_id,
        -before_kwh as consumption_kwh,
        -before_minutes as measured_minutes,
        -before_suspect_minutes as suspect_minutes
    from changed
)
{%- endmacro %}

-- The dice and the calendar of the made-up utility.
-- A die is a pure function of (seed, purpose, key): nothing depends on the order of rows, on threads, or on the day
-- to which the utility is generated. DuckDB's hash is taken twice, since once leaves purposes correlated.
create macro dice(purpose, key) as (hash(hash(getvariable('seed'), purpose, key)) >> 11)::double / 9007199254740992.0,
    (purpose, key, other_key) as
        (hash(hash(getvariable('seed'), purpose, key, other_key)) >> 11)::double / 9007199254740992.0;

create macro normal(purpose, key) as
    sqrt(-2 * ln(1 - dice(purpose, key))) * cos(2 * pi() * dice(purpose || '/angle', key)),
    (purpose, key, other_key) as
        sqrt(-2 * ln(1 - dice(purpose, key, other_key))) * cos(2 * pi() * dice(purpose || '/angle', key, other_key));

create macro to_utc(local_time) as (local_time::timestamp at time zone getvariable('timezone')) at time zone 'UTC';
create macro to_local(utc_time) as (utc_time at time zone 'UTC') at time zone getvariable('timezone');

-- An office minute of a local day, in UTC: when people call, sign and give notice.
create macro office_time(day, purpose, key) as
    to_utc(day::timestamp + to_seconds((28800 + floor(36000 * dice(purpose, key, day)))::bigint));

create table days as
with dates as (
    select unnest(generate_series(
        getvariable('crm_start')::timestamp, getvariable('world_end')::timestamp, interval 1 day
    ))::date as local_date
)
select
    dates.local_date,
    date_trunc('month', dates.local_date)::date as month_start,
    to_utc(dates.local_date) as starts_at_utc,
    to_utc(dates.local_date + 1) as ends_at_utc,
    holiday_dates.holiday_on is not null as is_holiday,
    case
        when holiday_dates.holiday_on is not null or isodow(dates.local_date) = 7 then 'sunday'
        when isodow(dates.local_date) = 6 then 'saturday'
        else 'workday'
    end as day_kind
from dates
left join holiday_dates on dates.local_date = holiday_dates.holiday_on;

create table months as
select
    month_start,
    (row_number() over (order by month_start))::integer as month_no,
    count(*)::integer as month_days
from days
group by month_start;

create table regions as
select *
from (values
    ('NORTH', 'ST-NORTH', 1, -0.6), ('EAST', 'ST-EAST', 2, 1.2),
    ('SOUTH', 'ST-SOUTH', 3, 0.8), ('WEST', 'ST-WEST', 4, -1.4)
) as listed (region_code, station_code, region_no, temperature_offset_c);

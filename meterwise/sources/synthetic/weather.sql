-- Weather: seasons, days, fronts that pass in days, heat waves and cold spells, and forecasts that know less with time.
create table weather_events as
with candidates as (
    select
        years.year_no,
        picks.pick_no,
        kinds.kind,
        kinds.first_day + floor(kinds.span_days * dice(kinds.kind || ' start', years.year_no, picks.pick_no))::integer
            as day_of_year,
        4 + floor(6 * dice(kinds.kind || ' length', years.year_no, picks.pick_no))::integer as length_days,
        kinds.delta_c * (0.7 + 0.6 * dice(kinds.kind || ' strength', years.year_no, picks.pick_no)) as delta_c
    from (select distinct year(local_date)::integer as year_no from days) as years
    cross join (select unnest([1, 2, 3])::integer as pick_no) as picks
    cross join (values ('heat wave', 157, 85, 7.0), ('cold spell', 1, 60, -7.5))
        as kinds (kind, first_day, span_days, delta_c)
)

select
    kind,
    make_date(year_no, 1, 1) + day_of_year as starts_on,
    make_date(year_no, 1, 1) + day_of_year + length_days as ends_on,
    delta_c
from candidates
where dice(kind || ' happens', year_no, pick_no) < 0.75;

-- Noise that is smooth in time: normal knots at whole steps, joined by half a cosine. No table: any hour can be asked.
create macro front(purpose, key, steps) as
    normal(purpose, key, floor(steps)::bigint) * (0.5 + 0.5 * cos(pi() * (steps - floor(steps))))
    + normal(purpose, key, floor(steps)::bigint + 1) * (0.5 - 0.5 * cos(pi() * (steps - floor(steps))));

create table weather_hours as
with hours as (
    select unnest(generate_series(
        getvariable('weather_start')::timestamp, getvariable('world_end')::timestamp + interval 10 day, interval 1 hour
    )) as valid_at
),

phases as (
    select
        regions.station_code,
        regions.region_no,
        regions.temperature_offset_c,
        hours.valid_at,
        epoch(hours.valid_at) / 86400.0 as day_number,
        cos(2 * pi() * (dayofyear(hours.valid_at) - 201) / 365.25) as season,
        cos(2 * pi() * (hour(to_local(hours.valid_at)) - 15) / 24.0) as day_phase
    from hours
    cross join regions
),

fronts as (
    select
        *,
        0.8 * front('front', 0, day_number / 3.5) + 0.35 * front('front', region_no, day_number / 2.0) as warmth,
        front('cloud', region_no, day_number / 1.5) as cloudiness,
        front('wind', region_no, day_number / 1.2) as windiness
    from phases
),

-- An event builds up and fades within a day and a half.
event_deltas as (
    select
        fronts.station_code,
        fronts.valid_at,
        sum((
            weather_events.delta_c * least(
                1,
                (epoch(fronts.valid_at) - epoch(weather_events.starts_on::timestamp)) / 129600.0,
                (epoch(weather_events.ends_on::timestamp) - epoch(fronts.valid_at)) / 129600.0
            )
        )::decimal(12, 6)) as delta_c
    from fronts
    join weather_events
        on fronts.valid_at > weather_events.starts_on and fronts.valid_at < weather_events.ends_on
    group by fronts.station_code, fronts.valid_at
)

select
    fronts.station_code,
    fronts.region_no,
    fronts.valid_at,
    10.5 + fronts.temperature_offset_c + 10.5 * fronts.season + 3.4 * fronts.warmth
        + (2.2 + 2.0 * greatest(fronts.season, -0.5) - 0.6 * fronts.cloudiness) * fronts.day_phase
        + coalesce(event_deltas.delta_c, 0) as temperature,
    least(100, greatest(15, 68 - 9 * fronts.season + 11 * fronts.cloudiness - 14 * fronts.day_phase)) as humidity,
    greatest(0.2, 3.2 + 1.6 * fronts.windiness + 0.5 * fronts.day_phase) as wind,
    least(100, greatest(0, 52 + 38 * fronts.cloudiness)) as cloud
from fronts
left join event_deltas
    on fronts.station_code = event_deltas.station_code and fronts.valid_at = event_deltas.valid_at;

create macro weather_observed(from_at, cut) as table
select
    station_code as station,
    valid_at as issued_at,
    valid_at,
    round(temperature, 1)::decimal(5, 1) as temperature,
    round(humidity, 0)::decimal(5, 1) as humidity,
    round(wind, 1)::decimal(5, 1) as wind,
    round(cloud, 0)::decimal(5, 1) as cloud,
    valid_at + interval 25 minute as received_at
from weather_hours
where received_at >= from_at and received_at < cut
order by station, valid_at;

-- One run of the weather service a day, issued at noon UTC, there three hours later, for eight days.
-- Its error has a part that stays for the whole run and one that wanders; both grow as the root of the horizon.
create macro weather_forecast(from_at, cut) as table
with issues as (
    select unnest(generate_series(
        date_trunc('day', from_at) - interval 12 hour, cut::timestamp, interval 24 hour
    )) as issued_at
),

errors as (
    select
        weather_hours.*,
        issues.issued_at,
        epoch(weather_hours.valid_at - issues.issued_at) / 3600.0 as horizon_hours,
        region_no * 100000 + epoch(issues.issued_at)::bigint // 86400 as run_no
    from issues
    join weather_hours
        on weather_hours.valid_at > issues.issued_at
        and weather_hours.valid_at <= issues.issued_at + interval 192 hour
),

sized as (
    select
        *,
        0.15 + 0.19 * sqrt(horizon_hours) as error_c,
        0.55 * normal('run bias', run_no) + 0.85 * front('run error', run_no, horizon_hours / 18.0) as wander
    from errors
)

select
    station_code as station,
    issued_at,
    valid_at,
    round(temperature + error_c * wander, 1)::decimal(5, 1) as temperature,
    round(least(100, greatest(15, humidity - 3 * error_c * wander)), 0)::decimal(5, 1) as humidity,
    round(greatest(0.1, wind * (1 + 0.12 * error_c * front('run wind', run_no, horizon_hours / 15.0))), 1)
    ::decimal(5, 1) as wind,
    round(least(100, greatest(0, cloud + 9 * error_c * front('run cloud', run_no, horizon_hours / 12.0))), 0)
    ::decimal(5, 1) as cloud,
    issued_at + interval 3 hour as received_at
from sized
where received_at >= from_at and received_at < cut
order by station, issued_at, valid_at;

-- Loads. What a half-hour needs of day and weather is worked out once per region, what it needs of the
-- customer once per meter and day; the wide join of the two then only multiplies.
create macro bump(slot, centre, width) as exp(-0.5 * ((slot - centre) / width) ** 2);

create table profiles as
with slots as (
    select slots.slot, kinds.day_kind, kinds.kind_no
    from (select unnest(range(48))::integer as slot) as slots
    cross join (values ('workday', 0), ('saturday', 1), ('sunday', 2)) as kinds (day_kind, kind_no)
),

shapes as (
    select
        profile_no, day_kind, kind_no, slot,
        case profile_no
            when 0 then  -- at home in the evening
                0.32 + 0.55 * bump(slot, 14 + 2 * kind_no, 2.5) + 0.25 * kind_no * bump(slot, 26, 5)
                + 1.5 * bump(slot, 38, 4)
            when 1 then  -- at home all day
                0.35 + 0.5 * bump(slot, 16, 3) + 0.75 * bump(slot, 25, 4) + 1.05 * bump(slot, 38, 4.5)
            when 2 then  -- up late
                0.38 + 0.2 * bump(slot, 19, 4) + 1.3 * bump(slot, 42, 4) + 0.7 * bump(slot, 0, 3)
            when 3 then  -- up early
                0.30 + 1.2 * bump(slot, 12 + kind_no, 3) + 0.3 * bump(slot, 24, 4) + 0.9 * bump(slot, 36, 4)
            when 4 then  -- shop with office hours
                0.25 + case kind_no when 0 then 1.6 when 1 then 1.2 else 0 end
                * bump(greatest(abs(slot - 27) - 7, 0), 0, 2)
            when 5 then  -- restaurant
                0.35 + (1 - 0.2 * (kind_no = 2)::integer) * (0.8 * bump(slot, 25, 3) + 1.8 * bump(slot, 39, 5))
            when 6 then  -- two shifts
                0.35 + case kind_no when 0 then 1.3 when 1 then 0.5 else 0.05 end
                * bump(greatest(abs(slot - 28) - 14, 0), 0, 2)
            else  -- three shifts
                0.8 + case kind_no when 0 then 0.25 when 1 then 0.1 else -0.25 end + 0.1 * bump(slot, 27, 9)
        end as height
    from slots
    cross join (select unnest(range(8))::integer as profile_no) as numbers
)

select
    profile_no * 256 + kind_no * 64 + slot as profile_key,
    (height / (select sum(weekly.height * weekly.days) / 336 from (
        select same.height, case same.kind_no when 0 then 5 else 1 end as days
        from shapes as same where same.profile_no = shapes.profile_no
    ) as weekly))::double as share
from shapes;

create table supplies as
select
    stays.sp_no,
    stays.from_date,
    stays.to_date,
    meters.meter_no,
    code_of('M', stays.sp_no) || '-' || meters.meter_no as meter,
    meters.installed_on,
    meters.removed_on,
    hash(hash(getvariable('seed'), 'reads', stays.sp_no * 100 + meters.meter_no)) as meter_hash,
    customers.customer_no,
    (customers.lane_no - 1) // 10000 as block_no,
    customers.customer_class,
    customers.region_no,
    customers.feeder_no,
    customers.usage_falls_from,
    customers.annual_kwh / 17520 as slot_kwh,
    case customers.customer_class
        when 'household' then floor(4 * dice('habits', customers.customer_no) ** 1.35)::integer
        when 'shop' then case when dice('habits', customers.customer_no) < 0.7 then 4 else 5 end
        else case when dice('habits', customers.customer_no) < 0.6 then 6 else 7 end
    end as profile_no,
    case customers.customer_class when 'household' then 0.62 when 'shop' then 0.25 else 0.14 end as noise,
    case customers.customer_class when 'household' then 0.24 when 'shop' then 0.10 else 0.08 end as day_noise,
    case customers.customer_class when 'household' then 0.14 when 'shop' then 0.06 else 0.02 end as season_share,
    -- kWh per half-hour and degree
    case when has_ac then 0.5 * case customers.customer_class
        when 'household' then 0.06 + 0.10 * dice('ac size', customers.sp_no)
        else customers.annual_kwh / 8760 * (0.05 + 0.05 * dice('ac size', customers.sp_no)) end else 0 end as ac_kwh,
    case when has_heat_pump then 0.5 * (0.05 + 0.05 * dice('heat pump size', customers.sp_no)) else 0 end as heat_kwh,
    case when has_night_storage then 0.5 * (0.14 + 0.14 * dice('storage size', customers.sp_no)) else 0 end
        as storage_kwh,
    case when has_ev then 0.5 * case when dice('charger', customers.customer_no) < 0.25 then 3.7 else 7.4 end else 0 end
        as charge_kwh
from stays
join meters
    on meters.sp_no = stays.sp_no
    and meters.installed_on <= coalesce(stays.to_date, date '9999-01-01')
    and coalesce(meters.removed_on, date '9999-01-01') > stays.from_date
join customers using (customer_no);

create table vacations as
with trips as (
    select
        customers.customer_no,
        years.year_no,
        trips.trip,
        make_date(years.year_no, 1, 1) + trips.first_day
            + floor(trips.span * dice(trips.trip, customers.customer_no, years.year_no))::integer as starts_on,
        trips.shortest + floor(9 * dice(trips.trip || ' days', customers.customer_no, years.year_no))::integer
            as nights,
        trips.chance
    from customers
    cross join (select distinct year(local_date)::bigint as year_no from days) as years
    cross join (values
        ('summer trip', 172, 60, 7, 0.6), ('winter trip', 20, 60, 4, 0.2), ('autumn trip', 270, 30, 4, 0.25)
    ) as trips (trip, first_day, span, shortest, chance)
    where customers.customer_class = 'household'
)

select customer_no, starts_on, starts_on + nights as ends_on
from trips
where dice(trip || ' happens', customer_no, year_no) < chance;

-- Half-hours of local days: 46 or 50 of them when the clocks change.
create macro half_hours(from_date, to_date) as table
with slots as (
    select
        days.local_date,
        days.day_kind,
        days.is_holiday,
        unnest(generate_series(days.starts_at_utc, days.ends_at_utc - interval 30 minute, interval 30 minute))
            as start_utc
    from days
    where days.local_date between from_date and to_date
),

weather as (
    select
        region_no,
        valid_at,
        temperature,
        lead(temperature) over (partition by region_no order by valid_at) as next_temperature,
        avg(temperature::decimal(9, 4)) over (
            partition by region_no order by valid_at rows between 23 preceding and current row
        ) as day_temperature
    from weather_hours
    where valid_at between from_date - interval 3 day and to_date + interval 3 day
),

placed as (
    select
        slots.*,
        date_part('hour', to_local(start_utc))::integer * 2 + date_part('minute', start_utc)::integer // 30 as slot,
        case day_kind when 'workday' then 0 when 'saturday' then 1 else 2 end as kind_no
    from slots
)

select
    weather.region_no,
    placed.local_date,
    placed.start_utc,
    placed.slot,
    epoch(placed.start_utc)::bigint // 1800 as slot_no,
    placed.kind_no * 64 + placed.slot as kind_key,
    case when minute(placed.start_utc) = 0 then weather.temperature
        else (weather.temperature + weather.next_temperature) / 2 end as temperature,
    greatest(0, round(0.55 * weather.temperature + 0.45 * weather.day_temperature, 3) - 21.5)
        * case when placed.slot between 14 and 45 then 1 else 0.45 end as hot_degrees,
    greatest(0, 15 - round(weather.day_temperature, 3)) as cold_degrees,
    case when placed.slot >= 44 or placed.slot < 12 then greatest(0, 15 - round(weather.day_temperature, 3)) else 0 end
        as night_cold_degrees,
    -- Lighting: dark mornings and evenings in winter.
    1 + 0.18 * cos(2 * pi() * (dayofyear(placed.local_date) - 10) / 365.25) * (placed.slot between 32 and 44)::integer
        as dark_factor
from placed
join weather on weather.valid_at = date_trunc('hour', placed.start_utc);

-- One row per meter and local day: how much, and which versions of the day arrive when.
create macro meter_days(from_date, to_date, from_block, to_block) as table
with occupied as (
    select
        supplies.*,
        days.local_date,
        days.ends_at_utc,
        days.is_holiday,
        epoch(days.starts_at_utc)::bigint // 86400 as day_no
    from supplies
    join days
        on days.local_date >= greatest(supplies.from_date, supplies.installed_on)
        and days.local_date <= coalesce(supplies.to_date, date '9999-01-01')
        and days.local_date < coalesce(supplies.removed_on, date '9999-01-01')
    where days.local_date between from_date and to_date and supplies.block_no between from_block and to_block
),

away as (
    select distinct occupied.customer_no, occupied.local_date
    from occupied
    join vacations using (customer_no)
    where occupied.local_date between vacations.starts_on and vacations.ends_on
),

faulty as (
    select
        occupied.sp_no,
        occupied.local_date,
        bool_or(kind = 'breaks') as is_broken,
        min(
            case kind
                when 'drifts' then 1 - least(0.45, 0.0035 * (occupied.local_date - happens_on))
                when 'tampered' then 1 - strength
                else 1
            end
        ) as shown_share
    from occupied
    join meter_events using (sp_no)
    where occupied.local_date >= meter_events.happens_on and occupied.local_date < meter_events.ends_on
        and kind <> 'planned exchange'
    group by occupied.sp_no, occupied.local_date
),

sized as (
    select
        occupied.*,
        occupied.slot_kwh
        * (1 + season_share * cos(2 * pi() * (dayofyear(occupied.local_date) - 15) / 365.25))
        * exp(
            day_noise * normal('day', occupied.customer_no, occupied.day_no)
            + 0.012 * normal('region day', occupied.region_no, occupied.day_no)
        )
        * case when away.customer_no is not null then 0.28 else 1 end
        * case
            when usage_falls_from < occupied.local_date
                then 1 - 0.30 * least(1, (occupied.local_date - usage_falls_from) / 75.0)
            else 1
        end as usual_kwh,
        coalesce(faulty.shown_share, 1) as shown_share,
        away.customer_no is null as is_home,
        case
            when dice('late', occupied.customer_no, occupied.day_no) < 0.985 then 0
            else 1 + floor(8 * dice('days late', occupied.customer_no, occupied.day_no) ** 2)::integer
        end as days_late,
        ends_at_utc + to_seconds((3600 + floor(25200 * dice('arrival', occupied.customer_no, occupied.day_no)))::bigint)
            as usual_arrival_utc,
        dice('repeated', occupied.customer_no, occupied.day_no) as repeat_die,
        dice('corrected', occupied.customer_no, occupied.day_no) as correct_die,
        case when charge_kwh > 0 and dice('charges', occupied.customer_no, occupied.day_no) < 0.42
            then 36 + floor(10 * dice('charge start', occupied.customer_no, occupied.day_no))::integer end
            as charge_from,
        2 + floor(5 * dice('charge length', occupied.customer_no, occupied.day_no))::integer as charge_slots
    from occupied
    left join away on away.customer_no = occupied.customer_no and away.local_date = occupied.local_date
    left join faulty on faulty.sp_no = occupied.sp_no and faulty.local_date = occupied.local_date
    where not coalesce(faulty.is_broken, false)
),

arrivals as (
    select *, usual_arrival_utc + to_days(days_late) as arrival_utc from sized
)

select *, arrival_utc as received_at, correct_die < 0.004 as is_estimate, 'first' as version from arrivals
union all
select *, arrival_utc + to_days(1 + floor(3 * repeat_die / 0.004)::integer), correct_die < 0.004, 'repeated'
from arrivals
where repeat_die < 0.004
union all
select *, arrival_utc + to_days(4 + floor(8 * correct_die / 0.004)::integer), false, 'corrected'
from arrivals
where correct_die < 0.004;

-- Load by cause, summed up over the meters of a region as they show it, but without the dice of single reads; never
-- for the pipeline. Meters of a day are summed up before half-hours are looked at, so a month takes a moment.
create macro load_parts(from_date, to_date) as table
with summed as (
    select
        region_no,
        local_date,
        profile_no * 256 as profile_base,
        charge_from,
        charge_slots,
        sum(shown_share * usual_kwh) as usual_kwh,
        sum(shown_share * ac_kwh * is_home::integer) as ac_kwh,
        sum(shown_share * heat_kwh) as heat_kwh,
        sum(shown_share * storage_kwh) as storage_kwh,
        sum(shown_share * charge_kwh * is_home::integer) as charge_kwh
    from meter_days(from_date, to_date, 0, 1000000)
    where version = 'first'
    group by region_no, local_date, profile_no, charge_from, charge_slots
)

select
    regions.region_code as region,
    date_trunc('hour', half_hours.start_utc) as start,
    round(sum(
        usual_kwh * profiles.share * dark_factor
        + case when slot >= charge_from and slot < charge_from + charge_slots then charge_kwh else 0 end
    ), 3) as base_kwh,
    round(sum(heat_kwh * cold_degrees + storage_kwh * night_cold_degrees), 3) as heating_kwh,
    round(sum(ac_kwh * hot_degrees), 3) as cooling_kwh
from summed
join half_hours(from_date, to_date) as half_hours using (region_no, local_date)
join profiles on profiles.profile_key = summed.profile_base + half_hours.kind_key
join regions using (region_no)
group by regions.region_code, date_trunc('hour', half_hours.start_utc)
order by region, start;

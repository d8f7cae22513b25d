-- What the feeders may carry.
-- Built for the customers of the first day, at the half-hour of a cold or a hot workday that takes most. Chance is part
-- of it: the few chargers of a feeder may all be at work, and the more customers, the more their moods even out.
create table feeder_peaks as
with installed as (
    select
        region_no,
        feeder_no,
        profile_no,
        sum((slot_kwh * kept)::decimal(18, 6)) as usual_kwh,
        sum((slot_kwh * kept * season_share)::decimal(18, 6)) as season_kwh,
        sum(((slot_kwh * kept) ** 2 * (day_noise ** 2 + noise ** 2 / 2))::decimal(18, 6)) as usual_variance,
        sum(ac_kwh::decimal(18, 6)) as ac_kwh,
        sum(heat_kwh::decimal(18, 6)) as heat_kwh,
        sum(storage_kwh::decimal(18, 6)) as storage_kwh,
        sum(charge_kwh::decimal(18, 6)) as charge_kwh,
        sum((charge_kwh ** 2)::decimal(18, 6)) as charge_kwh_squared
    from (
        select
            *,
            case when usage_falls_from < getvariable('first_date')::date then 0.7 else 1 end as kept
        from supplies
        where getvariable('first_date')::date between from_date and coalesce(to_date, date '9999-01-01')
            and installed_on <= getvariable('first_date')::date
            and coalesce(removed_on, date '9999-01-01') > getvariable('first_date')::date
    ) as supplied
    group by region_no, feeder_no, profile_no
),

slots as (
    select
        profile_key // 256 as profile_no,
        share,
        slot,
        (slot between 32 and 44)::integer as is_dark,
        (slot >= 44 or slot < 12)::integer as is_night,
        (slot between 38 and 46)::integer as is_charging
    from (select *, profile_key % 256 as slot from profiles) as numbered
    where slot < 48
),

summed as (
    select
        installed.region_no,
        installed.feeder_no,
        sum(
            (usual_kwh + season * season_kwh) * share * (1 + 0.18 * greatest(season, 0) * is_dark)
            + ac_kwh * hot_degrees
            + (heat_kwh + storage_kwh * is_night) * cold_degrees
            + 0.2 * charge_kwh * is_charging
        ) as mean_kwh,
        sum(usual_variance * share ** 2 + 0.16 * charge_kwh_squared * is_charging) as variance
    from installed
    join slots using (profile_no)
    cross join (values (1, 20, 0), (-1, 0, 9)) as seasons (season, cold_degrees, hot_degrees)
    group by installed.region_no, installed.feeder_no, slots.slot, seasons.season
)

select
    region_no,
    feeder_no,
    region_no * 10 + feeder_no as feeder_key,
    2 * max(mean_kwh + 2.3 * sqrt(variance)) as peak_kw
from summed
group by region_no, feeder_no;

-- Two feeders have become too small for their customers; some of the others were reinforced once.
create macro feeder_limits_known(cut) as table
with ranked as (
    select *, row_number() over (order by dice('reserve', feeder_key)) <= 2 as is_tight
    from feeder_peaks
),

rounds as (
    select *, getvariable('crm_start')::date as valid_from, 1.0 as factor from ranked
    union all
    select *, getvariable('crm_start')::date + 400 + floor(600 * dice('reinforced on', feeder_key))::integer, 1.15
    from ranked
    where not is_tight and dice('reinforced', feeder_key) < 0.3
)

select
    regions.region_code as region,
    regions.region_code || '-F' || rounds.feeder_no as feeder,
    valid_from,
    round(peak_kw * case when is_tight then 0.95 else 1.1 + 0.45 * dice('reserve', feeder_key) end * factor, 1)
    ::decimal(18, 1) as limit_kw,
    office_time(valid_from - 10, 'limit', feeder_key) as updated_at
from rounds
join regions using (region_no)
where office_time(valid_from - 10, 'limit', feeder_key) < cut
order by region, feeder, valid_from;

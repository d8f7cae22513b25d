-- What really befell meters and homes, by the alert type that should tell of it, and what was told.
with meters as (
    select distinct meter_id, customer_id
    from candidates
    where customer_id is not null
),

episodes as (
    select
        meter_id,
        case kind when 'breaks' then 'dead_meter' when 'drifts' then 'drift' else 'tamper_suspected' end as alert_type,
        happens_on as first_date,
        ends_on - 1 as last_date
    from '{folder}/meter_events.parquet'
    where kind in ('breaks', 'drifts', 'tampered')
    union all
    select meters.meter_id, 'vacancy', trips.starts_on, trips.ends_on
    from '{folder}/vacations.parquet' as trips
    inner join meters using (customer_id)
    union all
    select meters.meter_id, 'low_use', homes.usage_falls_from + 30, homes.usage_falls_from + 120
    from '{folder}/customers.parquet' as homes
    inner join meters using (customer_id)
    where homes.usage_falls_from is not null
),

-- An episode can be seen while its meter is watched, once it has gone on for five days.
visible as (
    select distinct episodes.*
    from episodes
    inner join candidates
        on episodes.meter_id = candidates.meter_id
        and candidates.watch_state = 'watched'
        and candidates.as_of_date between episodes.first_date + 6 and episodes.last_date + 7
    where episodes.first_date >= date '{first}' - 28 and episodes.last_date - episodes.first_date >= 4
        and episodes.first_date + 6 <= date '{last}'
),

-- One alert, however many days it was told and however its first day moved.
signs as (
    select distinct on (meter_id, alert_type, last_month)
        meter_id, alert_type, first_date, last_date, date_trunc('month', last_date) as last_month
    from candidates
    where alert_type <> 'none'
    order by meter_id, alert_type, last_month, last_date desc
),

told as (
    select distinct on (meter_id, alert_type, last_month)
        meter_id, alert_type, first_date, last_date, date_trunc('month', last_date) as last_month
    from published
    order by meter_id, alert_type, last_month, last_date desc
),

sums as (
    select
        alert_type, count(*) as episodes,
        count(*) filter (exists (
            select 1 from signs
            where signs.meter_id = visible.meter_id and signs.alert_type = visible.alert_type
                and signs.first_date <= visible.last_date + 2 and signs.last_date >= visible.first_date
        )) as found, 0 as signs, 0 as signs_right, 0 as published, 0 as published_right
    from visible
    group by alert_type
    union all
    select alert_type, 0, 0, count(*), count(*) filter (exists (
        select 1 from episodes
        where episodes.meter_id = signs.meter_id and episodes.alert_type = signs.alert_type
            and signs.first_date <= episodes.last_date + 2 and signs.last_date >= episodes.first_date
    )), 0, 0
    from signs
    group by alert_type
    union all
    select alert_type, 0, 0, 0, 0, count(*), count(*) filter (exists (
        select 1 from episodes
        where episodes.meter_id = told.meter_id and episodes.alert_type = told.alert_type
            and told.first_date <= episodes.last_date + 2 and told.last_date >= episodes.first_date
    ))
    from told
    group by alert_type
)

select
    alert_type,
    sum(episodes)::double as episodes,
    sum(found)::double as found,
    sum(signs)::double as signs,
    sum(signs_right)::double as signs_right,
    sum(published)::double as published,
    sum(published_right)::double as published_right
from sums
group by alert_type
order by alert_type

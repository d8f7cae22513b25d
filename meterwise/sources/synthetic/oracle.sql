-- Probability to leave within 90 days of a local day for one who knows every cause by then, but not the dice.
-- {folder} and {as_of_date} are filled in.
with hazards as (
    select * from read_parquet('{folder}/hazards.parquet')
),

events as (
    select * from read_parquet('{folder}/events.parquet') where occurred_on <= date '{as_of_date}'
),

periods as (
    select * from read_parquet('{folder}/notice_periods.parquet')
),

active as (
    select customers.customer_id, departures.left_on, departures.reason
    from read_parquet('{folder}/customers.parquet') as customers
    left join read_parquet('{folder}/departures.parquet') as departures using (customer_id)
    where customers.joined_on <= date '{as_of_date}'
        and (departures.notice_on is null or departures.notice_on > date '{as_of_date}')
),

-- Chance that a notice of a month falls behind the day, and that supply then ends within the 90 days.
weights as (
    select
        date_trunc('month', notice_on)::date as month_start,
        reason,
        avg((notice_on > date '{as_of_date}')::integer) as open_share,
        avg(
            case when notice_on > date '{as_of_date}'
                then greatest(0, least(
                    1, (date '{as_of_date}' + 90 - notice_on - shortest_days + 1) / (longest_days - shortest_days + 1.0)
                ))
                else 0 end
        ) as leave_share
    from (
        select unnest(generate_series(
            date_trunc('month', date '{as_of_date}'),
            date_trunc('month', date '{as_of_date}') + interval 4 month - interval 1 day, interval 1 day
        ))::date as notice_on
    ) as notice_days
    cross join periods
    group by date_trunc('month', notice_on)::date, reason
),

counted as (
    select
        customer_id,
        count(*) filter (kind = 'complaint' and occurred_on > date '{as_of_date}' - 90) as complaints_90d,
        count(*) filter (kind like '% payment' and occurred_on > date '{as_of_date}' - 180) as late_payments_180d,
        count(*) filter (kind = 'failed payment' and occurred_on > date '{as_of_date}' - 90) as failed_payments_90d,
        count(*) filter (kind in ('question', 'meter reading')) as friendly_contacts_365d,
        count(*) filter (kind = 'offer' and answer = 'accepted') as offers_365d
    from events
    where occurred_on > date '{as_of_date}' - 365
    group by customer_id
),

-- This month's hazard is given; for the months ahead, steady causes are foreseen and events stay as they are today.
known as (
    select
        hazards.customer_id,
        hazards.month_start,
        hazards.month_start <= date '{as_of_date}' as is_current,
        hazards.steady_logit + hazards.event_logit as current_logit,
        hazards.steady_logit + event_logit_of(
            coalesce(counted.complaints_90d, 0), coalesce(counted.late_payments_180d, 0),
            coalesce(counted.friendly_contacts_365d, 0),
            coalesce(counted.offers_365d, 0)
        ) as logit_ahead,
        hazards.h_move,
        hazards.h_closure,
        case when coalesce(counted.failed_payments_90d, 0) >= 2 then 0.10 else 0 end as h_nonpayment
    from hazards
    join active using (customer_id)
    left join counted using (customer_id)
),

chances as (
    select customer_id, month_start, reason, chance
    from (
        select
            customer_id,
            month_start,
            chance_of(case when is_current then current_logit else logit_ahead end) as switch,
            h_move as move,
            h_nonpayment as nonpayment,
            h_closure as closure
        from known
    ) as by_reason
    unpivot (chance for reason in (switch, move, nonpayment, closure))
),

monthly as (
    select
        chances.customer_id,
        chances.month_start,
        sum(chances.chance * weights.leave_share) as leaves,
        sum(chances.chance * weights.open_share) as gives_notice,
        sum(chances.chance * (1 - weights.open_share)) as gave_notice
    from chances
    join weights using (month_start, reason)
    group by chances.customer_id, chances.month_start
),

survived as (
    select
        customer_id,
        leaves / (1 - gave_notice) as leaves,
        coalesce(exp(sum(ln(1 - gives_notice)) over (
            partition by customer_id order by month_start rows between unbounded preceding and 1 preceding
        )), 1) as survival
    from monthly
),

oracle as (
    select customer_id, least(1, sum(survival * leaves)) as churn_probability
    from survived
    group by customer_id
)

select
    active.customer_id,
    round(coalesce(oracle.churn_probability, 0), 6) as churn_probability,
    coalesce(active.left_on <= date '{as_of_date}' + 90, false) as has_left,
    case when active.left_on <= date '{as_of_date}' + 90 then active.reason end as reason
from active
left join oracle using (customer_id)
order by active.customer_id

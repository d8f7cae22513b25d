-- Second half of a generation: what weighs on its customers month by month, who leaves, and who comes after them.
-- {generation} is filled in.
insert into customer_months
with counted as (
    select
        exposures.customer_no,
        exposures.month_no,
        count(*) filter (kind = 'complaint' and occurred_on >= month_start - 90) as complaints_90d,
        count(*) filter (kind like '% payment' and occurred_on >= month_start - 180) as late_payments_180d,
        count(*) filter (kind = 'failed payment' and occurred_on >= month_start - 90) as failed_payments_90d,
        count(*) filter (kind in ('question', 'meter reading')) as friendly_contacts_365d,
        count(*) filter (kind = 'offer' and answer = 'accepted') as offers_365d
    from exposures
    join events using (customer_no)
    where events.occurred_on < exposures.month_start and events.occurred_on >= exposures.month_start - 365
    group by exposures.customer_no, exposures.month_no
),

causes as (
    select
        newcomers.*,
        exposures.month_no,
        exposures.month_start,
        own_prices.price / market_prices.price_per_kwh::double - 1 as price_gap_pct,
        coalesce(own_prices.rise_pct, 0) as price_rise_pct,
        is_term_end_near(
            case when relocations.relocated_on <= exposures.month_start then relocations.relocated_on
                else newcomers.joined_on end,
            exposures.month_start, newcomers.term_months
        ) as is_term_end_near,
        coalesce(exposures.month_start between usage_falls_from + 20 and usage_falls_from + 200, false)
            as is_usage_falling,
        coalesce(counted.complaints_90d, 0) as complaints_90d,
        coalesce(counted.late_payments_180d, 0) as late_payments_180d,
        coalesce(counted.failed_payments_90d, 0) as failed_payments_90d,
        coalesce(counted.friendly_contacts_365d, 0) as friendly_contacts_365d,
        coalesce(counted.offers_365d, 0) as offers_365d
    from exposures
    join newcomers using (customer_no)
    join own_prices on own_prices.month_no = exposures.month_no and own_prices.tariff_code = newcomers.base_tariff
    join regions on regions.region_no = newcomers.region_no
    join market_prices
        on market_prices.region_code = regions.region_code and market_prices.valid_from = exposures.month_start
    left join relocations on relocations.customer_no = newcomers.customer_no
    left join counted on counted.customer_no = exposures.customer_no and counted.month_no = exposures.month_no
),

weighed as (
    select
        *,
        steady_logit_of(
            customer_class, price_gap_pct, price_rise_pct, price_sensitivity, is_term_end_near, is_usage_falling,
            month_start - joined_on
        ) as steady_logit,
        event_logit_of(
            complaints_90d, late_payments_180d, friendly_contacts_365d, offers_365d
        ) as event_logit
    from causes
)

select
    customer_no,
    month_no,
    month_start,
    steady_logit,
    event_logit,
    price_gap_pct,
    price_rise_pct,
    is_term_end_near,
    is_usage_falling,
    complaints_90d,
    late_payments_180d,
    failed_payments_90d,
    friendly_contacts_365d,
    offers_365d,
    chance_of(steady_logit + event_logit) as h_switch,
    case building_type when 'flat' then 0.0025 when 'house' then 0.0007 else 0 end as h_move,
    case when failed_payments_90d >= 2 then 0.10 else 0 end as h_nonpayment,
    case customer_class when 'shop' then 0.0018 when 'factory' then 0.0006 else 0 end as h_closure
from weighed;

insert into exits
with leaving as (
    select
        customer_no,
        month_no,
        month_start,
        case
            when dice('exit', customer_no, month_no) < h_switch then 'switch'
            when dice('exit', customer_no, month_no) < h_switch + h_move then 'move'
            when dice('exit', customer_no, month_no) < h_switch + h_move + h_nonpayment then 'nonpayment'
            else 'closure'
        end as reason
    from customer_months
    join newcomers using (customer_no)
    where dice('exit', customer_no, month_no) < h_switch + h_move + h_nonpayment + h_closure
    qualify row_number() over (partition by customer_no order by month_no) = 1
),

dated as (
    select
        leaving.*,
        leaving.month_start + floor(months.month_days * dice('notice day', customer_no))::integer as notice_on,
        notice_periods.shortest_days
            + floor(
                (1 + notice_periods.longest_days - notice_periods.shortest_days) * dice('notice period', customer_no)
            )::integer
            as notice_days
    from leaving
    join months using (month_no)
    join notice_periods using (reason)
)

select
    customer_no,
    month_no,
    reason,
    office_time(notice_on, 'notice', customer_no),
    notice_on,
    notice_on + notice_days
from dated;

-- A relocation that would fall behind the notice does not take place.
delete from relocations
using exits
where relocations.customer_no = exits.customer_no and relocations.relocated_on > exits.notice_on - 35;

-- The next customer of a lane: after a move the new tenant, else someone won elsewhere.
create or replace temp table successors as
select
    newcomers.lane_no + {generation} * getvariable('block') as customer_no,
    newcomers.lane_no,
    newcomers.generation + 1 as generation,
    case
        when exits.reason = 'move' then coalesce(relocations.new_sp_no, newcomers.sp_no)
        else newcomers.lane_no + {generation} * getvariable('block')
    end as sp_no,
    exits.left_on + 1 + floor(60 * dice('vacancy', newcomers.customer_no))::integer as joined_on
from newcomers
join exits using (customer_no)
left join relocations on relocations.customer_no = newcomers.customer_no
where exits.left_on + 61 < getvariable('world_end')::date;

delete from arrivals;
insert into arrivals select * from successors;

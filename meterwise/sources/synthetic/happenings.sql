-- One generation of customers: who they are and what happens to them. Run once per generation; each begins where
-- customers of the one before it left. {generation} is filled in.
insert into customers select * from traits_of('arrivals');

create or replace temp table newcomers as select * from customers where generation = {generation};

-- Everything that can happen in a month, whether or not the customer is still there: leaving cuts it off later.
create or replace temp table exposures as
select
    newcomers.customer_no,
    months.month_no,
    months.month_start,
    months.month_days
from newcomers
join months on months.month_start > newcomers.joined_on and months.month_start >= getvariable('crm_start')::date;

insert into events
with happenings as (
    select
        exposures.*,
        newcomers.joined_on,
        newcomers.payer_risk,
        newcomers.temper,
        newcomers.engagement
    from exposures
    join newcomers using (customer_no)
),

kinds as (
    select customer_no, month_no, month_start, month_days, 'complaint' as kind, 0.016 * temper as chance
    from happenings
    union all
    select customer_no, month_no, month_start, month_days, 'question', 0.042 * engagement
    from happenings
    union all
    select customer_no, month_no, month_start, month_days, 'meter reading', 0.025 * engagement
    from happenings
)

select
    customer_no,
    month_start + floor(month_days * dice(kind || ' day', customer_no, month_no))::integer,
    kind,
    month_no,
    null,
    null
from kinds
where dice(kind, customer_no, month_no) < chance
union all
select
    customer_no,
    month_start + 4,
    case
        when dice('payment', customer_no, month_no) < 0.25 * (0.01 + 0.34 * payer_risk) then 'failed payment'
        else 'late payment'
    end,
    month_no,
    (3 + floor(27 * dice('days late', customer_no, month_no) ** 2))::integer::varchar,
    null
from happenings
where dice('payment', customer_no, month_no) < 0.01 + 0.34 * payer_risk
union all
select
    newcomers.customer_no,
    waves.starts_on + floor(20 * dice('wave day', newcomers.customer_no, waves.wave_no))::integer,
    case when dice('control', newcomers.customer_no, waves.wave_no) < 0.15 then 'offer withheld' else 'offer' end,
    waves.wave_no,
    offers.offer_code,
    case
        when dice('control', newcomers.customer_no, waves.wave_no) < 0.15 then null
        when dice('answer', newcomers.customer_no, waves.wave_no)
            < acceptance_of(offers.offer_code, has_ev, building_type, price_sensitivity) then 'accepted'
        when dice('answer', newcomers.customer_no, waves.wave_no) < 0.4 then 'declined'
        else 'no answer'
    end
from newcomers
join campaign_waves as waves on waves.starts_on > newcomers.joined_on
join offers
    on dice('offer', newcomers.customer_no, waves.wave_no) >= offers.from_share
    and dice('offer', newcomers.customer_no, waves.wave_no) < offers.to_share
where dice('contacted', newcomers.customer_no, waves.wave_no) < 0.35
    and dice('consent', newcomers.customer_no) < 0.55;

insert into relocations
with moves as (
    select
        customer_no,
        min(month_start + floor(month_days * dice('relocation day', customer_no, month_no))::integer) as relocated_on
    from exposures
    join newcomers using (customer_no)
    where dice('relocation', customer_no, month_no)
        < case customer_class when 'household' then 0.003 when 'shop' then 0.001 else 0 end
        and month_start > joined_on + 90
    group by customer_no
)

select
    customer_no,
    relocated_on,
    office_time(
        relocated_on - 7 - floor(20 * dice('relocation told', customer_no))::integer, 'relocation', customer_no
    ),
    50 * getvariable('block') + customer_no
from moves;

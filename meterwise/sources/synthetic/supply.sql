-- Who is supplied where and when, under which contract, through which meter: the whole of it, known or not yet.
create macro code_of(letter, number) as letter || format('{:06d}', number);

create table stays as
select
    customers.customer_no,
    1 as stay_no,
    customers.sp_no,
    customers.joined_on as from_date,
    least(exits.left_on, relocations.relocated_on - 1) as to_date,
    customers.signed_at as told_at,
    case when relocations.customer_no is not null then relocations.announced_at else exits.notice_at end as end_told_at
from customers
left join relocations using (customer_no)
left join exits using (customer_no)
union all
select
    relocations.customer_no,
    2,
    relocations.new_sp_no,
    relocations.relocated_on,
    exits.left_on,
    relocations.announced_at,
    exits.notice_at
from relocations
left join exits using (customer_no);

-- A fixed term ends in a new contract, unless notice was given before.
create table contracts as
with terms as (
    select
        stays.*,
        customers.term_months,
        customers.base_tariff,
        customers.annual_kwh,
        customers.customer_class,
        exits.notice_on,
        unnest(range(0, 240, customers.term_months)) as months_on
    from stays
    join customers using (customer_no)
    left join exits using (customer_no)
),

begun as (
    select
        *,
        (from_date + to_months(months_on::integer))::date as start_on,
        row_number() over (partition by customer_no order by stay_no, months_on) as contract_no
    from terms
    where (from_date + to_months(months_on::integer))::date <= coalesce(to_date, getvariable('world_end')::date)
        and (months_on = 0 or notice_on is null or notice_on > (from_date + to_months(months_on::integer))::date)
),

chained as (
    select
        *,
        lead(start_on) over (partition by customer_no order by contract_no) as next_start_on,
        lead(stay_no) over (partition by customer_no order by contract_no) as next_stay_no
    from begun
)

select
    chained.customer_no,
    chained.contract_no,
    chained.sp_no,
    chained.start_on,
    chained.term_months,
    coalesce(chained.next_start_on - 1, chained.to_date) as end_on,
    case
        when chained.next_start_on is null then exits.reason
        when chained.next_stay_no > chained.stay_no then 'relocation'
        else 'renewal'
    end as end_reason,
    case when chained.next_start_on is null then exits.notice_on end as notice_on,
    case when chained.months_on = 0 then chained.told_at else to_utc(chained.start_on) + interval 5 minute end
        as entered_at,
    case
        when chained.next_start_on is null or chained.next_stay_no > chained.stay_no then chained.end_told_at
        else to_utc(chained.next_start_on) + interval 5 minute
    end as ended_at,
    case
        when chained.base_tariff in ('BUSINESS', 'NIGHT') then chained.base_tariff
        when dice('other tariff', chained.customer_no, chained.contract_no) < 0.92 then chained.base_tariff
        when chained.base_tariff = 'FLAT' then 'TOU'
        else 'FLAT'
    end as tariff_code,
    case chained.customer_class
        when 'household' then case when dice('connection', chained.sp_no) < 0.8 then 14.5 else 22 end
        else 10 + 5 * ceil(chained.annual_kwh / 8760 * 4.5 / 5)
    end::decimal(9, 1) as contracted_kw
from chained
left join exits using (customer_no)
where coalesce(chained.next_start_on - 1, chained.to_date, date '9999-01-01') >= getvariable('crm_start')::date;

-- Points of supply and what befalls their meters.
create table points as
select
    stays.sp_no,
    arg_min(customers.region_no, stays.from_date) as region_no,
    arg_min(customers.feeder_no, stays.from_date) as feeder_no,
    arg_min(customers.customer_class, stays.from_date) as customer_class,
    arg_min(customers.annual_kwh, stays.from_date) as annual_kwh,
    min(stays.told_at) as entered_at,
    least(min(stays.from_date), getvariable('crm_start')::date)
        - 200 - floor(1500 * dice('first meter', stays.sp_no))::integer as first_meter_on
from stays
join customers using (customer_no)
group by stays.sp_no;

create table meter_events as
with years as (
    select distinct year(month_start)::bigint as year_no from months
),

rolled as (
    select
        points.sp_no,
        years.year_no,
        make_date(years.year_no, 1, 1) + floor(365 * dice('meter event day', points.sp_no, years.year_no))::integer
            as happens_on,
        case
            when dice('meter event', points.sp_no, years.year_no) < 0.020 then 'breaks'
            when dice('meter event', points.sp_no, years.year_no) < 0.032 then 'drifts'
            when dice('meter event', points.sp_no, years.year_no) < 0.042 then 'tampered'
            else 'planned exchange'
        end as kind
    from points
    cross join years
    where dice('meter event', points.sp_no, years.year_no) < 0.075
)

select
    *,
    case kind
        when 'breaks' then happens_on + 6 + floor(36 * dice('repair', sp_no, year_no))::integer
        when 'drifts' then happens_on + 90 + floor(200 * dice('repair', sp_no, year_no))::integer
        when 'tampered' then happens_on + 60 + floor(320 * dice('repair', sp_no, year_no))::integer
        else happens_on
    end as ends_on,
    0.35 + 0.4 * dice('strength', sp_no, year_no) as strength
from rolled
where happens_on > getvariable('crm_start')::date;

create table meters as
with exchanges as (
    select sp_no, first_meter_on as installed_on from points
    union
    select sp_no, ends_on from meter_events where kind <> 'tampered'
)

select
    sp_no,
    row_number() over (partition by sp_no order by installed_on) as meter_no,
    installed_on,
    lead(installed_on) over (partition by sp_no order by installed_on) as removed_on
from exchanges;

-- What a customer does ends with the contract; payments and calls may follow for a few weeks.
create table happened as
select events.*, customers.payment_method, customers.annual_kwh, customers.base_tariff
from events
join customers using (customer_no)
left join exits using (customer_no)
where exits.left_on is null or events.occurred_on <= exits.left_on;

-- Lanes: places in the book that hold one customer after another, so that the number of customers stays the same.
create table lanes as
select
    lane_no::bigint as lane_no,
    case
        when lane_no % 50 = 25 then 'factory'
        when lane_no % 10 = 3 then 'shop'
        else 'household'
    end as customer_class,
    case
        when dice('region', lane_no) < 0.32 then 1 when dice('region', lane_no) < 0.58 then 2
        when dice('region', lane_no) < 0.82 then 3 else 4
    end as region_no,
    1 + floor(3 * dice('feeder', lane_no))::integer as feeder_no
from range(1, getvariable('lanes') + 1) as numbered (lane_no);

create table customers (
    customer_no bigint, lane_no bigint, generation integer, sp_no bigint, customer_class varchar, region_no integer,
    feeder_no integer, signed_at timestamp, joined_on date, term_months integer, base_tariff varchar,
    building_type varchar, payment_method varchar, payer_risk double, temper double, engagement double,
    price_sensitivity double, usage_falls_from date, annual_kwh double, has_ac boolean, has_heat_pump boolean,
    has_night_storage boolean, has_ev boolean
);

-- What one customer is like, from dice alone; a new tenant of the same place finds its heating there.
create macro traits_of(arrivals) as table
with rolled as (
    select
        arrivals.*,
        lanes.customer_class,
        lanes.region_no,
        lanes.feeder_no,
        dice('building', sp_no) as building_die,
        dice('heating', sp_no) as heating_die,
        normal('annual kwh', customer_no) as size
    from query_table(arrivals) as arrivals
    join lanes using (lane_no)
),

typed as (
    select
        *,
        case
            when customer_class = 'factory' then 'works'
            when customer_class = 'shop' then case when building_die < 0.7 then 'premises' else 'mall' end
            when building_die < 0.58 then 'flat'
            else 'house'
        end as building_type
    from rolled
),

heated as (
    select
        *,
        customer_class = 'household' and heating_die < 0.11 as has_night_storage,
        customer_class = 'household' and building_type = 'house' and heating_die > 0.80 as has_heat_pump,
        customer_class = 'household'
            and dice('ev', customer_no) < case building_type when 'house' then 0.17 else 0.04 end as has_ev,
        dice('ac', sp_no) < case customer_class when 'household' then 0.24 when 'shop' then 0.65 else 0.4 end as has_ac
    from typed
)

select
    customer_no,
    lane_no,
    generation,
    sp_no,
    customer_class,
    region_no,
    feeder_no,
    office_time(joined_on - 5 - floor(25 * dice('signing', customer_no))::integer, 'signed', customer_no) as signed_at,
    joined_on,
    case when dice('term', customer_no) < 0.72 then 12 else 24 end as term_months,
    case
        when customer_class <> 'household' then 'BUSINESS'
        when has_night_storage then 'NIGHT'
        when dice('tariff', customer_no) < case when has_ev then 0.45 else 0.15 end then 'TOU'
        else 'FLAT'
    end as base_tariff,
    building_type,
    case when dice('payment method', customer_no) < 0.74 then 'direct debit' else 'transfer' end as payment_method,
    dice('payer', customer_no) ** 5 as payer_risk,
    0.35 + 2.4 * dice('temper', customer_no) ** 3 as temper,
    0.2 + 1.6 * dice('engagement', customer_no) as engagement,
    0.4 + 1.2 * dice('price sensitivity', customer_no) as price_sensitivity,
    case
        when dice('falls', customer_no) < 0.6
            then getvariable('crm_start')::date + floor(2000 * dice('falls from', customer_no))::integer
    end as usage_falls_from,
    case customer_class
        when 'household' then case building_type when 'house' then 3100 else 1900 end * exp(0.38 * size)
        when 'shop' then 15000 * exp(0.55 * size)
        else 90000 * exp(0.6 * size)
    end as annual_kwh,
    has_ac,
    has_heat_pump,
    has_night_storage,
    has_ev
from heated;

create table arrivals (customer_no bigint, lane_no bigint, generation integer, sp_no bigint, joined_on date);

insert into arrivals
select
    lane_no,
    lane_no,
    1,
    lane_no,
    getvariable('crm_start')::date - 30 - floor(3400 * dice('first joined', lane_no) ** 1.4)::integer
from lanes;

-- One row per customer and month in which notice can be given: the month after joining and later.
create table customer_months (
    customer_no bigint, month_no integer, month_start date, steady_logit double, event_logit double,
    price_gap_pct double, price_rise_pct double, is_term_end_near boolean, is_usage_falling boolean,
    complaints_90d bigint, late_payments_180d bigint, failed_payments_90d bigint, friendly_contacts_365d bigint,
    offers_365d bigint, h_switch double, h_move double, h_nonpayment double, h_closure double
);

-- What happens to a customer and weighs on leaving; also the substance of the CRM's own event tables.
create table events (
    customer_no bigint, occurred_on date, kind varchar, event_no bigint, detail varchar, answer varchar
);

create table exits (
    customer_no bigint, month_no integer, reason varchar, notice_at timestamp, notice_on date, left_on date
);

create table relocations (
    customer_no bigint, relocated_on date, announced_at timestamp, new_sp_no bigint
);

create table own_prices as
select
    months.month_no,
    months.month_start,
    tariffs.tariff_code,
    tariffs.price_per_kwh::double + coalesce(0.3 * (tariffs.peak_price_per_kwh - tariffs.price_per_kwh)::double, 0)
        as price,
    (tariffs.next_from between months.month_start and months.month_start + 42)::integer
        * (ahead.price_per_kwh / tariffs.price_per_kwh - 1)::double as rise_pct
from months
join tariffs
    on tariffs.valid_from <= months.month_start
    and (tariffs.next_from is null or tariffs.next_from > months.month_start)
left join tariffs as ahead on ahead.tariff_code = tariffs.tariff_code and ahead.valid_from = tariffs.next_from;

create table campaign_waves as
select
    month_start + 9 as starts_on,
    year(month_start) || 'Q' || quarter(month_start) as wave,
    (year(month_start) * 10 + quarter(month_start))::bigint as wave_no
from months
where month(month_start) % 3 = 2;

create table offers as
select *
from (values
    ('LOYALTY', 0.0, 0.42), ('GREEN', 0.42, 0.68), ('TIME-OF-USE', 0.68, 0.84), ('SOLAR', 0.84, 1.0)
) as listed (offer_code, from_share, to_share);

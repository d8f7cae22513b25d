-- The CRM as it looked at one moment: every macro takes the cut (UTC) and shows what had been entered before it.
-- A future end is there only once notice was given; updated_at is the last change that had been made by then.
create macro customers_known(cut) as table
with told as (
    select
        customers.*,
        exits.left_on,
        exits.notice_at,
        dice('consent', customers.customer_no) < 0.55 as gave_consent,
        case
            when dice('consent changes', customers.customer_no) < 0.08
                then office_time(
                    getvariable('crm_start')::date + floor(2000 * dice('consent day', customers.customer_no))::integer,
                    'consent', customers.customer_no
                )
        end as consent_changed_at
    from customers
    left join exits using (customer_no)
    where customers.signed_at < cut
        and coalesce(exits.left_on, date '9999-01-01') >= getvariable('crm_start')::date
),

changed as (
    select
        *,
        coalesce(consent_changed_at < cut and consent_changed_at > signed_at, false) as has_changed_consent,
        coalesce(notice_at < cut, false) as has_given_notice
    from told
),

syllables as (select ['mar', 'len', 'tor', 'vik', 'sa', 'bel', 'dro', 'nim', 'kas', 'ul', 'fen', 'gar'] as parts)

select
    code_of('C', customer_no) as id,
    case customer_class when 'household' then 'HH' when 'shop' then 'SH' else 'FA' end as segment,
    'Xq' || parts[1 + customer_no % 12] || parts[1 + customer_no // 12 % 12] || ' '
        || parts[1 + customer_no // 144 % 12] || parts[1 + floor(12 * dice('surname', customer_no))::integer] || '-'
        || customer_no as full_name,
    format('+49 5550 {:07d}', customer_no) as phone,
    'xq' || customer_no || '@post.example' as email,
    format(
        'Xqweg {}, {:05d} {}ort', 1 + customer_no % 97, 10000 * region_no + customer_no % 9999,
        parts[1 + floor(12 * dice('town', customer_no))::integer]
    ) as postal_address,
    joined_on as customer_since,
    case when has_given_notice then left_on end as left_on,
    case when dice('personalisation', customer_no) < 0.07 then 'off' else 'on' end as personalisation,
    gave_consent <> has_changed_consent as marketing_consent,
    dice('analytics', customer_no) < 0.93 as analytics_consent,
    building_type,
    payment_method,
    greatest(
        signed_at,
        case when has_changed_consent then consent_changed_at end,
        case when has_given_notice then notice_at end
    ) as updated_at
from changed
cross join syllables
order by id;

create macro contracts_known(cut) as table
with known as (
    select *, coalesce(ended_at < cut, false) as is_end_known
    from contracts
    where entered_at < cut
)

select
    code_of('K', customer_no) || '-' || contract_no as contract_no,
    code_of('C', customer_no) as customer_id,
    code_of('SP', sp_no) as supply_point,
    tariff_code as tariff,
    start_on as starts_on,
    case when is_end_known then end_on end as ends_on,
    case when is_end_known then notice_on end as notice_on,
    case when is_end_known then end_reason end as end_reason,
    contracted_kw as agreed_kw,
    term_months,
    case when is_end_known then greatest(entered_at, ended_at) else entered_at end as updated_at
from known
order by contract_no;

create macro meters_known(cut) as table
with dated as (
    select
        meters.*,
        points.customer_class,
        points.annual_kwh,
        greatest(points.entered_at, office_time(meters.installed_on, 'installed', meters.sp_no)) as entered_at,
        office_time(meters.removed_on, 'installed', meters.sp_no) as removed_at
    from meters
    join points using (sp_no)
)

select
    code_of('M', sp_no) || '-' || meter_no as serial_no,
    code_of('SP', sp_no) as supply_point,
    installed_on,
    case when removed_at < cut then removed_on end as removed_on,
    case customer_class when 'household' then 22 else 20 + 10 * ceil(annual_kwh / 8760 * 6 / 10) end::decimal(9, 1)
        as capacity_kw,
    1::decimal(9, 1) as multiplier,
    case when removed_at < cut then greatest(entered_at, removed_at) else entered_at end as updated_at
from dated
where entered_at < cut
order by serial_no;

create macro service_points_known(cut) as table
select
    code_of('SP', sp_no) as supply_point,
    regions.region_code as region,
    regions.region_code || '-F' || feeder_no as feeder,
    regions.station_code as weather_station,
    entered_at as updated_at
from points
join regions using (region_no)
where entered_at < cut
order by supply_point;

create macro interactions_known(cut) as table
with calls as (
    select
        code_of('I', customer_no) || '-' || event_no || kind[1] as id,
        customer_no,
        office_time(occurred_on, kind, customer_no) as occurred_at,
        kind,
        case kind when 'complaint' then 1 + floor(20 * dice('solved', customer_no, event_no) ** 2) else 0 end
            as days_open
    from happened
    where kind in ('complaint', 'question', 'meter reading')
    union all
    select code_of('I', customer_no) || '-r', customer_no, announced_at, 'moving', 0 from relocations
    union all
    select code_of('I', customer_no) || '-x', customer_no, notice_at, 'moving', 0 from exits where reason = 'move'
),

known as (
    select *, occurred_at + to_seconds((days_open * 86400 + 300)::bigint) as solved_at
    from calls
    where occurred_at < cut
)

select
    id,
    code_of('C', customer_no) as customer_id,
    occurred_at,
    kind,
    case when solved_at < cut then 'solved' else 'open' end as outcome,
    case when solved_at < cut then solved_at else occurred_at end as updated_at
from known
order by id;

create macro payments_known(cut) as table
with due as (
    select
        customers.customer_no,
        months.month_no,
        months.month_start,
        customers.payment_method,
        customers.annual_kwh,
        own_prices.price,
        to_utc(months.month_start + 4) + interval 6 hour as due_at,
        case happened.kind when 'failed payment' then 'failed' when 'late payment' then 'late' else 'on time' end
            as final_outcome,
        coalesce(case happened.kind when 'failed payment' then 3 else happened.detail::integer end, 0) as days_late
    from customers
    join months on months.month_start > customers.joined_on and months.month_start >= getvariable('crm_start')::date
    join own_prices on own_prices.month_no = months.month_no and own_prices.tariff_code = customers.base_tariff
    left join exits using (customer_no)
    left join happened
        on happened.customer_no = customers.customer_no
        and happened.event_no = months.month_no
        and happened.kind in ('late payment', 'failed payment')
    where exits.left_on is null or months.month_start + 4 <= exits.left_on
),

known as (
    select
        *,
        case when final_outcome = 'on time' then due_at else due_at + to_days(days_late) end as settled_at
    from due
    where due_at < cut
)

select
    code_of('P', customer_no) || '-' || strftime(month_start, '%Y%m') as id,
    code_of('C', customer_no) as customer_id,
    due_at,
    payment_method as kind,
    case when settled_at < cut then final_outcome else 'open' end as outcome,
    round(annual_kwh * price / 12 + 11, 2)::decimal(12, 2) as amount,
    case when settled_at >= cut or final_outcome = 'failed' then null else days_late end as days_late,
    case when settled_at < cut then settled_at else due_at end as updated_at
from known
order by id;

create macro campaign_contacts_known(cut) as table
with contacts as (
    select
        *,
        office_time(occurred_on, 'campaign', customer_no) as contacted_at,
        office_time(
            occurred_on + 1 + floor(12 * dice('answer day', customer_no, event_no))::integer, 'answer', customer_no
        )
            as answered_at
    from happened
    where kind in ('offer', 'offer withheld')
)

select
    code_of('A', customer_no) || '-' || event_no as id,
    code_of('C', customer_no) as customer_id,
    contacted_at,
    detail as offer,
    case
        when dice('campaign channel', customer_no) < 0.6 then 'e-mail'
        when dice('campaign channel', customer_no) < 0.85 then 'letter'
        else 'phone'
    end as channel,
    event_no // 10 || 'Q' || event_no % 10 as wave,
    kind = 'offer' as treated,
    case when answered_at < cut then answer end as outcome,
    case when answered_at < cut and answer is not null then answered_at else contacted_at end as updated_at
from contacts
where contacted_at < cut
order by id;

create macro tariffs_listed(cut) as table
select
    tariff_code as tariff,
    valid_from,
    valid_to,
    kind,
    price_per_kwh as price,
    peak_price_per_kwh as peak_price,
    standing_charge_per_day as standing_charge,
    periods,
    updated_at
from tariffs_known(cut)
order by tariff, valid_from;

create macro market_prices_known(cut) as table
select region_code as region, valid_from, price_per_kwh as price, received_at as updated_at
from market_prices
where received_at < cut
order by region, valid_from;

create macro holidays_known(cut) as table
select
    '*' as region,
    holiday_on,
    holiday_name as name,
    make_timestamp(year(holiday_on) - 2, 12, 1, 9, 0, 0) as updated_at
from holiday_dates
where make_timestamp(year(holiday_on) - 2, 12, 1, 9, 0, 0) < cut
order by region, holiday_on;

-- The same for all regions, but for the summer, when not all shall travel at once.
create macro school_holidays_known(cut) as table
with years as (
    select year(holiday_on) as year_no, holiday_on as good_friday
    from holiday_dates
    where month(holiday_on) in (3, 4) and isodow(holiday_on) = 5
),

stretches as (
    select '*' as region, make_date(year_no, 2, 1) as first_on, 6 as days, 'Winter' as name from years
    union all
    select '*', good_friday - 4, 13, 'Easter' from years
    union all
    select regions.region_code, make_date(years.year_no, 6, 17) + 8 * regions.region_no, 44, 'Summer'
    from years
    cross join regions
    union all
    select '*', make_date(year_no, 10, 12), 13, 'Autumn' from years
    union all
    select '*', make_date(year_no, 12, 23), 14, 'Christmas' from years
)

select
    region,
    first_on,
    first_on + days - 1 as last_on,
    name,
    make_timestamp(year(first_on) - 2, 12, 1, 9, 0, 0) as updated_at
from stretches
where make_timestamp(year(first_on) - 2, 12, 1, 9, 0, 0) < cut
order by region, first_on;

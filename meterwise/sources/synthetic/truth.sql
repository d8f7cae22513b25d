-- What no pipeline code may read: the causes and the dice. Tests and reports on the oracle do.
create or replace view truth_customers as
select
    code_of('C', customer_no) as customer_id,
    customer_class,
    joined_on,
    has_ac,
    has_heat_pump,
    has_night_storage,
    has_ev,
    round(annual_kwh, 0)::bigint as usual_annual_kwh,
    usage_falls_from,
    round(price_sensitivity, 4) as price_sensitivity
from customers
order by customer_id;

create or replace view truth_departures as
select
    code_of('C', customer_no) as customer_id,
    reason,
    notice_at,
    notice_on,
    left_on
from exits
order by customer_id;

-- The hazards of giving notice in a month, given the causes at its beginning; they go on after the notice, since
-- where the rows end must not tell who leaves.
create or replace view truth_hazards as
select
    code_of('C', customer_months.customer_no) as customer_id,
    customer_months.month_start,
    round(steady_logit, 6) as steady_logit,
    round(event_logit, 6) as event_logit,
    round(price_gap_pct, 6) as price_gap_pct,
    round(price_rise_pct, 6) as price_rise_pct,
    is_term_end_near,
    is_usage_falling,
    complaints_90d,
    late_payments_180d,
    failed_payments_90d,
    friendly_contacts_365d,
    offers_365d,
    round(h_switch, 8) as h_switch,
    round(h_move, 8) as h_move,
    round(h_nonpayment, 8) as h_nonpayment,
    round(h_closure, 8) as h_closure
from customer_months
order by customer_id, month_start;

create or replace view truth_events as
select code_of('C', customer_no) as customer_id, occurred_on, kind, answer
from happened
order by customer_id, occurred_on, kind, event_no;

create or replace view truth_notice_periods as
select reason, shortest_days, longest_days
from notice_periods
order by reason;

create or replace view truth_offer_chances as
select
    code_of('C', customer_no) as customer_id,
    offer_code,
    round(acceptance_of(offer_code, has_ev, building_type, price_sensitivity), 6) as acceptance_chance
from customers
cross join offers
order by customer_id, offer_code;

create or replace view truth_meter_events as
select
    code_of('SP', meter_events.sp_no) as service_point_id,
    code_of('M', meters.sp_no) || '-' || meters.meter_no as meter_id,
    meter_events.kind,
    meter_events.happens_on,
    meter_events.ends_on,
    round(case meter_events.kind when 'tampered' then meter_events.strength end, 4) as hidden_share
from meter_events
join meters
    on meters.sp_no = meter_events.sp_no
    and meter_events.happens_on >= meters.installed_on
    and meter_events.happens_on < coalesce(meters.removed_on, date '9999-01-01')
order by service_point_id, meter_events.happens_on, meter_events.kind;

create or replace view truth_vacations as
select code_of('C', customer_no) as customer_id, starts_on, ends_on
from vacations
order by customer_id, starts_on;

-- Why customers leave: weak causes, as in reality. These numbers are fixed; quality is reported against them.
create macro chance_of(logit) as 1 / (1 + exp(-logit));

create macro is_term_end_near(anchor, month_start, term_months) as
    term_months - datediff('month', anchor, month_start) % term_months <= 2;

create macro steady_logit_of(
    customer_class, price_gap_pct, price_rise_pct, price_sensitivity, is_term_end_near, is_usage_falling, tenure_days
) as
    case customer_class when 'household' then -6.75 when 'shop' then -6.65 else -7.1 end
    + 8 * price_sensitivity * least(0.25, greatest(-0.15, price_gap_pct))
    + 8 * greatest(0, price_rise_pct)
    + case when is_term_end_near then 1.7 else 0 end
    + case when is_usage_falling then 1.5 else 0 end
    + case when tenure_days < 365 then 0.7 when tenure_days > 1825 then -0.6 else 0 end;

create macro event_logit_of(complaints_90d, late_payments_180d, friendly_contacts_365d, offers_365d) as
    1.35 * least(2, complaints_90d)
    + 0.55 * least(4, late_payments_180d)
    - 0.4 * least(2, friendly_contacts_365d)
    - 0.8 * least(1, offers_365d);

create table notice_periods as
select *
from (values ('switch', 14, 45), ('move', 5, 34), ('nonpayment', 20, 34), ('closure', 20, 60))
    as listed (reason, shortest_days, longest_days);

-- Who answers which offer: a few per cent, more where the offer fits.
create macro acceptance_of(offer_code, has_ev, building_type, price_sensitivity) as
    case offer_code
        when 'LOYALTY' then 0.022 + 0.018 * price_sensitivity
        when 'GREEN' then 0.026
        when 'TIME-OF-USE' then 0.022 + case when has_ev then 0.09 else 0 end
        else case building_type when 'house' then 0.034 else 0.004 end
    end;

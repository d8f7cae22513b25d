{# Rating, fourth step: which kWh are in which tier. #}

{# One row per piece, tiered component, tier and period of the bill: kWh in millionths.

   A step is what tiers are filled by: a piece, or a day of it where the tariff splits by day. A step fills the tiers from
   where the steps before it in the same month or year left off. Where tiers have prices by period, what a step puts into a
   tier belongs to its periods in proportion to their kWh in the step. #}
{% macro rating_tiers(t) %}
with priced as (
    select
        pieces.piece_no,
        pieces.rating_id,
        pieces.contract_id,
        pieces.tariff_code,
        pieces.from_on,
        pieces.year_on,
        components.component_no,
        components.component_code,
        components.tier_over,
        components.splits_by_day
    from {{ t.rating_checked_pieces }} as pieces
    inner join {{ t.tariff_components }} as components
        on pieces.version_no = components.version_no and components.basis = 'tiers'
    inner join {{ t.tariff_component_seasons }} as seasons
        on components.component_no = seasons.component_no
        and seasons.season_code in ('*', pieces.season_code)
),

period_steps as (
    select
        priced.piece_no,
        priced.component_no,
        case when priced.splits_by_day then usage.step_on else priced.from_on end as step_on,
        usage.period_code,
        sum(usage.kwh_micro) as kwh_micro
    from priced
    inner join {{ t.rating_piece_usage }} as usage
        on priced.piece_no = usage.piece_no and usage.channel = 'import'
    group by
        priced.piece_no, priced.component_no, case when priced.splits_by_day then usage.step_on else priced.from_on end,
        usage.period_code
),

steps as (
    select piece_no, component_no, step_on, sum(kwh_micro) as kwh_micro
    from period_steps
    group by piece_no, component_no, step_on
),

filled as (
    select
        priced.piece_no,
        priced.component_no,
        priced.tier_over,
        steps.step_on,
        steps.kwh_micro,
        -- kWh of the year that were billed before the first read given count as well.
        case when priced.tier_over = 'year' then coalesce({{ in_micro('carried.kwh') }}, 0) else 0 end
        + coalesce(
            sum(steps.kwh_micro) over (
                partition by
                    priced.rating_id,
                    priced.tariff_code,
                    priced.component_code,
                    priced.tier_over,
                    case when priced.tier_over = 'year' then priced.year_on end,
                    case when priced.tier_over = 'month' then priced.piece_no end
                order by steps.step_on
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as before_micro
    from priced
    inner join steps on priced.piece_no = steps.piece_no and priced.component_no = steps.component_no
    left join {{ t.carried_usage }} as carried
        on priced.contract_id = carried.contract_id and priced.year_on = carried.year_on
),

-- Share of the limits that holds for a piece, as a fraction.
shares as (
    select
        priced.piece_no,
        priced.component_no,
        case
            when components.tier_over = 'month' then pieces.months * pieces.days
            when pieces.supply_start_on <= pieces.year_on or components.partial_year = 'full' then 1
            when components.partial_year = 'by_months'
                then 12 - {{ months_apart('pieces.year_on', 'pieces.supply_start_on') }}
            else {{ add_months('pieces.year_on', 12) }} - pieces.supply_start_on
        end as share_number,
        case
            when components.tier_over = 'month' and components.partial_month = 'full' then pieces.active_days
            when components.tier_over = 'month' then pieces.period_days
            when pieces.supply_start_on <= pieces.year_on or components.partial_year = 'full' then 1
            when components.partial_year = 'by_months' then 12
            else {{ add_months('pieces.year_on', 12) }} - pieces.year_on
        end as share_divisor
    from priced
    inner join {{ t.rating_checked_pieces }} as pieces on priced.piece_no = pieces.piece_no
    inner join {{ t.tariff_components }} as components on priced.component_no = components.component_no
),

limits as (
    select distinct
        shares.piece_no,
        shares.component_no,
        prices.tier_no,
        {{ rounded_half_up('prices.from_kwh_micro::' ~ wide() ~ ' * shares.share_number', 'shares.share_divisor') }} as lower_micro,
        coalesce(
            {{ rounded_half_up('prices.to_kwh_micro::' ~ wide() ~ ' * shares.share_number', 'shares.share_divisor') }},
            1000000000000000000
        ) as upper_micro
    from shares
    inner join {{ t.tariff_prices }} as prices on shares.component_no = prices.component_no
),

tier_steps as (
    select
        filled.piece_no,
        filled.component_no,
        filled.step_on,
        filled.kwh_micro,
        limits.tier_no,
        {{ kwh_in_tier('filled.before_micro + filled.kwh_micro') }} - {{ kwh_in_tier('filled.before_micro') }} as tier_micro
    from filled
    inner join limits on filled.piece_no = limits.piece_no and filled.component_no = limits.component_no
),

-- Rounded along the running sum of the periods, so that their parts add up to the tier.
running as (
    select
        piece_no,
        component_no,
        step_on,
        period_code,
        kwh_micro,
        sum(kwh_micro) over (
            partition by piece_no, component_no, step_on order by {{ by_bytes('period_code') }}
        ) as up_to_micro
    from period_steps
),

split as (
    select
        tier_steps.piece_no,
        tier_steps.component_no,
        tier_steps.tier_no,
        running.period_code,
        case
            when tier_steps.kwh_micro = 0 then 0
            else {{ whole_division('tier_steps.tier_micro * running.up_to_micro', 'tier_steps.kwh_micro') }}
                - {{ whole_division('tier_steps.tier_micro * (running.up_to_micro - running.kwh_micro)', 'tier_steps.kwh_micro') }}
        end as kwh_micro
    from tier_steps
    inner join running
        on tier_steps.piece_no = running.piece_no
        and tier_steps.component_no = running.component_no
        and tier_steps.step_on = running.step_on
)

select
    piece_no,
    component_no,
    tier_no,
    period_code,
    sum(kwh_micro) as kwh_micro
from split
group by piece_no, component_no, tier_no, period_code
{% endmacro %}

{# What the first so many kWh put into a tier. #}
{% macro kwh_in_tier(used_micro) -%}
least(greatest({{ used_micro }} - limits.lower_micro, 0), limits.upper_micro - limits.lower_micro)
{%- endmacro %}

{# Begun months from the month of one date to the month of a later one. #}
{% macro months_apart(earlier, later) -%}
(12 * (extract(year from {{ later }}) - extract(year from {{ earlier }}))
    + extract(month from {{ later }}) - extract(month from {{ earlier }}))::bigint
{%- endmacro %}

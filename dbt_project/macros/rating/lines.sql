{# Rating, last step: the lines of bills. #}

{# One row per line, not billed pieces included. Each amount is one fraction of whole numbers, rounded once: money_number
   over money_divisor is the amount in millionths of the currency. Percentages stand on rounded lines, as on paper. #}
{% macro rating_lines(t) %}
with charged as (
    select
        pieces.*,
        components.component_no,
        components.component_code,
        components.position_no,
        components.basis,
        components.level_no,
        components.channel,
        components.price_e8,
        components.percent_e6,
        components.capacity_by,
        components.kw_step_micro,
        components.least_share_e6,
        components.free_share_e6,
        versions.rounding_mode,
        case when versions.rounds_bill then 1 else versions.unit_micro end as unit_micro,
        pieces.months * pieces.days as month_number,
        case when components.partial_month = 'full' then pieces.active_days else pieces.period_days end as month_divisor
    from {{ t.rating_checked_pieces }} as pieces
    inner join {{ t.tariff_versions }} as versions on pieces.version_no = versions.version_no
    inner join {{ t.tariff_components }} as components on pieces.version_no = components.version_no
    inner join {{ t.tariff_component_seasons }} as seasons
        on components.component_no = seasons.component_no
        and seasons.season_code in ('*', pieces.season_code)
    where pieces.is_billed
),

tier_kwh as (
    select
        tiers.piece_no,
        tiers.component_no,
        prices.line_period_code as period_code,
        tiers.tier_no,
        prices.price_e8,
        sum(tiers.kwh_micro) as quantity_micro
    from {{ t.rating_tiers }} as tiers
    inner join {{ t.tariff_prices }} as prices
        on tiers.component_no = prices.component_no
        and tiers.tier_no = prices.tier_no
        and tiers.period_code = prices.period_code
    group by tiers.piece_no, tiers.component_no, prices.line_period_code, tiers.tier_no, prices.price_e8
    having sum(tiers.kwh_micro) <> 0 or tiers.tier_no = 1
),

plain_kwh as (
    select
        charged.piece_no,
        charged.component_no,
        prices.line_period_code as period_code,
        prices.tier_no,
        prices.price_e8,
        sum(usage.kwh_micro) as quantity_micro
    from charged
    inner join {{ t.rating_piece_usage }} as usage
        on charged.piece_no = usage.piece_no and charged.channel = usage.channel
    inner join {{ t.tariff_prices }} as prices
        on charged.component_no = prices.component_no and usage.period_code = prices.period_code
    where charged.basis = 'kwh'
    group by
        charged.piece_no, charged.component_no, prices.line_period_code, prices.tier_no, prices.price_e8
),

kwh_lines as (
    select
        piece_no,
        component_no,
        period_code,
        tier_no,
        quantity_micro,
        'kWh' as unit,
        price_e8,
        quantity_micro * price_e8 as money_number,
        100000000::{{ wide() }} as money_divisor
    from (
        select * from tier_kwh
        union all
        select * from plain_kwh
    ) as kwh
),

fixed_lines as (
    select
        piece_no,
        component_no,
        null::varchar as period_code,
        null::integer as tier_no,
        case
            when basis = 'day' then days * 1000000::{{ wide() }}
            else {{ rounded_half_up('month_number * 1000000::' ~ wide(), 'month_divisor') }}
        end as quantity_micro,
        basis as unit,
        price_e8,
        price_e8::{{ wide() }} * case when basis = 'day' then days else month_number end as money_number,
        (100 * case when basis = 'day' then 1 else month_divisor end)::{{ wide() }} as money_divisor
    from charged
    where basis in ('day', 'month')
),

capacities as (
    select
        charged.*,
        greatest(
            coalesce(demand.kw_micro, 0),
            case
                when charged.capacity_by = 'contracted' then {{ in_micro('charged.contracted_kw') }}
                else {{ whole_division(in_micro('coalesce(charged.contracted_kw, 0)') ~ ' * charged.least_share_e6', 1000000) }}
            end
        ) as kw_micro
    from charged
    left join {{ t.rating_demand }} as demand
        on charged.rating_id = demand.rating_id
        and charged.bill_from_on = demand.bill_from_on
        and charged.tariff_code = demand.tariff_code
        and charged.component_code = demand.component_code
        and charged.capacity_by = 'demand'
    where charged.basis = 'capacity'
),

rounded_capacities as (
    select
        *,
        {{ rounded_half_up('kw_micro', 'kw_step_micro') }} * kw_step_micro as charged_kw_micro
    from capacities
),

capacity_lines as (
    select
        piece_no,
        component_no,
        null::varchar as period_code,
        null::integer as tier_no,
        charged_kw_micro as quantity_micro,
        'kW' as unit,
        price_e8,
        charged_kw_micro * price_e8 * month_number as money_number,
        100000000::{{ wide() }} * month_divisor as money_divisor
    from rounded_capacities
),

reactive_lines as (
    select
        piece_no,
        component_no,
        null::varchar as period_code,
        null::integer as tier_no,
        {{ whole_division('excess', 1000000) }} as quantity_micro,
        'kvarh' as unit,
        price_e8,
        excess * price_e8 as money_number,
        100000000000000::{{ wide() }} as money_divisor
    from (
        select *, greatest(reactive_micro * 1000000 - import_micro * free_share_e6, 0) as excess
        from charged
        where basis = 'reactive'
    ) as reactive
),

level_0 as (
    select {{ amounts() }}
    from (
        select * from kwh_lines
        union all
        select * from fixed_lines
        union all
        select * from capacity_lines
        union all
        select * from reactive_lines
    ) as lines
    inner join charged on lines.piece_no = charged.piece_no and lines.component_no = charged.component_no
),

-- The power factor of a bill, whatever its price did meanwhile: kWh to kVAh, compared as squares.
bill_energy as (
    select
        rating_id,
        bill_from_on,
        tariff_code,
        sum({{ whole_division('import_micro', 1000) }}) as kwh_milli,
        sum({{ whole_division('reactive_micro', 1000) }}) as kvarh_milli
    from {{ t.rating_checked_pieces }}
    group by rating_id, bill_from_on, tariff_code
),

power_factors as (
    select
        charged.piece_no,
        charged.component_no,
        max(steps.from_hundredths) as from_hundredths
    from charged
    inner join bill_energy
        on charged.rating_id = bill_energy.rating_id
        and charged.bill_from_on = bill_energy.bill_from_on
        and charged.tariff_code = bill_energy.tariff_code
    inner join {{ t.tariff_power_factor_steps }} as steps on charged.component_no = steps.component_no
    -- Rounded to hundredths, halves up: at least 0.005 below the step. Nothing used is a factor of 1.
    where
        steps.from_hundredths = 0
        or 40000 * kwh_milli * kwh_milli
        >= (2 * steps.from_hundredths - 1) * (2 * steps.from_hundredths - 1)
        * (kwh_milli * kwh_milli + kvarh_milli * kvarh_milli)
    group by charged.piece_no, charged.component_no
),

percentages as (
    select
        charged.*,
        coalesce(steps.percent_e6, charged.percent_e6, 0) as rate_e6
    from charged
    left join power_factors
        on charged.piece_no = power_factors.piece_no and charged.component_no = power_factors.component_no
    left join {{ t.tariff_power_factor_steps }} as steps
        on power_factors.component_no = steps.component_no and power_factors.from_hundredths = steps.from_hundredths
    where charged.level_no > 0
),
{%- for level in range(1, 6) %}

up_to_{{ level - 1 }} as (
    {%- for below in range(level) %}
    select piece_no, component_no, amount_micro from level_{{ below }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

bases_{{ level }} as (
    select
        percentages.piece_no,
        percentages.component_no,
        coalesce(sum(up_to_{{ level - 1 }}.amount_micro), 0) as base_micro
    from percentages
    left join {{ t.tariff_component_bases }} as bases on percentages.component_no = bases.component_no
    left join up_to_{{ level - 1 }}
        on percentages.piece_no = up_to_{{ level - 1 }}.piece_no
        and bases.base_component_no = up_to_{{ level - 1 }}.component_no
    where percentages.level_no = {{ level }}
    group by percentages.piece_no, percentages.component_no
),

fractions_{{ level }} as (
    select
        percentages.piece_no,
        percentages.component_no,
        null::varchar as period_code,
        null::integer as tier_no,
        case
            when percentages.basis = 'minimum'
                then {{ rounded_half_up('percentages.month_number * 1000000::' ~ wide(), 'percentages.month_divisor') }}
            else bases.base_micro
        end as quantity_micro,
        case when percentages.basis = 'minimum' then 'month' else 'percent' end as unit,
        case
            when percentages.basis = 'minimum' then percentages.price_e8 else percentages.rate_e6 * 100
        end as price_e8,
        case
            when percentages.basis = 'minimum'
                then greatest(
                    percentages.price_e8::{{ wide() }} * percentages.month_number
                    - bases.base_micro * 100 * percentages.month_divisor,
                    0
                )
            else bases.base_micro * percentages.rate_e6
        end as money_number,
        case
            when percentages.basis = 'minimum' then 100::{{ wide() }} * percentages.month_divisor
            else 100000000::{{ wide() }}
        end as money_divisor
    from percentages
    inner join bases_{{ level }} as bases
        on percentages.piece_no = bases.piece_no and percentages.component_no = bases.component_no
),

level_{{ level }} as (
    select {{ amounts() }}
    from fractions_{{ level }} as lines
    inner join charged on lines.piece_no = charged.piece_no and lines.component_no = charged.component_no
    where charged.basis <> 'minimum' or lines.money_number > 0
),
{%- endfor %}

amounts as (
    {%- for level in range(6) %}
    select * from level_{{ level }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- Where the bill is rounded, by the rule of the version that ends it.
last_pieces as (
    select
        pieces.*,
        versions.rounds_bill,
        versions.unit_micro,
        versions.rounding_mode,
        row_number() over (partition by pieces.rating_id, pieces.bill_from_on order by pieces.to_on desc) as from_last
    from {{ t.rating_checked_pieces }} as pieces
    inner join {{ t.tariff_versions }} as versions on pieces.version_no = versions.version_no
    where pieces.is_billed
),

sums as (
    select
        pieces.rating_id,
        pieces.bill_from_on,
        sum(amounts.amount_micro) as amount_micro
    from amounts
    inner join {{ t.rating_checked_pieces }} as pieces on amounts.piece_no = pieces.piece_no
    group by pieces.rating_id, pieces.bill_from_on
),

lines as (
    select
        amounts.piece_no,
        charged.component_code as line_code,
        charged.position_no,
        amounts.period_code,
        amounts.tier_no,
        amounts.quantity_micro,
        amounts.unit,
        amounts.price_e8,
        amounts.amount_micro
    from amounts
    inner join charged on amounts.piece_no = charged.piece_no and amounts.component_no = charged.component_no
    union all
    select
        last_pieces.piece_no,
        'rounding' as line_code,
        9999 as position_no,
        null as period_code,
        null as tier_no,
        null as quantity_micro,
        null as unit,
        null as price_e8,
        {{ rounded_whole('sums.amount_micro', 'last_pieces.unit_micro', 'last_pieces.rounding_mode') }}
        * last_pieces.unit_micro - sums.amount_micro as amount_micro
    from last_pieces
    inner join sums on last_pieces.rating_id = sums.rating_id and last_pieces.bill_from_on = sums.bill_from_on
    where last_pieces.from_last = 1 and last_pieces.rounds_bill
    union all
    select
        piece_no,
        'not_billed' as line_code,
        0 as position_no,
        null as period_code,
        null as tier_no,
        null as quantity_micro,
        null as unit,
        null as price_e8,
        null as amount_micro
    from {{ t.rating_checked_pieces }}
    where reason_code is not null
)

select
    pieces.rating_id,
    pieces.contract_id,
    pieces.bill_from_on,
    pieces.bill_to_on,
    pieces.from_on,
    pieces.to_on,
    lines.position_no,
    lines.line_code,
    lines.period_code,
    lines.tier_no,
    pieces.tariff_code,
    versions.valid_from_on as version_from_on,
    {{ from_micro('lines.quantity_micro') }} as quantity,
    lines.unit,
    {{ from_e8('lines.price_e8') }} as unit_price,
    {{ from_micro('lines.amount_micro') }} as amount,
    versions.currency,
    {{ from_micro('pieces.estimated_share_e6') }} as estimated_share,
    {{ from_micro('pieces.missing_share_e6') }} as missing_share,
    pieces.reason_code
from lines
inner join {{ t.rating_checked_pieces }} as pieces on lines.piece_no = pieces.piece_no
left join {{ t.tariff_versions }} as versions on pieces.version_no = versions.version_no
{% endmacro %}

{# The columns of a line, its amount rounded to the unit of the tariff. #}
{% macro amounts() -%}
        lines.piece_no,
        lines.component_no,
        lines.period_code,
        lines.tier_no,
        lines.quantity_micro,
        lines.unit,
        lines.price_e8,
        {{ rounded_whole('lines.money_number', 'lines.money_divisor * charged.unit_micro', 'charged.rounding_mode') }}
        * charged.unit_micro as amount_micro
{%- endmacro %}

{# What a correction bills: lines rated again less lines that were billed, one row per line that differs. A bill that
   cannot be made any more says so and takes nothing back. #}
{% macro bill_differences(rated_again, billed) %}
{%- set key = [
    'rating_id', 'contract_id', 'bill_from_on', 'bill_to_on', 'from_on', 'to_on', 'line_code', 'period_code', 'tier_no',
    'tariff_code', 'version_from_on', 'unit', 'currency'
] %}
with refused as (
    select distinct rating_id, bill_from_on from {{ rated_again }} where line_code = 'not_billed'
),

both_sides as (
    {%- for rows, sign in [(rated_again, 1), (billed, -1)] %}
    select
        {{ key | join(', ') }},
        {{ sign }} * coalesce(quantity, 0) as quantity,
        {{ sign }} * coalesce(amount, 0) as amount,
        {% if sign > 0 %}unit_price{% else %}null{% endif %} as new_unit_price,
        {% if sign > 0 %}null{% else %}unit_price{% endif %} as billed_unit_price
    from {{ rows }}
    where line_code <> 'not_billed'
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

differences as (
    select
        {{ key | join(', ') }},
        sum(quantity)::decimal(18, 6) as quantity,
        max(new_unit_price)::decimal(18, 8) as unit_price,
        max(billed_unit_price)::decimal(18, 8) as billed_unit_price,
        sum(amount)::decimal(18, 6) as amount,
        null::varchar as reason_code
    from both_sides
    group by {{ key | join(', ') }}
    having sum(quantity) <> 0 or sum(amount) <> 0 or max(new_unit_price) is distinct from max(billed_unit_price)
)

select differences.*
from differences
left join refused on differences.rating_id = refused.rating_id and differences.bill_from_on = refused.bill_from_on
where refused.rating_id is null
union all
select
    {{ key | join(', ') }},
    null as quantity,
    null as unit_price,
    null as billed_unit_price,
    null as amount,
    reason_code
from {{ rated_again }}
where line_code = 'not_billed'
{% endmacro %}

{# Shadow billing: the bills that a utility issued beside those that rating makes of the same reads, and for each line
   that differs the rule that explains it. A rule is named only where recomputing by it gives the amount billed.

   audited_lines compares; tried_* make what is rated once more, each contract that differs under each hypothesis;
   bill_findings names the rule. `t` names the relations, as everywhere in this folder. #}

{# One row per contract, bill and line, on either side. What several bills of the same days say is added up: a credit
   note and its new bill are one. `reason_code` where the two cannot be compared. #}
{% macro audited_lines(t) %}
with rated_bills as (
    select
        contract_id,
        bill_from_on,
        bill_to_on,
        min(reason_code) as reason_code,
        max(currency) as currency
    from {{ t.rating_lines }}
    group by contract_id, bill_from_on, bill_to_on
),

billed as (
    select
        lines.contract_id,
        coalesce(rated_bills.bill_from_on, lines.bill_from_on, lines.period) as bill_from_on,
        coalesce(rated_bills.bill_to_on, lines.bill_to_on) as bill_to_on,
        lines.bill_id,
        lines.line_code,
        lines.quantity,
        lines.amount
    from {{ t.billed_lines }} as lines
    left join rated_bills
        on lines.contract_id = rated_bills.contract_id
        and coalesce(lines.bill_from_on, lines.period) between rated_bills.bill_from_on and rated_bills.bill_to_on
),

issued_bills as (
    select contract_id, bill_from_on, max(bill_to_on) as bill_to_on, max({{ by_bytes('bill_id') }}) as bill_id
    from billed
    group by contract_id, bill_from_on
),

both_sides as (
    select
        contract_id,
        bill_from_on,
        line_code,
        quantity as billed_quantity,
        amount as billed_amount,
        null as rated_quantity,
        null as rated_amount
    from billed
    union all
    select
        contract_id,
        bill_from_on,
        line_code,
        null as billed_quantity,
        null as billed_amount,
        quantity as rated_quantity,
        coalesce(amount, 0) as rated_amount
    from {{ t.rating_lines }}
),

compared as (
    select
        contract_id,
        bill_from_on,
        line_code,
        sum(billed_quantity)::decimal(18, 6) as billed_quantity,
        sum(billed_amount)::decimal(18, 6) as billed_amount,
        sum(rated_quantity)::decimal(18, 6) as rated_quantity,
        sum(rated_amount)::decimal(18, 6) as rated_amount
    from both_sides
    group by contract_id, bill_from_on, line_code
)

select
    compared.contract_id,
    issued_bills.bill_id,
    compared.bill_from_on,
    coalesce(rated_bills.bill_to_on, issued_bills.bill_to_on) as bill_to_on,
    compared.line_code,
    compared.billed_quantity,
    compared.billed_amount,
    compared.rated_quantity,
    compared.rated_amount,
    rated_bills.currency,
    case
        when rated_bills.contract_id is null then 'not_rated'
        when rated_bills.reason_code is not null then rated_bills.reason_code
        when issued_bills.contract_id is null then 'not_issued'
    end as reason_code,
    coalesce(compared.billed_amount, 0) = coalesce(compared.rated_amount, 0) as is_equal
from compared
left join issued_bills
    on compared.contract_id = issued_bills.contract_id and compared.bill_from_on = issued_bills.bill_from_on
left join rated_bills
    on compared.contract_id = rated_bills.contract_id and compared.bill_from_on = rated_bills.bill_from_on
{% endmacro %}

{# One row per contract with a difference and hypothesis that is tried on it. `read_id` is whose reads: those of the
   contract, or others that tried_intervals makes for it. A factor is tried where it is about that of the kWh. #}
{% macro tried_ratings(t) %}
with differing as (
    select * from {{ t.audited_lines }} where reason_code is null and not is_equal
),

suspects as (
    select distinct contract_id from differing
),

tried as (
    select suspects.contract_id, hypotheses.hypothesis_no, false as has_own_reads
    from suspects
    inner join {{ t.contract_spans }} as spans on suspects.contract_id = spans.contract_id
    inner join {{ t.audit_hypotheses }} as hypotheses on spans.tariff_code = hypotheses.tariff_code
    union
    select suspects.contract_id, hypotheses.hypothesis_no, true as has_own_reads
    from suspects
    cross join {{ t.audit_hypotheses }} as hypotheses
    where
        hypotheses.basis = 'reads'
        and suspects.contract_id in (select contract_id from {{ t.billed_intervals }})
    union
    select differing.contract_id, hypotheses.hypothesis_no, true as has_own_reads
    from differing
    inner join {{ t.audit_hypotheses }} as hypotheses
        on hypotheses.basis = 'kwh'
        and differing.rated_quantity <> 0
        and differing.billed_amount is not null
        and (
            differing.billed_quantity is null
            or differing.billed_quantity / differing.rated_quantity
            between 0.9 * hypotheses.factor and 1.1 * hypotheses.factor
        )
)

select
    {{ tried_id() }} as rating_id,
    contract_id,
    case when has_own_reads then {{ tried_id() }} else contract_id end as read_id,
    hypothesis_no
from tried
{% endmacro %}

{# The spans of a contract under the tariffs of a hypothesis. #}
{% macro tried_spans(t) %}
select
    tried.rating_id,
    tried.read_id as contract_id,
    coalesce(hypotheses.tried_tariff_code, spans.tariff_code) as tariff_code,
    spans.billing_code,
    spans.start_on,
    spans.end_on,
    spans.contracted_kw
from {{ t.tried_ratings }} as tried
inner join {{ t.contract_spans }} as spans on tried.contract_id = spans.contract_id
left join {{ t.audit_hypotheses }} as hypotheses
    on tried.hypothesis_no = hypotheses.hypothesis_no and spans.tariff_code = hypotheses.tariff_code
{% endmacro %}

{# The reads of contracts with a difference: as they are; as they were when the bill was made, where others were known
   then; and times a factor in the bills that differ. Other bills keep their kWh, since they fill blocks of the year. #}
{% macro tried_intervals(t, timezone) %}
with other_reads as (
    select
        tried.rating_id,
        tried.contract_id,
        hypotheses.basis,
        hypotheses.factor
    from {{ t.tried_ratings }} as tried
    inner join {{ t.audit_hypotheses }} as hypotheses on tried.hypothesis_no = hypotheses.hypothesis_no
    where hypotheses.basis in ('reads', 'kwh')
),

differing_bills as (
    select distinct
        contract_id,
        {{ day_start_utc('bill_from_on', timezone) }} as starts_at_utc,
        {{ day_start_utc('bill_to_on + 1', timezone) }} as ends_at_utc
    from {{ t.audited_lines }}
    where reason_code is null and not is_equal
)

select
    contract_id,
    channel,
    interval_start_utc,
    interval_minutes,
    kwh,
    is_estimated
from {{ t.intervals }}
where contract_id in (select read_id from {{ t.tried_ratings }})
union all
select
    other_reads.rating_id as contract_id,
    intervals.channel,
    intervals.interval_start_utc,
    intervals.interval_minutes,
    intervals.kwh,
    intervals.is_estimated
from {{ t.billed_intervals }} as intervals
inner join other_reads on intervals.contract_id = other_reads.contract_id and other_reads.basis = 'reads'
union all
select
    other_reads.rating_id as contract_id,
    intervals.channel,
    intervals.interval_start_utc,
    intervals.interval_minutes,
    intervals.kwh,
    intervals.is_estimated
from {{ t.intervals }} as intervals
inner join other_reads on intervals.contract_id = other_reads.contract_id and other_reads.basis = 'reads'
left join {{ t.billed_intervals }} as replaced
    on intervals.contract_id = replaced.contract_id
    and intervals.channel = replaced.channel
    and intervals.interval_start_utc = replaced.interval_start_utc
where replaced.contract_id is null
union all
select
    other_reads.rating_id as contract_id,
    intervals.channel,
    intervals.interval_start_utc,
    intervals.interval_minutes,
    case
        when differing_bills.contract_id is null then intervals.kwh
        else (intervals.kwh::decimal(38, 6) * other_reads.factor)::decimal(18, 6)
    end as kwh,
    intervals.is_estimated
from {{ t.intervals }} as intervals
inner join other_reads on intervals.contract_id = other_reads.contract_id and other_reads.basis = 'kwh'
left join differing_bills
    on intervals.contract_id = differing_bills.contract_id
    and intervals.interval_start_utc >= differing_bills.starts_at_utc
    and intervals.interval_start_utc < differing_bills.ends_at_utc
{% endmacro %}

{# What was used before the first read, for each of the reads that are tried. #}
{% macro tried_carried_usage(t) %}
select
    tried.read_id as contract_id,
    carried.year_on,
    carried.kwh
from {{ t.carried_usage }} as carried
inner join (select distinct contract_id, read_id from {{ t.tried_ratings }}) as tried
    on carried.contract_id = tried.contract_id
{% endmacro %}

{# One row per line that differs, with the rule that explains it, and one per bill that cannot be compared.

   The order: a hypothesis under which every line of the bill is as billed, the first of them; a line that was not
   charged; a percentage that is right of the lines as billed; a hypothesis under which this line is as billed; a line
   that the tariff has not; the tariff's price times other kWh; one rounding unit; another whole percentage. #}
{% macro bill_findings(t) %}
with differing as (
    select * from {{ t.audited_lines }} where reason_code is null and not is_equal
),

hypotheses as (
    select distinct hypothesis_no, rule_code, rule_detail, basis, factor from {{ t.audit_hypotheses }}
),

tried as (
    select
        ratings.hypothesis_no,
        ratings.contract_id,
        lines.bill_from_on,
        lines.line_code,
        sum(lines.amount) as amount,
        max(lines.estimated_share) as estimated_share
    from {{ t.tried_rating_lines }} as lines
    inner join {{ t.tried_ratings }} as ratings on lines.rating_id = ratings.rating_id
    where lines.line_code <> 'not_billed'
    group by ratings.hypothesis_no, ratings.contract_id, lines.bill_from_on, lines.line_code
    union all
    select
        hypotheses.hypothesis_no,
        audited.contract_id,
        audited.bill_from_on,
        audited.line_code,
        audited.rated_amount::decimal(38, 6) * hypotheses.factor as amount,
        null as estimated_share
    from {{ t.audited_lines }} as audited
    inner join hypotheses on hypotheses.basis = 'amounts'
    where audited.reason_code is null and audited.rated_amount is not null
),

tried_bills as (
    select
        tried.hypothesis_no,
        tried.contract_id,
        tried.bill_from_on,
        max(tried.estimated_share) as estimated_share
    from tried
    inner join (select distinct contract_id, bill_from_on from differing) as bills
        on tried.contract_id = bills.contract_id and tried.bill_from_on = bills.bill_from_on
    group by tried.hypothesis_no, tried.contract_id, tried.bill_from_on
),

both_sides as (
    select hypothesis_no, contract_id, bill_from_on, line_code, amount from tried
    union all
    select
        tried_bills.hypothesis_no,
        audited.contract_id,
        audited.bill_from_on,
        audited.line_code,
        -audited.billed_amount as amount
    from tried_bills
    inner join {{ t.audited_lines }} as audited
        on tried_bills.contract_id = audited.contract_id and tried_bills.bill_from_on = audited.bill_from_on
    where audited.billed_amount is not null
),

missed as (
    select distinct hypothesis_no, contract_id, bill_from_on
    from (
        select hypothesis_no, contract_id, bill_from_on, line_code
        from both_sides
        group by hypothesis_no, contract_id, bill_from_on, line_code
        having sum(amount) <> 0
    ) as lines
),

rules_of_bills as (
    select
        tried_bills.contract_id,
        tried_bills.bill_from_on,
        min(tried_bills.hypothesis_no) as hypothesis_no
    from tried_bills
    left join missed
        on tried_bills.hypothesis_no = missed.hypothesis_no
        and tried_bills.contract_id = missed.contract_id
        and tried_bills.bill_from_on = missed.bill_from_on
    where missed.hypothesis_no is null
    group by tried_bills.contract_id, tried_bills.bill_from_on
),

-- One line alone says nothing of which tariff, reads or meter its bill was made by.
rules_of_lines as (
    select
        differing.contract_id,
        differing.bill_from_on,
        differing.line_code,
        min(tried.hypothesis_no) as hypothesis_no
    from differing
    inner join tried
        on differing.contract_id = tried.contract_id
        and differing.bill_from_on = tried.bill_from_on
        and differing.line_code = tried.line_code
        and differing.billed_amount = tried.amount
    inner join hypotheses on tried.hypothesis_no = hypotheses.hypothesis_no
    where hypotheses.rule_code <> 'wrong_tariff' and hypotheses.basis <> 'reads'
    group by differing.contract_id, differing.bill_from_on, differing.line_code
),

-- Lines that are one product of a quantity and a price, which can be worked out of what was billed.
products as (
    select
        lines.contract_id,
        lines.bill_from_on,
        lines.line_code,
        max(lines.unit) as unit,
        max((lines.unit_price::decimal(38, 8) * 100000000)::{{ wide() }}) as price_e8,
        max(versions.version_no) as version_no,
        max(versions.unit_micro) as unit_micro,
        max(versions.rounding_mode) as rounding_mode
    from {{ t.rating_lines }} as lines
    inner join {{ t.tariff_versions }} as versions
        on lines.tariff_code = versions.tariff_code and lines.version_from_on = versions.valid_from_on
    where lines.line_code <> 'rounding'
    group by lines.contract_id, lines.bill_from_on, lines.line_code
    having count(*) = 1
),

percentages as (
    select
        differing.contract_id,
        differing.bill_from_on,
        differing.line_code,
        max(differing.billed_amount) as billed_amount,
        max({{ whole_division('products.price_e8', 100) }}) as rate_e6,
        max(products.unit_micro) as unit_micro,
        max(products.rounding_mode) as rounding_mode,
        sum({{ in_micro('coalesce(below.billed_amount, 0)') }}) as base_micro
    from differing
    inner join products
        on differing.contract_id = products.contract_id
        and differing.bill_from_on = products.bill_from_on
        and differing.line_code = products.line_code
        and products.unit = 'percent'
    inner join (
        select distinct above.version_no, above.component_code, base.component_code as base_code
        from {{ t.tariff_components }} as above
        inner join {{ t.tariff_component_bases }} as bases on above.component_no = bases.component_no
        inner join {{ t.tariff_components }} as base on bases.base_component_no = base.component_no
    ) as bases
        on products.version_no = bases.version_no and products.line_code = bases.component_code
    inner join {{ t.audited_lines }} as below
        on differing.contract_id = below.contract_id
        and differing.bill_from_on = below.bill_from_on
        and bases.base_code = below.line_code
    group by differing.contract_id, differing.bill_from_on, differing.line_code
),

-- The whole percent next to what was billed. Of a base so small that most amounts are a whole percent, none is proof.
rates as (
    select
        *,
        case
            when base_micro >= {{ least_base_units() }} * unit_micro
                then {{ rounded_half_up('100 * ' ~ in_micro('billed_amount'), 'base_micro') }}
        end as whole_percent
    from percentages
),

of_billed as (
    select
        contract_id,
        bill_from_on,
        line_code,
        whole_percent,
        {{ percent_of('base_micro * rate_e6') }} = {{ in_micro('billed_amount') }} as is_right,
        {{ percent_of('base_micro * whole_percent * 1000000') }} = {{ in_micro('billed_amount') }} as is_whole_percent
    from rates
),

units as (
    select
        lines.contract_id,
        lines.bill_from_on,
        min(versions.unit_micro) as unit_micro,
        max(lines.estimated_share) as estimated_share
    from {{ t.rating_lines }} as lines
    inner join {{ t.tariff_versions }} as versions
        on lines.tariff_code = versions.tariff_code and lines.version_from_on = versions.valid_from_on
    group by lines.contract_id, lines.bill_from_on
),

judged as (
    select
        differing.*,
        coalesce(differing.billed_amount, 0) - coalesce(differing.rated_amount, 0) as difference,
        case
            when rules_of_bills.hypothesis_no is not null
                then
                    case
                        when bill_rules.basis = 'reads' and tried_bills.estimated_share > units.estimated_share
                            then 'estimated_then_measured'
                        else bill_rules.rule_code
                    end
            when coalesce(differing.billed_amount, 0) = 0 then 'line_missing'
            when of_billed.is_right then 'follows_other_lines'
            when rules_of_lines.hypothesis_no is not null then line_rules.rule_code
            when differing.rated_amount is null then 'line_not_in_tariff'
            when
                products.unit in ('kWh', 'kvarh', 'kW')
                and differing.billed_quantity <> differing.rated_quantity
                and {{ priced_quantity() }} = {{ in_micro('differing.billed_amount') }}
                then 'other_quantity'
            when
                abs({{ in_micro('differing.billed_amount') }} - {{ in_micro('differing.rated_amount') }})
                <= units.unit_micro
                then 'rounding'
            when of_billed.is_whole_percent then 'wrong_percentage'
            else 'unexplained'
        end as rule_code,
        rules_of_bills.hypothesis_no is not null as is_rule_of_bill,
        bill_rules.rule_detail as bill_detail,
        line_rules.rule_code as line_rule_code,
        line_rules.rule_detail as line_detail,
        of_billed.whole_percent
    from differing
    inner join units
        on differing.contract_id = units.contract_id and differing.bill_from_on = units.bill_from_on
    left join rules_of_bills
        on differing.contract_id = rules_of_bills.contract_id
        and differing.bill_from_on = rules_of_bills.bill_from_on
    left join tried_bills
        on rules_of_bills.contract_id = tried_bills.contract_id
        and rules_of_bills.bill_from_on = tried_bills.bill_from_on
        and rules_of_bills.hypothesis_no = tried_bills.hypothesis_no
    left join hypotheses as bill_rules on rules_of_bills.hypothesis_no = bill_rules.hypothesis_no
    left join rules_of_lines
        on differing.contract_id = rules_of_lines.contract_id
        and differing.bill_from_on = rules_of_lines.bill_from_on
        and differing.line_code = rules_of_lines.line_code
    left join hypotheses as line_rules on rules_of_lines.hypothesis_no = line_rules.hypothesis_no
    left join products
        on differing.contract_id = products.contract_id
        and differing.bill_from_on = products.bill_from_on
        and differing.line_code = products.line_code
    left join of_billed
        on differing.contract_id = of_billed.contract_id
        and differing.bill_from_on = of_billed.bill_from_on
        and differing.line_code = of_billed.line_code
)

select
    contract_id,
    bill_id,
    bill_from_on,
    bill_to_on,
    line_code,
    billed_quantity,
    rated_quantity,
    billed_amount,
    rated_amount,
    difference::decimal(18, 6) as difference,
    currency,
    rule_code,
    case
        when is_rule_of_bill then bill_detail
        when rule_code = 'wrong_percentage' then whole_percent::bigint::varchar
        when rule_code = line_rule_code then line_detail
    end as rule_detail,
    null::varchar as reason_code
from judged
union all
select
    contract_id,
    bill_id,
    bill_from_on,
    bill_to_on,
    'not_compared' as line_code,
    null as billed_quantity,
    null as rated_quantity,
    sum(billed_amount)::decimal(18, 6) as billed_amount,
    case when reason_code = 'not_issued' then sum(rated_amount)::decimal(18, 6) end as rated_amount,
    null as difference,
    max(currency) as currency,
    null as rule_code,
    null as rule_detail,
    reason_code
from {{ t.audited_lines }}
where reason_code is not null
group by contract_id, bill_id, bill_from_on, bill_to_on, reason_code
{% endmacro %}

{# Name of a contract under a hypothesis; the separator is in no name. #}
{% macro tried_id() -%}(contract_id || chr(31) || hypothesis_no::varchar){%- endmacro %}

{# Rounding units of a base of which a percent is at least twenty. #}
{% macro least_base_units() -%}2000{%- endmacro %}

{# Millionths of the currency: a percentage of a base, rounded as the tariff says. #}
{% macro percent_of(number) -%}
({{ rounded_whole(number, '100000000::' ~ wide() ~ ' * unit_micro', 'rounding_mode') }} * unit_micro)
{%- endmacro %}

{# Millionths of the currency: what the billed quantity costs at the price of the line. #}
{% macro priced_quantity() -%}
({{ rounded_whole(
    in_micro('differing.billed_quantity') ~ ' * products.price_e8',
    '100000000::' ~ wide() ~ ' * products.unit_micro',
    'products.rounding_mode'
) }} * products.unit_micro)
{%- endmacro %}

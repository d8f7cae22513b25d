{# The rules that int_read_checks applies to reads, in the order in which a read names them, each with the limits of
   seed validation_rules that it has. #}
{% macro read_rules() -%}
{{ return({
    'interval_size': [],
    'duplicate': [],
    'spike': ['times_usual', 'power_kw'],
    'high': ['times_usual', 'energy_kwh'],
    'low': ['share', 'energy_kwh'],
    'negative': [],
    'zero_run': ['share', 'energy_kwh', 'run_days'],
    'stuck': ['times_usual', 'run_days'],
    'unit_slip': ['times_usual'],
    'clock_drift': ['shift_hours'],
    'before_installation': [],
    'after_removal': [],
    'export_on_import': ['duration_minutes'],
    'unknown_meter': [],
}) }}
{%- endmacro %}

{# The rules that int_register_checks applies to readings of registers. #}
{% macro register_rules() -%}
{{ return({
    'negative': [],
    'register_rollover': ['share', 'energy_kwh'],
    'meter_change': [],
    'sum_check': ['share', 'energy_kwh'],
}) }}
{%- endmacro %}

{# One row per class that the seed names ('*' stands for all others): RULE_rejects and RULE_LIMIT of each of the rules.
   A row of a class stands in for the default row of its rule. #}
{% macro class_limits(listed_rules) %}
select
    listed.customer_class
    {%- for rule, limits in listed_rules.items() %},
    max(case when rules.rule_code = '{{ rule }}' and rules.is_rejected then 1 else 0 end) = 1 as {{ rule }}_rejects
    {%- for limit in limits %},
    max(case when rules.rule_code = '{{ rule }}' then rules.{{ limit }} end) as {{ rule }}_{{ limit }}
    {%- endfor %}
    {%- endfor %}
from (select distinct customer_class from {{ ref('validation_rules') }}) as listed
inner join {{ ref('validation_rules') }} as rules
    on rules.customer_class = listed.customer_class
    or (
        rules.customer_class = '*'
        and not exists (
            select 1 from {{ ref('validation_rules') }} as own
            where own.customer_class = listed.customer_class and own.rule_code = rules.rule_code
        )
    )
group by listed.customer_class
{% endmacro %}

{# One row per meter, stretch of local days (both ends included) and class with rules of its own: the class of the
   customer whose contract is in force. Made of staging alone, since the usage ledgers stand on the checks. #}
{% macro meter_classes() %}
select
    meter_id,
    customer_class,
    first_date,
    least(
        coalesce(end_on, date '9999-12-31'),
        coalesce(lead(first_date) over (partition by meter_id order by first_date, contract_id) - 1, date '9999-12-31')
    ) as last_date
from (
    select
        coalesce(meters.meter_id, contracts.service_point_id) as meter_id,
        contracts.contract_id,
        contracts.end_on,
        customers.customer_class,
        greatest(contracts.start_on, coalesce(meters.installed_on, contracts.start_on)) as first_date
    from {{ ref('stg_crm_contracts') }} as contracts
    inner join {{ ref('stg_crm_customers') }} as customers on contracts.customer_id = customers.customer_id
    left join {{ ref('stg_meters') }} as meters
        on contracts.service_point_id = meters.service_point_id
        and meters.replaced_on is null and not meters.is_deleted
    where contracts.replaced_on is null and not contracts.is_deleted
        and customers.replaced_on is null and not customers.is_deleted
) as stays
{% endmacro %}

{# Joins a relation that has meter_id and local_date with the limits that hold for the meter's class on that day; needs the
   CTEs classes (meter_classes) and limits (class_limits). #}
{% macro join_limits(days) -%}
left join classes
        on {{ days }}.meter_id = classes.meter_id
        and {{ days }}.local_date between classes.first_date and classes.last_date
    left join limits as own on classes.customer_class = own.customer_class
    inner join limits on coalesce(own.customer_class, '*') = limits.customer_class
{%- endmacro %}

{# Codes of the rules that are broken, in order, separated by commas; each is a boolean column. #}
{% macro broken_rules(listed_rules) -%}
concat_ws(
            ','
            {%- for rule in listed_rules %},
            case when {{ rule }} then '{{ rule }}' end
            {%- endfor %}
        )
{%- endmacro %}

{# Whether one of the broken rules rejects the read; `only_if` names a further condition of a rule. #}
{% macro is_rejected(only_if) -%}
(
            {%- for rule in read_rules() %}
            {{ 'or ' if not loop.first }}({{ rule }} and {{ rule }}_rejects{{ ' and ' ~ only_if[rule] if rule in only_if }})
            {%- endfor %}
        )
{%- endmacro %}

{# What a register with as many digits as a reading counts up to before it begins anew. #}
{% macro register_range_kwh(reading) -%}
power(10, length(floor({{ reading }})::bigint::text))::decimal(20, 6)
{%- endmacro %}

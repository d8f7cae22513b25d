{# Factor from what was measured in an interval to what all expected meters used; never below one. #}
{% macro reporting_scale(measured_minutes, expected_meters) -%}
greatest(1::double precision, {{ forecast_step() }} * ({{ expected_meters }})::double precision / nullif({{ measured_minutes }}, 0))
{%- endmacro %}

{# Sums of an interval of feeders and customer classes for each level on which load is forecast; '*' is all of them. #}
{% macro load_levels(relation, sums) -%}
select
        case
            when grouping(feeder_code) = 0 then 'feeder'
            when grouping(region_code) = 0 then 'region'
            when grouping(customer_class) = 0 then 'customer_class'
            else 'total'
        end as level,
        coalesce(region_code, '*') as region_code,
        coalesce(feeder_code, '*') as feeder_code,
        coalesce(customer_class, '*') as customer_class,
        interval_start_utc,
        local_date,
        {% for name in sums -%}
        sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor -%}
    from {{ relation }}
    group by
        grouping sets (
            (interval_start_utc, local_date),
            (region_code, interval_start_utc, local_date),
            (region_code, feeder_code, interval_start_utc, local_date),
            (customer_class, interval_start_utc, local_date)
        )
{%- endmacro %}

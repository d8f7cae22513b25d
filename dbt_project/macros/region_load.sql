{# Factor from what was measured in an hour to what all expected meters used; never below one. #}
{% macro reporting_scale(measured_minutes, expected_meters) -%}
greatest(1::double precision, 60 * ({{ expected_meters }})::double precision / nullif({{ measured_minutes }}, 0))
{%- endmacro %}

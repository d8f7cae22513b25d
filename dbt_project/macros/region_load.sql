{# Factor from what was measured in an hour to what all expected meters used; never below one. #}
{% macro reporting_scale(measured_minutes, expected_meters) -%}
greatest(1.0, 60.0 * {{ expected_meters }} / nullif({{ measured_minutes }}, 0))
{%- endmacro %}

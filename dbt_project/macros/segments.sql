{# Name of a third, lowest first; unknown where the value behind it is. #}
{% macro third_name(third, value) -%}
case when {{ value }} is null then 'unknown' when {{ third }} = 1 then 'low' when {{ third }} = 2 then 'middle' else 'high' end
{%- endmacro %}

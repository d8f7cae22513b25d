{# Name of a third, lowest first. #}
{% macro third_name(third) -%}
case {{ third }} when 1 then 'low' when 2 then 'middle' else 'high' end
{%- endmacro %}

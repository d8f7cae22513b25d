{# A key of several columns. Where the table keeps days, only the days of this build are looked at. #}
{% test unique_together(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
{% if 'as_of_date' in columns -%}
where as_of_date in (
    {% for day in var('as_of_dates') %}date '{{ day }}'{{ ', ' if not loop.last }}{% endfor %}
)
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1
    {% for column in columns %}or {{ column }} is null {% endfor %}
{% endtest %}

{# An invariant of every row; of the days of this build where the table keeps days. #}
{% test expression_holds(model, expression, dated=true) %}
select *
from {{ model }}
where not coalesce({{ expression }}, true)
{% if dated -%}
    and as_of_date in (
        {% for day in var('as_of_dates') %}date '{{ day }}'{{ ', ' if not loop.last }}{% endfor %}
    )
{%- endif %}
{% endtest %}

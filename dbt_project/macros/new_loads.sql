{# Whether a row is of a load that an append-only table does not hold yet, in rows that count as there. The loads are
   listed by name, since only a literal list lets the engine skip the blocks of all others. #}
{% macro load_is_new(rows, already_booked='true') -%}
{%- set found = run_query(
    'select distinct load_id from ' ~ rows ~ ' except select distinct load_id from ' ~ this
    ~ ' where ' ~ already_booked ~ ' order by load_id'
) if execute else none -%}
{%- set load_ids = found.columns[0].values() if found else [] -%}
{%- if load_ids -%}
load_id in ({% for load_id in load_ids %}'{{ load_id }}'{{ ', ' if not loop.last }}{% endfor %})
{%- else -%}
false
{%- endif -%}
{%- endmacro %}

{# The only place where engines differ. #}

{# Local wall-clock time of an instant that is stored in UTC without a zone marker. #}
{% macro to_local(utc_column) -%}{{ adapter.dispatch('to_local')(utc_column) }}{%- endmacro %}
{% macro default__to_local(utc_column) -%}
(({{ utc_column }} at time zone 'UTC') at time zone '{{ var("timezone") }}')
{%- endmacro %}

{# Instant, in UTC without a zone marker, of a local wall-clock time. #}
{% macro to_utc(local_column) -%}{{ adapter.dispatch('to_utc')(local_column) }}{%- endmacro %}
{% macro default__to_utc(local_column) -%}
((({{ local_column }})::timestamp at time zone '{{ var("timezone") }}') at time zone 'UTC')
{%- endmacro %}

{# One row per day from .. to, both included. #}
{% macro day_series(first_day, last_day) -%}{{ adapter.dispatch('day_series')(first_day, last_day) }}{%- endmacro %}
{% macro default__day_series(first_day, last_day) -%}
generate_series(({{ first_day }})::timestamp, ({{ last_day }})::timestamp, interval '1 day')
{%- endmacro %}

{# One row per hour from .. to, both included. #}
{% macro hour_series(first_hour, last_hour) -%}{{ adapter.dispatch('hour_series')(first_hour, last_hour) }}{%- endmacro %}
{% macro default__hour_series(first_hour, last_hour) -%}
generate_series(({{ first_hour }})::timestamp, ({{ last_hour }})::timestamp, interval '1 hour')
{%- endmacro %}

{# Whole days from one date to another. PostgreSQL subtracts dates to the same integer. #}
{% macro days_between(earlier, later) -%}{{ adapter.dispatch('days_between')(earlier, later) }}{%- endmacro %}
{% macro default__days_between(earlier, later) -%}(({{ later }})::date - ({{ earlier }})::date){%- endmacro %}

{# Whole hours from one instant to another. #}
{% macro hours_between(earlier, later) -%}{{ adapter.dispatch('hours_between')(earlier, later) }}{%- endmacro %}
{% macro default__hours_between(earlier, later) -%}
(extract(epoch from ({{ later }} - {{ earlier }})) / 3600)::integer
{%- endmacro %}

{# JSON text with some keys of a JSON text; null stays null. #}
{% macro json_subset(column, names) -%}{{ adapter.dispatch('json_subset')(column, names) }}{%- endmacro %}
{% macro default__json_subset(column, names) -%}
case when {{ column }} is not null then
    json_object({% for name in names | map('replace', "'", "''") %}'{{ name }}', {{ column }}::json ->> '{{ name }}'{{ ', ' if not loop.last }}{% endfor %})::varchar
end
{%- endmacro %}

{# A date some months later. #}
{% macro add_months(day, months) -%}{{ adapter.dispatch('add_months')(day, months) }}{%- endmacro %}
{% macro default__add_months(day, months) -%}
({{ day }} + ({{ months }})::integer * interval '1 month')::date
{%- endmacro %}

{# Value of the row with the greatest key. #}
{% macro latest(column, key) -%}{{ adapter.dispatch('latest')(column, key) }}{%- endmacro %}
{% macro default__latest(column, key) -%}(array_agg({{ column }} order by {{ key }} desc))[1]{%- endmacro %}
{% macro duckdb__latest(column, key) -%}arg_max_null({{ column }}, {{ key }}){%- endmacro %}

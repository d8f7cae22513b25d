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

{# In a select list: the row once for every hour from .. to, both included. DuckDB's function gives a list there. #}
{% macro each_hour(first_hour, last_hour) -%}{{ adapter.dispatch('each_hour')(first_hour, last_hour) }}{%- endmacro %}
{% macro default__each_hour(first_hour, last_hour) -%}
generate_series(({{ first_hour }})::timestamp, ({{ last_hour }})::timestamp, interval '1 hour')
{%- endmacro %}
{% macro duckdb__each_hour(first_hour, last_hour) -%}
unnest({{ default__each_hour(first_hour, last_hour) }})
{%- endmacro %}

{# In a select list: the row once for every whole number from .. to, both included. #}
{% macro each_number(first, last) -%}{{ adapter.dispatch('each_number')(first, last) }}{%- endmacro %}
{% macro default__each_number(first, last) -%}generate_series(({{ first }})::integer, ({{ last }})::integer){%- endmacro %}
{% macro duckdb__each_number(first, last) -%}
unnest({{ default__each_number(first, last) }})::integer
{%- endmacro %}

{# Whole days from one date to another. DuckDB subtracts dates to a bigint, PostgreSQL to an integer. #}
{% macro days_between(earlier, later) -%}{{ adapter.dispatch('days_between')(earlier, later) }}{%- endmacro %}
{% macro default__days_between(earlier, later) -%}(({{ later }})::date - ({{ earlier }})::date){%- endmacro %}
{% macro postgres__days_between(earlier, later) -%}(({{ later }})::date - ({{ earlier }})::date)::bigint{%- endmacro %}

{# Whole hours from one instant to another. #}
{% macro hours_between(earlier, later) -%}{{ adapter.dispatch('hours_between')(earlier, later) }}{%- endmacro %}
{% macro default__hours_between(earlier, later) -%}
(extract(epoch from ({{ later }} - {{ earlier }})) / 3600)::integer
{%- endmacro %}

{# Whole minutes from one instant to another. #}
{% macro minutes_between(earlier, later) -%}{{ adapter.dispatch('minutes_between')(earlier, later) }}{%- endmacro %}
{% macro default__minutes_between(earlier, later) -%}
(extract(epoch from ({{ later }} - {{ earlier }})) / 60)::integer
{%- endmacro %}

{# JSON text with some keys of a JSON text; null stays null. #}
{% macro json_subset(column, names) -%}{{ adapter.dispatch('json_subset')(column, names) }}{%- endmacro %}
{% macro default__json_subset(column, names) -%}
case when {{ column }} is not null then
    json_object({% for name in names | map('replace', "'", "''") %}'{{ name }}', {{ column }}::json ->> '{{ name }}'{{ ', ' if not loop.last }}{% endfor %})::varchar
end
{%- endmacro %}

{# The same text as DuckDB writes, without blanks. #}
{% macro postgres__json_subset(column, names) -%}
case when {{ column }} is not null then
    '{' || {% for name in names | map('replace', "'", "''") -%}
    to_json('{{ name }}'::text)::text || ':' || coalesce(to_json({{ column }}::json ->> '{{ name }}')::text, 'null')
    {{- " || ',' || " if not loop.last }}{% endfor %} || '}'
end
{%- endmacro %}

{# A date some months later. #}
{% macro add_months(day, months) -%}{{ adapter.dispatch('add_months')(day, months) }}{%- endmacro %}
{% macro default__add_months(day, months) -%}
({{ day }} + ({{ months }})::integer * interval '1 month')::date
{%- endmacro %}

{# Value of the row with the greatest key; rows without a key do not count. #}
{% macro latest(column, key) -%}{{ adapter.dispatch('latest')(column, key) }}{%- endmacro %}
{% macro default__latest(column, key) -%}
(array_agg({{ column }} order by {{ key }} desc) filter (where {{ key }} is not null))[1]
{%- endmacro %}
{% macro duckdb__latest(column, key) -%}arg_max_null({{ column }}, {{ key }}){%- endmacro %}

{# A text to be put in order: by its bytes, as DuckDB does; a PostgreSQL database may have another order by default. #}
{% macro by_bytes(column) -%}{{ adapter.dispatch('by_bytes')(column) }}{%- endmacro %}
{% macro default__by_bytes(column) -%}{{ column }}{%- endmacro %}
{% macro postgres__by_bytes(column) -%}{{ column }} collate "C"{%- endmacro %}

{# Indexes of a table, as lists of columns. DuckDB scans faster than it would keep them. #}
{% macro indexed_by(lists) -%}{{ return(adapter.dispatch('indexed_by')(lists)) }}{%- endmacro %}
{% macro default__indexed_by(lists) -%}{{ return([]) }}{%- endmacro %}
{% macro postgres__indexed_by(lists) -%}
{%- set indexes = [] -%}
{%- for columns in lists -%}{%- do indexes.append({'columns': columns}) -%}{%- endfor -%}
{{ return(indexes) }}
{%- endmacro %}

{# After a table was written: PostgreSQL plans the next model by what it knows of this one, and would know it too late. #}
{% macro know_size() -%}{{ adapter.dispatch('know_size')() }}{%- endmacro %}
{% macro default__know_size() -%}{%- endmacro %}
{% macro postgres__know_size() -%}analyze {{ this }}{%- endmacro %}

{# How a table of another layer is handed on as it is. PostgreSQL drops a view with the table behind it when that is built
   again, which readers would notice until the view is there again. #}
{% macro handed_on() -%}{{ return(adapter.dispatch('handed_on')()) }}{%- endmacro %}
{% macro default__handed_on() -%}{{ return('view') }}{%- endmacro %}
{% macro postgres__handed_on() -%}{{ return('table') }}{%- endmacro %}

{# The values in a window, for middle_of: the median of a window is one step in DuckDB and two in PostgreSQL. #}
{% macro values_of(value, over) -%}{{ adapter.dispatch('values_of')(value, over) }}{%- endmacro %}
{% macro default__values_of(value, over) -%}array_agg({{ value }}) over {{ over }}{%- endmacro %}
{% macro duckdb__values_of(value, over) -%}quantile_disc({{ value }}, 0.5) over {{ over }}{%- endmacro %}

{# The lower median of what values_of gave. #}
{% macro middle_of(values) -%}{{ adapter.dispatch('middle_of')(values) }}{%- endmacro %}
{% macro default__middle_of(values) -%}
(select percentile_disc(0.5) within group (order by listed.value) from unnest({{ values }}) as listed (value))
{%- endmacro %}
{% macro duckdb__middle_of(values) -%}{{ values }}{%- endmacro %}

{# Before a model that joins what it has just summed up: PostgreSQL takes such sums for a few rows, and would go through
   one side again for every row of the other. #}
{% macro join_by_hash() -%}{{ adapter.dispatch('join_by_hash')() }}{%- endmacro %}
{% macro default__join_by_hash() -%}{%- endmacro %}
{% macro postgres__join_by_hash() -%}set local enable_nestloop = off{%- endmacro %}

{# A whole number of up to 38 digits, for products of money and energy. #}
{% macro wide() -%}{{ adapter.dispatch('wide')() }}{%- endmacro %}
{% macro default__wide() -%}numeric{%- endmacro %}
{% macro duckdb__wide() -%}hugeint{%- endmacro %}

{# One whole number divided by another, towards zero. DuckDB divides decimals to doubles. #}
{% macro whole_division(number, divisor) -%}{{ adapter.dispatch('whole_division')(number, divisor) }}{%- endmacro %}
{% macro default__whole_division(number, divisor) -%}div(({{ number }})::numeric, ({{ divisor }})::numeric){%- endmacro %}
{% macro duckdb__whole_division(number, divisor) -%}(({{ number }})::hugeint // ({{ divisor }})::hugeint){%- endmacro %}

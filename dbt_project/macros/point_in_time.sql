{# All versions of the rows of a raw table, from accepted loads only, each with the local days it was current on.

   A version is known from the end of the day it arrived on (known_on) and is replaced on replaced_on (null: current).
   Of several versions that arrived on one day the last one counts. observed_on is the first day on which the
   attributes of the version were seen by Meterwise: a first load shows today's values, not those of the past. #}
{% macro row_versions(table_name, key, columns) %}
with dated as (
    select
        {{ columns | join(',\n        ') }},
        is_deleted,
        received_at_utc,
        received_at_assumed,
        landed_at_utc,
        load_id,
        version_no,
        {{ to_local('received_at_utc') }}::date as known_on,
        case
            when received_at_assumed then {{ to_local('landed_at_utc') }}::date
            else {{ to_local('received_at_utc') }}::date
        end as observed_on,
        case when received_at_assumed then landed_at_utc else received_at_utc end as observed_at_utc
    from {{ source('raw', table_name) }}
    where load_id in (
        select load_audit.load_id from {{ source('raw', 'load_audit') }} as load_audit
        where load_audit.state = 'accepted'
    )
),

versions as (
    select
        *,
        lead(known_on) over (
            partition by {{ key | join(', ') }} order by received_at_utc, {{ by_bytes('load_id') }}, version_no
        ) as replaced_on
    from dated
)

select * from versions
{% endmacro %}

{# Whether a version (of an alias) was the one in force at the end of a day. #}
{% macro in_force(version, day) -%}
{{ version }}.known_on <= {{ day }} and ({{ version }}.replaced_on is null or {{ version }}.replaced_on > {{ day }})
    and not {{ version }}.is_deleted
{%- endmacro %}

{# Latest of the days that the build is for. #}
{% macro last_as_of_date() -%}{{ var('as_of_dates') | max }}{%- endmacro %}

{# Days as a list of SQL dates. #}
{% macro listed(days) -%}
{% for day in days %}date '{{ day }}'{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{# Days before the latest one. #}
{% macro days_back(day) -%}
{%- set parse = modules.datetime.date.fromisoformat -%}
{{ (parse(var('as_of_dates') | max) - parse(day)).days }}
{%- endmacro %}

{# The days that a feature table is built for: demand learns from every day; churn needs answers, so 90 days ago and
   every 28 days before; segments look every 28 days back for stability; alerts are of the day alone. Days that were asked for are always among them. #}
{% macro days_for(purpose) -%}
{%- set days = [] -%}
{%- for day in var('as_of_dates') | unique | sort -%}
    {%- set back = days_back(day) | int -%}
    {%- if back == 0
        or day in var('asked_dates')
        or purpose == 'demand'
        or (purpose == 'churn' and back >= 90 and (back - 90) % 28 == 0)
        or (purpose == 'segments' and back % 28 == 0 and back <= 224) -%}
        {%- do days.append(day) -%}
    {%- endif -%}
{%- endfor -%}
{{ return(days) }}
{%- endmacro %}

{% macro as_of_days(purpose) -%}
select as_of_date::date as as_of_date
    from (values {% for day in days_for(purpose) %}('{{ day }}'){{ ', ' if not loop.last }}{% endfor %}) as listed (as_of_date)
{%- endmacro %}

{# Before the insert into a table of days: the days that are built again, and no others, make room, in the same
   transaction. #}
{% macro delete_days() -%}
{%- if is_incremental() -%}
{%- set purpose = 'alerts' if this.identifier == 'meter_alert_candidates' else this.identifier[9:] -%}
{%- set is_history = this.identifier.startswith('features_') or purpose == 'alerts' -%}
{%- set days = days_for(purpose) if is_history else var('as_of_dates') -%}
delete from {{ this }}
where as_of_date in ({{ listed(days) }})
{%- endif -%}
{%- endmacro %}

{# Before the insert into a table that no one reads the past of: days that lie further back make room. #}
{% macro delete_days_before(kept_days) -%}
{%- if is_incremental() -%}
delete from {{ this }}
where as_of_date < date '{{ last_as_of_date() }}' - {{ kept_days }}
{%- endif -%}
{%- endmacro %}

{# An attribute that can change, as a feature may know it: the snapshot's value from the first snapshot on, nothing
   before; a column declared static in sources.yml keeps the value of the row itself. #}
{% macro attribute_known(table_name, column, row_alias, snapshot_alias) -%}
{%- if column in var('static_columns').get(table_name, []) -%}
{{ row_alias }}.{{ column }}
{%- else -%}
{{ snapshot_alias }}.{{ column }}
{%- endif -%}
{%- endmacro %}

{# Whether a snapshot row is what Meterwise had seen last at the end of a day. #}
{% macro seen_on(snapshot_row, day) -%}
{{ to_local(snapshot_row ~ '.dbt_valid_from') }}::date <= {{ day }}
    and (
        {{ snapshot_row }}.dbt_valid_to is null
        or {{ to_local(snapshot_row ~ '.dbt_valid_to') }}::date > {{ day }}
    )
{%- endmacro %}

{# Days for which customers are described: those of churn and of segments. #}
{% macro customer_days() -%}
select churn_days.as_of_date from ({{ as_of_days('churn') }}) as churn_days
    union
    select segment_days.as_of_date from ({{ as_of_days('segments') }}) as segment_days
{%- endmacro %}

{# JSON text of those attributes of a row that sources.yml declares static; null where there are none. #}
{% macro static_attributes(table_name, known_columns, row_alias) -%}
{%- set names = [] -%}
{%- for name in var('static_columns').get(table_name, []) if name not in known_columns -%}
    {%- do names.append(name) -%}
{%- endfor -%}
{%- if names -%}{{ json_subset(row_alias ~ '.attributes', names) }}{%- else -%}cast(null as varchar){%- endif -%}
{%- endmacro %}

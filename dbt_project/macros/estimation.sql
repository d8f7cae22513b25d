{# Place of a version among those of its read, the newest first. #}
{% macro newest_first(key) -%}
row_number() over (
            partition by {{ key | join(', ') }} order by received_at_utc desc, {{ by_bytes('load_id') }} desc, version_no desc
        )
{%- endmacro %}

{# Use of meters by local day, as known now: energy and the minutes that were measured. #}
{% macro days_as_known_now() -%}
select
        meter_id,
        local_date,
        sum(delta_kwh)::decimal(18, 6) as consumption_kwh,
        sum(delta_minutes)::integer as measured_minutes
    from {{ ref('int_usage_daily_ledger') }}
    group by meter_id, local_date
    having sum(delta_minutes) > 0
{%- endmacro %}

{# Minutes of a local day: 1380 and 1500 where the clock changes. #}
{% macro minutes_of_day(day) -%}
{{ minutes_between(to_utc(day), to_utc(day ~ ' + 1')) }}
{%- endmacro %}

{# Minutes of the intervals that load is forecast by. #}
{% macro forecast_step() -%}{{ var('forecast_step_minutes') }}{%- endmacro %}

{# Mean power, kW, of an energy, kWh, of an interval; exact, since 60 is a multiple of every step. #}
{% macro kw_of(kwh, interval_minutes) -%}
{{ kwh }} * (60 / {{ interval_minutes }})
{%- endmacro %}

{# Before the insert into a ledger by the step: what was booked by another step makes room, in the same transaction. #}
{% macro delete_other_steps() -%}
{%- if is_incremental() -%}
delete from {{ this }}
where interval_minutes <> {{ forecast_step() }}
{%- endif -%}
{%- endmacro %}

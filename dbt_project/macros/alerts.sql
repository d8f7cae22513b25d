{# Days of a meter's past that alerts look at: four weeks to be judged, twelve before them to judge by. #}
{% macro alert_days() -%}112{%- endmacro %}

{% macro recent_days() -%}28{%- endmacro %}

{# A meter that has reported on fewer days gets no alert. #}
{% macro least_history_days() -%}28{%- endmacro %}

{# Days in which outages are looked for, hour by hour, and meters that a feeder must have to be judged. #}
{% macro outage_days() -%}14{%- endmacro %}

{% macro least_feeder_meters() -%}4{%- endmacro %}

{# What part one energy is of another, exact to six decimals; null where there is nothing to divide by. #}
{% macro share_of(part, whole) -%}
{{ rounded_decimal('least((' ~ part ~ ')::double precision / nullif(' ~ whole ~ ', 0)::double precision, 1000000)') }}
{%- endmacro %}

{# Days after it was closed for which an alert stays closed although the thing goes on. #}
{% macro closed_days() -%}14{%- endmacro %}

{# How much the measured chance of being right weighs against what crews found: as much as so many findings. #}
{% macro prior_weight() -%}20{%- endmacro %}

{# Of two things that one meter shows in the same days the one with the smaller number is told. #}
{% macro alert_priority(alert_type) -%}
case {{ alert_type }}
        when 'dead_meter' then 1
        when 'reverse_energy' then 2
        when 'fault' then 3
        when 'tamper_suspected' then 4
        when 'vacancy' then 5
        when 'high_use' then 6
        when 'drift' then 7
        else 8
    end
{%- endmacro %}

{# Energy that an alert is about, kWh: what was used in an empty home, used too much, counted backwards, or not counted. #}
{% macro energy_at_stake(alert_type, expected_kwh, measured_kwh) -%}
greatest(0, case
            when {{ alert_type }} = 'vacancy' then {{ measured_kwh }}
            when {{ alert_type }} = 'high_use' then {{ measured_kwh }} - {{ expected_kwh }}
            when {{ alert_type }} = 'reverse_energy' then -{{ measured_kwh }}
            when {{ alert_type }} = 'fault' then {{ expected_kwh }}
            else {{ expected_kwh }} - {{ measured_kwh }}
        end)::decimal(18, 6)
{%- endmacro %}

{# A number of a JSON text, with one decimal; null where there is none. #}
{% macro json_number(value) -%}
coalesce(({{ value }})::decimal(18, 1)::varchar, 'null')
{%- endmacro %}

{# How often such a sign was right on five made-up utilities (decision 0170); strength is the share of the expected energy
   that was measured, of a fall the highest week after it by the lowest before. Nothing befell them that is told as high use:
   it comes last, until findings say more. #}
{% macro alert_prior(alert_type, evidence_days, strength) -%}
(case
            when {{ alert_type }} in ('dead_meter', 'outage') then 0.95
            when {{ alert_type }} = 'reverse_energy' then 0.9
            when {{ alert_type }} = 'fault' then 0.7
            when {{ alert_type }} = 'tamper_suspected' and {{ strength }} < 0.75 then 0.8
            when {{ alert_type }} = 'tamper_suspected' then 0.16
            when {{ alert_type }} = 'vacancy' and {{ evidence_days }} >= 6 then 0.98
            when {{ alert_type }} = 'vacancy' then 0.86
            when {{ alert_type }} = 'low_use' then 0.46
            when {{ alert_type }} = 'high_use' then 0.3
            else 0.2
        end)::decimal(9, 6)
{%- endmacro %}

{# Alarms in 30 days above which it is the data that broke: ten times the budget of false ones, and five at least. #}
{% macro alarm_limit(meters) -%}
greatest(5, 10 * {{ var('false_alarms_per_100_meters') }} * {{ meters }} / 100.0)
{%- endmacro %}

{# An alert less likely to be right than this is not told to anybody. #}
{% macro least_confidence() -%}0.3{%- endmacro %}

{# The text with what is in braces filled in: {days}, {first_date}, {last_date}, {meter}, {feeder}, {customer_kwh} and so
   on, as a dictionary of names and SQL texts. #}
{% macro filled_in(text, values) -%}
{%- set result = namespace(sql=text) -%}
{%- for name, value in values.items() -%}
    {%- set result.sql = "replace(" ~ result.sql ~ ", '{" ~ name ~ "}', coalesce(" ~ value ~ ", ''))" -%}
{%- endfor -%}
{{ result.sql }}
{%- endmacro %}

{# Whole kWh as text. #}
{% macro whole(value) -%}
({{ value }})::decimal(18, 0)::varchar
{%- endmacro %}

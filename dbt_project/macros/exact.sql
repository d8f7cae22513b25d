{# Numbers that are the same in every engine and in every run: sums are decimals, which do not depend on the order of
   their terms; a sum is cast to double once; doubles are divided and rounded only by what every processor does alike. #}

{# Mean of a decimal or an integer, as a double. #}
{% macro mean(value, over='') -%}
(
        (sum({{ value }}){{ over }})::double precision / nullif(count({{ value }}){{ over }}, 0)
    )
{%- endmacro %}

{# Mean of a decimal, each as often as an integer says, as a double. #}
{% macro weighted_mean(value, weight) -%}
(sum({{ value }} * {{ weight }}))::double precision / (sum({{ weight }}))::double precision
{%- endmacro %}

{# A double with six decimals. The engines' own round() differ in halves. #}
{% macro rounded(value) -%}
floor(({{ value }})::double precision * 1000000 + 0.5) / 1000000
{%- endmacro %}

{# A double as a decimal with six decimals. The engines' own casts differ: PostgreSQL keeps 15 digits of a double. #}
{% macro rounded_decimal(value) -%}
(floor(({{ value }})::double precision * 1000000 + 0.5)::bigint * 0.000001)::decimal(18, 6)
{%- endmacro %}

{# Slope of the straight line through pairs of decimals, as a double; null where all x are equal. A pair without x is left
   out, y is never null. regr_slope works on doubles and depends on the order of the pairs. `damping`, a sum of squares of
   x, draws the slope of few pairs that lie close together towards zero (ridge regression). #}
{% macro slope(y, x, damping=0) -%}
(count({{ x }}) * sum({{ x }} * {{ y }}) - sum({{ x }}) * sum(case when {{ x }} is not null then {{ y }} end))::double precision
    / nullif(
        count({{ x }}) * (sum({{ x }} * {{ x }}) + {{ damping }}) - sum({{ x }}) * sum({{ x }}), 0
    )::double precision
{%- endmacro %}

{# Part of an energy, a decimal with six decimals, that falls on the minutes from .. to of all its minutes, with six
   decimals too: parts that lie side by side add up to the whole. #}
{% macro part_of(kwh, from_minute, to_minute, minutes) -%}
(
        {%- for minute in [to_minute, from_minute] %}
        {{ '- ' if not loop.first }}{{ whole_part('(' ~ kwh ~ ' * 1000000)::bigint * ' ~ minute, minutes) }}
        {%- endfor %}
    ) * 0.000001
{%- endmacro %}

{# Quotient of whole numbers without its fraction. The engines' own divisions differ. #}
{% macro whole_part(dividend, divisor) -%}
((({{ dividend }}) - ({{ dividend }}) % ({{ divisor }})) / ({{ divisor }}))::bigint
{%- endmacro %}

{# Money to the last digit: products and sums of whole numbers, one division a line, one way to round it. #}

{# A decimal with up to six decimals in millionths, as a whole number. #}
{% macro in_micro(value) -%}(({{ value }})::decimal(38, 6) * 1000000)::{{ wide() }}{%- endmacro %}

{# Millionths as a decimal with six decimals. #}
{% macro from_micro(whole) -%}(({{ whole }})::decimal(31, 0) * 0.000001::decimal(7, 6))::decimal(18, 6){%- endmacro %}

{# Hundred millionths as a decimal with eight decimals. #}
{% macro from_e8(whole) -%}(({{ whole }})::decimal(29, 0) * 0.00000001::decimal(9, 8))::decimal(18, 8){%- endmacro %}

{# A fraction of whole numbers, the divisor above 0, rounded to a whole number with halves away from zero. #}
{% macro rounded_half_up(number, divisor) -%}
(case when {{ number }} < 0 then -1 else 1 end * {{ whole_division('2 * abs(' ~ number ~ ') + ' ~ divisor, '2 * (' ~ divisor ~ ')') }})
{%- endmacro %}

{# A fraction of whole numbers, the divisor above 0, rounded to a whole number as a tariff says. #}
{% macro rounded_whole(number, divisor, mode) -%}
(case when {{ number }} < 0 then -1 else 1 end * case {{ mode }}
    when 'down' then {{ whole_division('abs(' ~ number ~ ')', divisor) }}
    when 'up' then {{ whole_division('abs(' ~ number ~ ') + ' ~ divisor ~ ' - 1', divisor) }}
    else {{ whole_division('2 * abs(' ~ number ~ ') + ' ~ divisor, '2 * (' ~ divisor ~ ')') }}
        - case
            when {{ mode }} = 'half_even' and (2 * abs({{ number }}) + {{ divisor }}) % (2 * ({{ divisor }})) = 0
                then {{ whole_division('2 * abs(' ~ number ~ ') + ' ~ divisor, '2 * (' ~ divisor ~ ')') }} % 2
            else 0
        end
end)
{%- endmacro %}

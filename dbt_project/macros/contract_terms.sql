{# Days until the running term of a contract ends, terms renewing at equal length; null without a term. #}
{% macro days_to_term_end(start_on, term_months, day) -%}
case when {{ term_months }} > 0 then
    {{ days_between(day, add_months(
        start_on,
        '(1 + floor(((extract(year from ' ~ day ~ ') - extract(year from ' ~ start_on ~ ')) * 12 + extract(month from ' ~ day
        ~ ') - extract(month from ' ~ start_on ~ ') - case when extract(day from ' ~ day ~ ') < extract(day from '
        ~ start_on ~ ') then 1 else 0 end)::double precision / ' ~ term_months ~ '))::integer * ' ~ term_months
    )) }}
end
{%- endmacro %}

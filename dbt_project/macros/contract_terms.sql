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

{# Last day of a stay: that of its contract, or the day before the next contract of the same point begins, so that no
   day is counted for two customers where the CRM ends one contract on the day on which the next one starts. #}
{% macro last_day_of_stay(point) -%}
least(
    coalesce(end_on, date '9999-12-31'),
    coalesce(lead(start_on) over (partition by {{ point }} order by start_on, {{ by_bytes('contract_id') }}) - 1, date '9999-12-31')
)
{%- endmacro %}

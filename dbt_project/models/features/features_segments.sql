with as_of_days as (
    {{ as_of_days('segments') }}
),

customers as (
    select customers_as_of.*
    from {{ ref('int_customers_as_of') }} as customers_as_of
    inner join as_of_days on customers_as_of.as_of_date = as_of_days.as_of_date
    where customers_as_of.is_active
),

customer_days as (
    select
        usage_days.*,
        extract(isodow from usage_days.local_date) as day_of_week
    from {{ ref('int_customer_days_as_of') }} as usage_days
    inner join as_of_days on usage_days.as_of_date = as_of_days.as_of_date
    where usage_days.local_date > usage_days.as_of_date - 365
),

profiles as (
    select * from {{ ref('int_customer_profiles_as_of') }}
),

temperatures as (
    select * from {{ ref('int_temperature_days_as_of') }}
),

prices as (
    select * from {{ ref('int_prices_as_of') }}
),

levels as (
    select
        as_of_date,
        customer_id,
        count(*)::integer as days_known,
        sum(kwh)::double precision as kwh,
        1440 * sum(kwh)::double precision / sum(measured_minutes) as mean_daily_kwh,
        sum(peak_kwh)::double precision as peak_kwh,
        sum(night_kwh)::double precision as night_kwh,
        sum(daytime_kwh)::double precision as daytime_kwh,
        sum(case when day_of_week >= 6 then kwh else 0 end)::double precision as weekend_kwh
    from customer_days
    group by as_of_date, customer_id
),

-- Degrees above 20 °C or below 15 °C, on the days on which it was about so warm or cold.
degree_days as (
    select
        customer_days.as_of_date,
        customer_days.customer_id,
        customer_days.kwh,
        case
            when temperatures.temperature_c > 18 then greatest(temperatures.temperature_c - 20, 0)::decimal(18, 6)
        end as cooling_degrees,
        case
            when temperatures.temperature_c < 17 then greatest(15 - temperatures.temperature_c, 0)::decimal(18, 6)
        end as heating_degrees
    from customer_days
    inner join customers
        on customer_days.as_of_date = customers.as_of_date and customer_days.customer_id = customers.customer_id
    inner join temperatures
        on customer_days.as_of_date = temperatures.as_of_date
        and customers.region_code = temperatures.region_code
        and customer_days.local_date = temperatures.local_date
),

-- kWh more per degree.
weather_response as (
    select
        as_of_date,
        customer_id,
        {{ slope('kwh', 'cooling_degrees') }} as cooling_kwh_per_degree,
        {{ slope('kwh', 'heating_degrees') }} as heating_kwh_per_degree
    from degree_days
    group by as_of_date, customer_id
),

mean_prices as (
    select
        as_of_date,
        {{ mean('price_per_kwh') }} as price_per_kwh,
        {{ mean('standing_charge_per_day') }} as standing_charge_per_day
    from prices
    group by as_of_date
),

joined as (
    select
        customers.as_of_date,
        customers.customer_id,
        customers.customer_class,
        customers.region_code,
        customers.tariff_code,
        coalesce(levels.days_known, 0) as days_known,
        {{ rounded('levels.mean_daily_kwh') }} as mean_daily_kwh,
        {{ rounded('365 * levels.mean_daily_kwh') }} as annual_kwh,
        {{ rounded('levels.peak_kwh / nullif(levels.kwh, 0)') }} as peak_share,
        {{ rounded('levels.night_kwh / nullif(levels.kwh, 0)') }} as night_share,
        {{ rounded('levels.daytime_kwh / nullif(levels.kwh, 0)') }} as daytime_share,
        {{ rounded('levels.weekend_kwh / nullif(levels.kwh, 0)') }} as weekend_share,
        {% for hour in range(24) -%}
            {% set share = 'workday_h%02d' % hour -%}
            {{ rounded('profiles.' ~ share) }} as {{ share }},
        {% endfor -%}
        {{ rounded('weather_response.cooling_kwh_per_degree') }} as cooling_kwh_per_degree,
        {{ rounded('weather_response.heating_kwh_per_degree') }} as heating_kwh_per_degree,
        {{ rounded(
            '365 * levels.mean_daily_kwh * coalesce(prices.price_per_kwh::double precision, mean_prices.price_per_kwh)
            + 365 * coalesce(
                prices.standing_charge_per_day::double precision, mean_prices.standing_charge_per_day, 0
            )'
        ) }} as annual_value
    from customers
    left join levels
        on customers.as_of_date = levels.as_of_date and customers.customer_id = levels.customer_id
    left join profiles
        on customers.as_of_date = profiles.as_of_date and customers.customer_id = profiles.customer_id
    left join weather_response
        on customers.as_of_date = weather_response.as_of_date
        and customers.customer_id = weather_response.customer_id
    left join prices
        on customers.as_of_date = prices.as_of_date
        and customers.tariff_code = prices.tariff_code
        and customers.region_code = prices.region_code
    left join mean_prices on customers.as_of_date = mean_prices.as_of_date
)

select * from joined
order by as_of_date, customer_id

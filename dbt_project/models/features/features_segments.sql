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
        sum(kwh)::double as kwh,
        1440 * sum(kwh)::double / sum(measured_minutes) as mean_daily_kwh,
        sum(peak_kwh)::double as peak_kwh,
        sum(night_kwh)::double as night_kwh,
        sum(daytime_kwh)::double as daytime_kwh,
        sum(case when day_of_week >= 6 then kwh else 0 end)::double as weekend_kwh
    from customer_days
    group by as_of_date, customer_id
),

-- kWh more per degree above 20 °C or below 15 °C, over the days on which it was so warm or cold.
weather_response as (
    select
        customer_days.as_of_date,
        customer_days.customer_id,
        regr_slope(
            case when temperatures.temperature_c > 18 then customer_days.kwh::double end,
            greatest(temperatures.temperature_c - 20, 0)
        ) as cooling_kwh_per_degree,
        regr_slope(
            case when temperatures.temperature_c < 17 then customer_days.kwh::double end,
            greatest(15 - temperatures.temperature_c, 0)
        ) as heating_kwh_per_degree
    from customer_days
    inner join customers
        on customer_days.as_of_date = customers.as_of_date and customer_days.customer_id = customers.customer_id
    inner join temperatures
        on customer_days.as_of_date = temperatures.as_of_date
        and customers.region_code = temperatures.region_code
        and customer_days.local_date = temperatures.local_date
    group by customer_days.as_of_date, customer_days.customer_id
),

mean_prices as (
    select
        as_of_date,
        avg(price_per_kwh) as price_per_kwh,
        avg(standing_charge_per_day) as standing_charge_per_day
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
        round(levels.mean_daily_kwh, 6) as mean_daily_kwh,
        round(365 * levels.mean_daily_kwh, 6) as annual_kwh,
        round(levels.peak_kwh / nullif(levels.kwh, 0), 6) as peak_share,
        round(levels.night_kwh / nullif(levels.kwh, 0), 6) as night_share,
        round(levels.daytime_kwh / nullif(levels.kwh, 0), 6) as daytime_share,
        round(levels.weekend_kwh / nullif(levels.kwh, 0), 6) as weekend_share,
        {% for hour in range(24) -%}
            {% set share = 'workday_h%02d' % hour -%}
            round(profiles.{{ share }}, 6) as {{ share }},
        {% endfor -%}
        round(weather_response.cooling_kwh_per_degree, 6) as cooling_kwh_per_degree,
        round(weather_response.heating_kwh_per_degree, 6) as heating_kwh_per_degree,
        round(
            365 * levels.mean_daily_kwh * coalesce(prices.price_per_kwh, mean_prices.price_per_kwh)
            + 365 * coalesce(prices.standing_charge_per_day, mean_prices.standing_charge_per_day, 0),
            6
        ) as annual_value
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

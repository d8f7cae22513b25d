{{ config(tags=['monitor']) }}

with as_of_days as (
    {{ customer_days() }}
),

tariffs as (
    select * from {{ ref('stg_tariffs') }}
),

market_prices as (
    select * from {{ ref('stg_market_prices') }}
),

regions as (
    select distinct region_code from {{ ref('int_meter_sites') }}
),

tariffs_known as (
    select
        as_of_days.as_of_date,
        tariffs.tariff_code,
        tariffs.tariff_kind,
        tariffs.valid_from,
        tariffs.price_per_kwh,
        tariffs.standing_charge_per_day,
        row_number() over (
            partition by as_of_days.as_of_date, tariffs.tariff_code, tariffs.valid_from <= as_of_days.as_of_date
            order by tariffs.valid_from desc
        ) as newest_first,
        row_number() over (
            partition by as_of_days.as_of_date, tariffs.tariff_code, tariffs.valid_from <= as_of_days.as_of_date
            order by tariffs.valid_from
        ) as oldest_first,
        row_number() over (
            partition by as_of_days.as_of_date, tariffs.tariff_code, tariffs.valid_from <= as_of_days.as_of_date - 180
            order by tariffs.valid_from desc
        ) as newest_180d_ago_first
    from as_of_days
    inner join tariffs on {{ in_force('tariffs', 'as_of_days.as_of_date') }}
),

tariff_prices as (
    select
        as_of_date,
        tariff_code,
        max(case when valid_from <= as_of_date and newest_first = 1 then tariff_kind end) as tariff_kind,
        max(case when valid_from <= as_of_date and newest_first = 1 then price_per_kwh end)::decimal(18, 6)
            as price_per_kwh,
        max(case when valid_from <= as_of_date and newest_first = 1 then standing_charge_per_day end)::decimal(18, 6)
            as standing_charge_per_day,
        max(
            case when valid_from <= as_of_date - 180 and newest_180d_ago_first = 1 then price_per_kwh end
        )::decimal(18, 6) as price_180d_ago_per_kwh,
        max(case when valid_from > as_of_date and oldest_first = 1 then price_per_kwh end)::decimal(18, 6)
            as announced_price_per_kwh
    from tariffs_known
    group by as_of_date, tariff_code
),

market_known as (
    select
        as_of_days.as_of_date,
        market_prices.region_code,
        market_prices.price_per_kwh,
        row_number() over (
            partition by as_of_days.as_of_date, market_prices.region_code order by market_prices.valid_from desc
        ) as newest_first
    from as_of_days
    inner join market_prices
        on {{ in_force('market_prices', 'as_of_days.as_of_date') }}
        and market_prices.valid_from <= as_of_days.as_of_date
),

prices as (
    select
        tariff_prices.as_of_date,
        tariff_prices.tariff_code,
        regions.region_code,
        tariff_prices.tariff_kind,
        tariff_prices.price_per_kwh,
        tariff_prices.standing_charge_per_day,
        tariff_prices.price_180d_ago_per_kwh,
        tariff_prices.announced_price_per_kwh,
        market_known.price_per_kwh as market_price_per_kwh
    from tariff_prices
    cross join regions
    left join market_known
        on tariff_prices.as_of_date = market_known.as_of_date
        and regions.region_code = market_known.region_code
        and market_known.newest_first = 1
)

select * from prices

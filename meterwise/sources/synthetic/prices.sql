-- Own tariffs and the market beside them. The gap between the two, by region and month, is a cause of leaving.
create table tariffs as
with listed as (
    select *
    from (values
        ('FLAT', 'flat', 0.008, null, 0.16), ('TOU', 'time-of-use', -0.024, 0.093, 0.17),
        ('NIGHT', 'time-of-use', -0.030, 0.051, 0.19), ('BUSINESS', 'flat', -0.014, null, 0.55)
    ) as listed (tariff_code, kind, offset_eur, peak_surcharge_eur, standing_charge_per_day)
),

price_rounds as (
    select *
    from (values
        (date '2010-01-01', 0.182), (date '2022-01-01', 0.262), (date '2023-01-01', 0.334), (date '2024-01-01', 0.306),
        (date '2024-10-01', 0.288), (date '2025-04-01', 0.296), (date '2026-01-01', 0.287), (date '2026-10-01', 0.281),
        (date '2027-04-01', 0.288), (date '2028-01-01', 0.276)
    ) as rounds (valid_from, price_eur)
),

versions as (
    select
        tariff_code,
        valid_from,
        lead(valid_from) over (partition by tariff_code order by valid_from) as next_from,
        kind,
        (price_eur + offset_eur)::decimal(9, 4) as price_per_kwh,
        (price_eur + offset_eur + peak_surcharge_eur)::decimal(9, 4) as peak_price_per_kwh,
        standing_charge_per_day::decimal(9, 4) as standing_charge_per_day
    from listed
    cross join price_rounds
)

-- A price round is announced six weeks before it holds.
select
    *,
    office_time(valid_from - 42, 'price round', tariff_code) as announced_at,
    office_time(next_from - 42, 'price round', tariff_code) as ended_at
from versions;

create macro tariffs_known(cut) as table
select
    tariff_code,
    valid_from,
    case when ended_at < cut then next_from - 1 end as valid_to,
    kind,
    price_per_kwh,
    peak_price_per_kwh,
    standing_charge_per_day,
    case tariff_code when 'TOU' then '{"peak": [[17, 21]]}' when 'NIGHT' then '{"peak": [[6, 22]]}' end as periods,
    case when ended_at < cut then ended_at else announced_at end as updated_at
from tariffs
where announced_at < cut;

create table market_prices as
with walks as (
    select
        regions.region_code,
        months.month_start as valid_from,
        months.month_no,
        sum((0.012 * normal('market step', regions.region_no, months.month_no))::decimal(12, 9))
            over (partition by regions.region_code order by months.month_no rows between 11 preceding and current row)
            as drift
    from regions
    cross join months
),

-- The market leads and the utility follows in rounds, so the gap opens and closes by region.
paths as (
    select
        *,
        0.250 + 0.064 * exp(-month_no / 10.0) + 0.006 * sin(2 * pi() * month_no / 17.0) as trend
    from walks
)

select
    region_code,
    valid_from,
    round(trend * (1 + drift), 4)::decimal(9, 4) as price_per_kwh,
    office_time(valid_from, 'market', region_code) as received_at
from paths;

{{ config(materialized=handed_on()) }}

with meters as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        known_on,
        delta_expected_meters,
        delta_reporting_meters
    from {{ ref('int_load_meters_ledger') }}
)

select * from meters

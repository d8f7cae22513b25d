-- One limit holds until the next one begins.
with limits as (
    select
        region_code,
        feeder_code,
        valid_from,
        lead(valid_from) over (partition by region_code, feeder_code order by valid_from) as valid_to,
        limit_kw::decimal(18, 6) as limit_kw
    from {{ ref('stg_feeder_limits') }}
    where replaced_on is null and not is_deleted
)

select * from limits
order by region_code, feeder_code, valid_from

with accepted as (
    select register_reads.*
    from {{ source('raw', 'register_reads') }} as register_reads
    where register_reads.load_id in (
            select load_audit.load_id from {{ source('raw', 'load_audit') }} as load_audit
            where load_audit.state = 'accepted'
        )
),

renamed as (
    select
        meter_id,
        channel,
        read_at_utc,
        (case when not is_deleted then register_kwh end)::decimal(18, 6) as register_kwh,
        received_at_utc,
        {{ to_local('received_at_utc') }}::date as known_on,
        load_id,
        version_no
    from accepted
)

select * from renamed

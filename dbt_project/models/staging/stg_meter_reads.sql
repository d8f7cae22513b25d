with accepted as (
    select meter_reads.*
    from {{ source('raw', 'meter_reads') }} as meter_reads
    where meter_reads.load_id in (
            select load_audit.load_id from {{ source('raw', 'load_audit') }} as load_audit
            where load_audit.state = 'accepted'
        )
),

renamed as (
    select
        meter_id,
        channel,
        interval_start_utc,
        interval_minutes,
        quality_code,
        quality_reason,
        (case when is_deleted then 0 else consumption_kwh end)::decimal(18, 6) as consumption_kwh,
        case when is_deleted then 0 else interval_minutes end as measured_minutes,
        case
            when is_deleted or quality_code in ('measured', 'edited') then 0 else interval_minutes
        end as suspect_minutes,
        received_at_utc,
        {{ to_local('received_at_utc') }}::date as known_on,
        load_id,
        version_no
    from accepted
)

select * from renamed

{{ config(tags=['monitor']) }}

with as_of_days as (
    {{ customer_days() }}
),

-- A version replaced on the day it arrived was never known at a day's end.
contracts as (
    select * from {{ ref('stg_crm_contracts') }}
    where replaced_on is null or replaced_on > known_on
),

snapshots as (
    select * from {{ ref('crm_contracts_snapshot') }}
),

-- A row of a first load shows today's contract, its end included: an end counts on its day, an announced one from
-- its notice, and what can change is unknown before the first snapshot.
known as (
    select
        as_of_days.as_of_date,
        contracts.contract_id,
        contracts.customer_id,
        contracts.service_point_id,
        contracts.start_on,
        case when contracts.end_on <= as_of_days.as_of_date then contracts.end_on end as end_on,
        case when contracts.end_on <= as_of_days.as_of_date then contracts.end_reason end as end_reason,
        case
            when contracts.notice_on <= as_of_days.as_of_date and contracts.end_on > as_of_days.as_of_date
                then contracts.end_on
        end as announced_end_on,
        {{ attribute_known('crm_contracts', 'tariff_code', 'contracts', 'snapshots') }} as tariff_code,
        {{ attribute_known('crm_contracts', 'contracted_kw', 'contracts', 'snapshots') }} as contracted_kw,
        {{ attribute_known('crm_contracts', 'term_months', 'contracts', 'snapshots') }} as term_months,
        row_number() over (
            partition by as_of_days.as_of_date, contracts.contract_id order by contracts.known_on desc
        ) as newest_first
    from as_of_days
    -- A contract is signed before it begins, so a first load's assumed arrival, a day after the start, is too late.
    inner join contracts
        on (
            contracts.known_on <= as_of_days.as_of_date
            or (contracts.received_at_assumed and contracts.start_on <= as_of_days.as_of_date)
        )
        and (contracts.replaced_on is null or contracts.replaced_on > as_of_days.as_of_date)
        and not contracts.is_deleted
        and contracts.start_on <= as_of_days.as_of_date
    left join snapshots
        on contracts.contract_id = snapshots.contract_id
        and {{ seen_on('snapshots', 'as_of_days.as_of_date') }}
),

-- Two versions of a first load both count from their start until the later one's assumed arrival.
newest as (
    select
        as_of_date,
        contract_id,
        customer_id,
        service_point_id,
        start_on,
        end_on,
        end_reason,
        announced_end_on,
        tariff_code,
        contracted_kw,
        term_months
    from known
    where newest_first = 1
)

select * from newest

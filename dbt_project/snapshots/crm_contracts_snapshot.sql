{% snapshot crm_contracts_snapshot %}

{{ config(unique_key='contract_id', strategy='timestamp', updated_at='observed_at_utc') }}

select
    contract_id,
    customer_id,
    service_point_id,
    tariff_code,
    start_on,
    end_on,
    notice_on,
    end_reason,
    contracted_kw,
    term_months,
    attributes,
    is_deleted,
    observed_at_utc
from {{ ref('stg_crm_contracts') }}
where replaced_on is null

{% endsnapshot %}

{% snapshot crm_customers_snapshot %}

{{ config(unique_key='customer_id', strategy='timestamp', updated_at='observed_at_utc') }}

select
    customer_id,
    customer_class,
    joined_on,
    left_on,
    personalisation,
    consent_marketing,
    consent_analytics,
    attributes,
    is_deleted,
    observed_at_utc
from {{ ref('stg_crm_customers') }}
where replaced_on is null

{% endsnapshot %}

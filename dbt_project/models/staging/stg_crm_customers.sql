{{ row_versions(
    'crm_customers',
    key=['customer_id'],
    columns=[
        'customer_id',
        'customer_class',
        'joined_on',
        'left_on',
        'personalisation',
        'consent_marketing',
        'consent_analytics',
        'attributes'
    ]
) }}

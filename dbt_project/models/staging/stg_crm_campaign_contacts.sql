{{ row_versions(
    'crm_campaign_contacts',
    key=['contact_id'],
    columns=[
        'contact_id',
        'customer_id',
        'occurred_at_utc',
        'offer_code',
        'channel',
        'wave',
        'treated',
        'outcome',
        to_local('occurred_at_utc') ~ '::date as occurred_on'
    ]
) }}

{{ row_versions(
    'crm_interactions',
    key=['interaction_id'],
    columns=[
        'interaction_id',
        'customer_id',
        'occurred_at_utc',
        'kind',
        'outcome',
        to_local('occurred_at_utc') ~ '::date as occurred_on'
    ]
) }}

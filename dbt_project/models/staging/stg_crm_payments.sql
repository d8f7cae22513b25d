{{ row_versions(
    'crm_payments',
    key=['payment_id'],
    columns=[
        'payment_id',
        'customer_id',
        'occurred_at_utc',
        'kind',
        'outcome',
        'amount',
        'days_late',
        to_local('occurred_at_utc') ~ '::date as occurred_on'
    ]
) }}

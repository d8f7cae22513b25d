{{ row_versions(
    'crm_contracts',
    key=['contract_id'],
    columns=[
        'contract_id',
        'customer_id',
        'service_point_id',
        'tariff_code',
        'start_on',
        'end_on',
        'notice_on',
        'end_reason',
        'contracted_kw',
        'term_months',
        'attributes'
    ]
) }}

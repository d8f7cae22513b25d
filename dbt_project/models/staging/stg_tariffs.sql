{{ row_versions(
    'tariffs',
    key=['tariff_code', 'valid_from'],
    columns=[
        'tariff_code',
        'valid_from',
        'valid_to',
        'kind as tariff_kind',
        'price_per_kwh',
        'peak_price_per_kwh',
        'standing_charge_per_day'
    ]
) }}

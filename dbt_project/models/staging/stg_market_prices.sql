{{ row_versions(
    'market_prices',
    key=['region_code', 'valid_from'],
    columns=[
        'region_code',
        'valid_from',
        'price_per_kwh'
    ]
) }}

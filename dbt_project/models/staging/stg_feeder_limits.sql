{{ row_versions(
    'feeder_limits',
    key=['region_code', 'feeder_code', 'valid_from'],
    columns=[
        'region_code',
        'feeder_code',
        'valid_from',
        'limit_kw'
    ]
) }}

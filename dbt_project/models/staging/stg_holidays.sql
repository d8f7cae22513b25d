{{ row_versions(
    'holidays',
    key=['region_code', 'holiday_on'],
    columns=[
        'region_code',
        'holiday_on',
        'holiday_name'
    ]
) }}

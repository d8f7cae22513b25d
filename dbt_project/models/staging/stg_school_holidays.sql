{{ row_versions(
    'school_holidays',
    key=['region_code', 'first_on'],
    columns=[
        'region_code',
        'first_on',
        'last_on',
        'holiday_name'
    ]
) }}

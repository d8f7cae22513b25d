{{ row_versions(
    'meters',
    key=['meter_id', 'service_point_id', 'installed_on'],
    columns=[
        'meter_id',
        'service_point_id',
        'installed_on',
        'removed_on',
        'capacity_kw',
        'multiplier'
    ]
) }}

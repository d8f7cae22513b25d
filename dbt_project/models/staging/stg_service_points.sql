{{ row_versions(
    'service_points',
    key=['service_point_id'],
    columns=[
        'service_point_id',
        'region_code',
        'feeder_code',
        'station_code'
    ]
) }}

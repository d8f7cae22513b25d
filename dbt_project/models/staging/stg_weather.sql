{{ row_versions(
    'weather',
    key=['station_code', 'issued_at_utc', 'valid_at_utc'],
    columns=[
        'station_code',
        'issued_at_utc',
        'valid_at_utc',
        'temperature_c',
        'humidity_pct',
        'wind_speed_m_s',
        'cloud_cover_pct'
    ]
) }}

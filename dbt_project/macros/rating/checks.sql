{# Rating, third step: what cannot be billed, and why. A bill is made whole or not at all: half a bill, or one of 0,
   would be believed. #}

{# One row per piece with what was read of it, and reason_code where something forbids to bill it. `is_billed` says
   whether its whole bill can be made. #}
{% macro rating_checked_pieces(t, timezone) %}
with reads as (
    select
        piece_no,
        {%- for channel in ['import', 'export', 'reactive'] %}
        sum(case when channel = '{{ channel }}' then minutes else 0 end)::bigint as {{ channel }}_minutes,
        sum(case when channel = '{{ channel }}' then kwh_micro else 0 end) as {{ channel }}_micro,
        {%- endfor %}
        sum(case when channel <> 'reactive' then estimated_minutes else 0 end)::bigint as estimated_minutes,
        bool_or(crosses) as crosses
    from {{ t.rating_piece_usage }}
    group by piece_no
),

negative_periods as (
    select distinct piece_no
    from (
        select piece_no
        from {{ t.rating_piece_usage }}
        group by piece_no, channel, period_code
        having sum(kwh_micro) < 0
    ) as periods
),

-- Codes and the last day of each tariff, to tell an ended tariff from one that never was.
tariffs as (
    select tariff_code, max(valid_to_on) as valid_to_on from {{ t.tariff_versions }} group by tariff_code
),

too_long as (
    select distinct rating_id, bill_from_on from {{ t.rating_demand }} where reads_are_too_long
),

capacities as (
    select distinct version_no
    from {{ t.tariff_components }}
    where capacity_by = 'contracted' or least_share_e6 > 0
),

read_pieces as (
    select
        pieces.*,
        tariffs.valid_to_on,
        versions.least_read_share_e6,
        coalesce(versions.needs_import, false) as needs_import,
        coalesce(versions.needs_export, false) as needs_export,
        coalesce(versions.needs_reactive, false) as needs_reactive,
        {{ minutes_between(day_start_utc('pieces.from_on', timezone), day_start_utc('pieces.to_on + 1', timezone)) }}
            ::bigint as expected_minutes,
        {%- for channel in ['import', 'export', 'reactive'] %}
        coalesce(reads.{{ channel }}_minutes, 0) as {{ channel }}_minutes,
        coalesce(reads.{{ channel }}_micro, 0) as {{ channel }}_micro,
        {%- endfor %}
        coalesce(reads.estimated_minutes, 0) as estimated_minutes,
        coalesce(reads.crosses, false) or too_long.rating_id is not null as reads_are_too_long,
        negative_periods.piece_no is not null as is_negative,
        capacities.version_no is not null and pieces.contracted_kw is null as lacks_contracted_kw,
        tariffs.tariff_code is not null as is_known_tariff
    from {{ t.rating_pieces }} as pieces
    left join {{ t.tariff_versions }} as versions on pieces.version_no = versions.version_no
    left join tariffs on pieces.tariff_code = tariffs.tariff_code
    left join reads on pieces.piece_no = reads.piece_no
    left join negative_periods on pieces.piece_no = negative_periods.piece_no
    left join capacities on pieces.version_no = capacities.version_no
    left join too_long on pieces.rating_id = too_long.rating_id and pieces.bill_from_on = too_long.bill_from_on
),

-- Reads may be missing on some days of a bill; what counts is how many of the bill's.
bills as (
    select
        *,
        {%- for channel in ['import', 'export', 'reactive'] %}
        sum(case when needs_{{ channel }} then {{ channel }}_minutes else 0 end) over bill as {{ channel }}_read,
        sum(case when needs_{{ channel }} then expected_minutes else 0 end) over bill as {{ channel }}_expected,
        {%- endfor %}
        sum(estimated_minutes) over bill as bill_estimated_minutes,
        sum(import_minutes + export_minutes) over bill as bill_read_minutes
    from read_pieces
    window bill as (partition by rating_id, bill_from_on)
),

reasoned as (
    select
        *,
        case
            when tariff_code = '' then 'no_tariff'
            when not is_known_tariff then 'unknown_tariff'
            when version_no is null and from_on > valid_to_on then 'tariff_ended'
            when version_no is null then 'tariff_not_begun'
            when overlaps_earlier then 'contracts_overlap'
            when
                import_minutes > expected_minutes or export_minutes > expected_minutes
                or reactive_minutes > expected_minutes
                then 'doubled_reads'
            when reads_are_too_long then 'reads_too_long'
            when needs_import and import_read * 1000000 < import_expected * least_read_share_e6 then 'too_few_reads'
            when needs_export and export_read * 1000000 < export_expected * least_read_share_e6 then 'too_few_reads'
            when needs_reactive and reactive_read * 1000000 < reactive_expected * least_read_share_e6
                then 'too_few_reactive_reads'
            when is_negative then 'negative_energy'
            when lacks_contracted_kw then 'no_contracted_kw'
        end as reason_code
    from bills
)

select
    piece_no,
    span_no,
    rating_id,
    contract_id,
    tariff_code,
    contracted_kw,
    supply_start_on,
    bill_from_on,
    bill_to_on,
    months,
    version_no,
    season_code,
    year_on,
    from_on,
    to_on,
    days,
    period_days,
    active_days,
    import_micro,
    export_micro,
    reactive_micro,
    case
        when import_expected + export_expected > 0
            then {{ whole_division('1000000 * (import_expected + export_expected - import_read - export_read)', 'import_expected + export_expected') }}
        else 0
    end as missing_share_e6,
    case
        when bill_read_minutes > 0 then {{ whole_division('1000000 * bill_estimated_minutes', 'bill_read_minutes') }} else 0
    end as estimated_share_e6,
    reason_code,
    not bool_or(reason_code is not null) over (partition by rating_id, bill_from_on) as is_billed
from reasoned
{% endmacro %}

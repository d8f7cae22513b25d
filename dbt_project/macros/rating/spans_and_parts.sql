{# Rating, first step: which days of which bill are rated by which version of a tariff.

   Every macro of this folder gives one select; `t` names the relations it reads: the input (docs/tariffs.md), the tables
   of a compiled book (tariff_*), and what the steps before it made (rating_*). `timezone` is a name, such as UTC. #}

{# One row per contract and tariff in force. A rating is what one bill is for: a contract, or a contract under a tariff
   that it is only tried under. #}
{% macro rating_spans(t) %}
select
    row_number() over (order by rating_id, start_on)::bigint as span_no,
    dense_rank() over (order by billing_code, coalesce(tariff_code, ''))::bigint as group_no,
    rating_id,
    contract_id,
    billing_code,
    coalesce(tariff_code, '') as tariff_code,
    start_on,
    coalesce(end_on, date '9999-12-31') as end_on,
    contracted_kw,
    min(start_on) over (partition by rating_id) as supply_start_on,
    coalesce(
        max(coalesce(end_on, date '9999-12-31')) over (
            partition by rating_id order by start_on rows between unbounded preceding and 1 preceding
        ) >= start_on,
        false
    ) as overlaps_earlier
from {{ t.contract_spans }}
{% endmacro %}

{# One row per stretch of days of a bill that is rated alike: one version, one season where charges depend on it, one
   year of tiers. Without a version where none is in force. All contracts of a billing cycle and tariff share it. #}
{% macro rating_parts(t) %}
with cycles as (
    select distinct group_no, billing_code, tariff_code from {{ t.rating_spans }}
),

bill_days as (
    select
        cycles.group_no,
        cycles.tariff_code,
        periods.bill_from_on,
        periods.bill_to_on,
        periods.months,
        {{ each_number(0, 'periods.bill_to_on - periods.bill_from_on') }} as day_no
    from cycles
    inner join {{ t.bill_periods }} as periods on cycles.billing_code = periods.billing_code
),

days as (
    select
        *,
        bill_from_on + day_no as day_on,
        {{ month_and_day('bill_from_on + day_no') }} as mmdd
    from bill_days
),

rated_days as (
    select
        days.group_no,
        days.tariff_code,
        days.bill_from_on,
        days.bill_to_on,
        days.months,
        days.day_on,
        versions.version_no,
        seasons.season_code,
        case
            when versions.tier_year_mmdd is not null
                then make_date(
                    extract(year from days.day_on)::integer
                    - case when days.mmdd < versions.tier_year_mmdd then 1 else 0 end,
                    {{ whole_division('versions.tier_year_mmdd', 100) }}::integer,
                    versions.tier_year_mmdd % 100
                )
        end as year_on
    from days
    left join {{ t.tariff_versions }} as versions
        on days.tariff_code = versions.tariff_code
        and days.day_on between versions.valid_from_on and versions.valid_to_on
    left join {{ t.tariff_seasons }} as seasons
        on versions.version_no = seasons.version_no
        and versions.cuts_by_season
        and days.mmdd between seasons.from_mmdd and seasons.to_mmdd
),

marked as (
    select
        *,
        case
            when lag(day_on) over days_of_bill is null then 1
            when version_no is distinct from lag(version_no) over days_of_bill then 1
            when season_code is distinct from lag(season_code) over days_of_bill then 1
            when year_on is distinct from lag(year_on) over days_of_bill then 1
            else 0
        end as begins_part
    from rated_days
    window days_of_bill as (partition by group_no, bill_from_on order by day_on)
),

numbered as (
    select
        *,
        sum(begins_part) over (order by group_no, bill_from_on, day_on)::bigint as part_no
    from marked
)

select
    part_no,
    group_no,
    tariff_code,
    bill_from_on,
    bill_to_on,
    months,
    version_no,
    season_code,
    year_on,
    min(day_on) as from_on,
    max(day_on) as to_on
from numbered
group by part_no, group_no, tariff_code, bill_from_on, bill_to_on, months, version_no, season_code, year_on
{% endmacro %}

{# One row per stretch of days of one rating that is charged alike. `days` counts its own days, `period_days` those of
   the whole bill, `active_days` those of the bill on which the rating has a contract. #}
{% macro rating_pieces(t) %}
with overlapping as (
    select
        spans.span_no,
        spans.rating_id,
        spans.contract_id,
        spans.tariff_code,
        spans.contracted_kw,
        spans.supply_start_on,
        spans.overlaps_earlier,
        parts.part_no,
        parts.bill_from_on,
        parts.bill_to_on,
        parts.months,
        parts.version_no,
        parts.season_code,
        parts.year_on,
        coalesce(versions.counts_contract_year, false) as counts_contract_year,
        greatest(spans.start_on, parts.from_on) as from_on,
        least(spans.end_on, parts.to_on) as to_on
    from {{ t.rating_spans }} as spans
    inner join {{ t.rating_parts }} as parts
        on spans.group_no = parts.group_no and spans.start_on <= parts.to_on and spans.end_on >= parts.from_on
    left join {{ t.tariff_versions }} as versions on parts.version_no = versions.version_no
),

in_contract_years as (
    select
        *,
        {{ whole_years('supply_start_on', 'from_on') }} as contract_years
    from overlapping
),

with_next_year as (
    select
        *,
        case
            when counts_contract_year then {{ add_months('supply_start_on', '12 * contract_years + 12') }}
        end as next_year_on
    from in_contract_years
),

cut as (
    select
        with_next_year.*,
        sides.side_no,
        case when sides.side_no = 0 then from_on else next_year_on end as piece_from_on,
        case when sides.side_no = 0 and next_year_on <= to_on then next_year_on - 1 else to_on end as piece_to_on
    from with_next_year
    cross join (values (0), (1)) as sides (side_no)
    where sides.side_no = 0 or next_year_on <= to_on
),

measured as (
    select
        *,
        (piece_to_on - piece_from_on + 1)::bigint as days,
        (bill_to_on - bill_from_on + 1)::bigint as period_days
    from cut
)

select
    row_number() over (order by span_no, piece_from_on)::bigint as piece_no,
    span_no,
    rating_id,
    contract_id,
    tariff_code,
    contracted_kw,
    supply_start_on,
    overlaps_earlier,
    part_no,
    bill_from_on,
    bill_to_on,
    months,
    version_no,
    season_code,
    case
        when counts_contract_year then {{ add_months('supply_start_on', '12 * (contract_years + side_no)') }} else year_on
    end as year_on,
    piece_from_on as from_on,
    piece_to_on as to_on,
    days,
    period_days,
    sum(days) over (partition by rating_id, bill_from_on)::bigint as active_days
from measured
{% endmacro %}

{# 100 x month + day of a date. #}
{% macro month_and_day(day) -%}
(100 * extract(month from {{ day }}) + extract(day from {{ day }}))::integer
{%- endmacro %}

{# Whole years from one date to a later one. #}
{% macro whole_years(first_day, day) -%}
(extract(year from {{ day }}) - extract(year from {{ first_day }})
    - case
        when {{ add_months(first_day, '12 * (extract(year from ' ~ day ~ ') - extract(year from ' ~ first_day ~ '))') }} > {{ day }}
            then 1
        else 0
    end)::integer
{%- endmacro %}

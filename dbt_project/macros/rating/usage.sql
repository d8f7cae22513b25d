{# Rating, second step: from intervals to kWh of few rows. Only these macros read intervals. #}

{# One row per interval of time, billing cycle and tariff: whose hour it is. step_no numbers what is summed together: the
   intervals of one part and period, of one day where a tariff counts days. #}
{% macro rating_slots(t, timezone) %}
with instants as (
    select distinct interval_start_utc, interval_minutes from {{ t.intervals }}
),

local_times as (
    select
        interval_start_utc,
        interval_minutes,
        {{ local_time('interval_start_utc', timezone) }} as starts_at,
        {{ local_time("interval_start_utc + (interval_minutes - 1) * interval '1 minute'", timezone) }} as ends_at
    from instants
),

moments as (
    select
        interval_start_utc,
        interval_minutes,
        starts_at::date as local_on,
        ends_at::date as end_on,
        {{ minute_of_day('starts_at') }} as from_minute,
        {{ minute_of_day('ends_at') }} as to_minute
    from local_times
),

located as (
    select
        moments.*,
        parts.group_no,
        parts.part_no,
        parts.version_no,
        parts.to_on as part_to_on
    from moments
    inner join {{ t.rating_parts }} as parts
        on moments.local_on between parts.from_on and parts.to_on and parts.version_no is not null
),

version_days as (
    select distinct version_no, local_on as day_on from located
    union
    select distinct version_no, end_on from located
),

kinds as (
    select
        version_days.version_no,
        version_days.day_on,
        seasons.season_code,
        coalesce(
            holidays.day_kind, case when weekend.iso_weekday is not null then 'weekend' end, 'workday'
        ) as day_kind
    from version_days
    inner join {{ t.tariff_versions }} as versions on version_days.version_no = versions.version_no
    inner join {{ t.tariff_seasons }} as seasons
        on version_days.version_no = seasons.version_no
        and {{ month_and_day('version_days.day_on') }} between seasons.from_mmdd and seasons.to_mmdd
    left join {{ t.holidays }} as holidays
        on version_days.day_on = holidays.day_on and versions.observes_holidays
    left join {{ t.tariff_weekend_days }} as weekend
        on version_days.version_no = weekend.version_no
        and extract(isodow from version_days.day_on)::integer = weekend.iso_weekday
),

windows as (
    select
        kinds.version_no,
        kinds.day_on,
        windows_of_day.from_minute,
        windows_of_day.to_minute,
        windows_of_day.period_code
    from kinds
    inner join {{ t.tariff_windows }} as windows_of_day
        on kinds.version_no = windows_of_day.version_no
        and kinds.season_code = windows_of_day.season_code
        and kinds.day_kind = windows_of_day.day_kind
),

priced as (
    select
        located.*,
        coalesce(critical_first.period_code, first_minute.period_code) as period_code,
        coalesce(critical_last.period_code, last_minute.period_code) as last_period_code,
        coalesce(critical_first.from_minute, first_minute.from_minute) as window_from_minute,
        coalesce(critical_first.to_minute, first_minute.to_minute) as window_to_minute,
        coalesce(critical_last.from_minute, last_minute.from_minute) as last_window_from_minute
    from located
    {%- for side, day, minute in [('first', 'local_on', 'from_minute'), ('last', 'end_on', 'to_minute')] %}
    inner join windows as {{ side }}_minute
        on located.version_no = {{ side }}_minute.version_no
        and located.{{ day }} = {{ side }}_minute.day_on
        and located.{{ minute }} >= {{ side }}_minute.from_minute
        and located.{{ minute }} < {{ side }}_minute.to_minute
    left join {{ t.tariff_critical_windows }} as critical_{{ side }}
        on located.version_no = critical_{{ side }}.version_no
        and located.{{ day }} = critical_{{ side }}.critical_on
        and located.{{ minute }} >= critical_{{ side }}.from_minute
        and located.{{ minute }} < critical_{{ side }}.to_minute
    {%- endfor %}
),

periods as (
    select version_no, count(distinct period_code) > 1 as several from {{ t.tariff_windows }} group by version_no
),

-- An interval that does not lie within one window of the day cannot be priced: `crosses`.
steps as (
    select
        priced.group_no,
        priced.interval_start_utc,
        priced.interval_minutes,
        priced.local_on,
        priced.part_no,
        priced.version_no,
        priced.period_code,
        case when versions.keeps_days then priced.local_on end as step_on,
        priced.end_on > priced.part_to_on
        or (versions.keeps_days and priced.end_on > priced.local_on)
        or (
            periods.several
            and (
                priced.period_code <> priced.last_period_code
                or (priced.end_on = priced.local_on and priced.window_from_minute <> priced.last_window_from_minute)
                or (
                    priced.end_on > priced.local_on
                    and (priced.window_to_minute < 1440 or priced.last_window_from_minute > 0)
                )
                or priced.end_on > priced.local_on + 1
                or exists (
                    select 1
                    from {{ t.tariff_critical_windows }} as critical
                    where
                        critical.version_no = priced.version_no
                        and critical.critical_on = priced.local_on
                        and critical.from_minute > priced.from_minute
                        and (critical.from_minute <= priced.to_minute or priced.end_on > priced.local_on)
                        and critical.from_minute <> priced.window_from_minute
                )
            )
        ) as crosses
    from priced
    inner join {{ t.tariff_versions }} as versions on priced.version_no = versions.version_no
    inner join periods on priced.version_no = periods.version_no
)

select
    *,
    dense_rank() over (order by part_no, period_code, step_on, crosses)::integer as step_no
from steps
{% endmacro %}

{# One row per rating, step and channel: the one pass over all intervals. Reads without a value are missing reads. #}
{% macro rating_usage(t) %}
select
    spans.span_no,
    slots.step_no,
    intervals.channel,
    sum(intervals.kwh) as kwh,
    sum(intervals.interval_minutes)::bigint as minutes,
    sum(case when intervals.is_estimated then intervals.interval_minutes else 0 end)::bigint as estimated_minutes
from {{ t.intervals }} as intervals
inner join {{ t.rating_spans }} as spans on intervals.contract_id = spans.contract_id
inner join {{ t.rating_slots }} as slots
    on {{ group_of_interval() }} = slots.group_no
    and intervals.interval_start_utc = slots.interval_start_utc
    and intervals.interval_minutes = slots.interval_minutes
where slots.local_on between spans.start_on and spans.end_on and intervals.kwh is not null
group by spans.span_no, slots.step_no, intervals.channel
{% endmacro %}

{# One row per rating, bill, tariff and component that charges the highest demand. A price that changes within the bill
   begins no new demand. Contracts without such a component are not read. #}
{% macro rating_demand(t) %}
with asked as (
    select
        slots.group_no,
        slots.interval_start_utc,
        slots.interval_minutes,
        slots.local_on,
        parts.bill_from_on,
        parts.tariff_code,
        components.component_code,
        components.demand_minutes,
        {{ whole_division('extract(epoch from slots.interval_start_utc)::bigint', '60 * components.demand_minutes') }}
            as block_no
    from {{ t.rating_slots }} as slots
    inner join {{ t.rating_parts }} as parts on slots.part_no = parts.part_no
    inner join {{ t.tariff_components }} as components
        on slots.version_no = components.version_no and components.capacity_by = 'demand'
    inner join {{ t.tariff_component_periods }} as periods
        on components.component_no = periods.component_no and slots.period_code = periods.period_code
),

asked_spans as (
    select * from {{ t.rating_spans }} where group_no in (select group_no from asked)
),

blocks as (
    select
        spans.rating_id,
        asked.bill_from_on,
        asked.tariff_code,
        asked.component_code,
        asked.demand_minutes,
        asked.block_no,
        sum(intervals.kwh) as kwh,
        max(intervals.interval_minutes) as longest_minutes
    from {{ t.intervals }} as intervals
    inner join asked_spans as spans on intervals.contract_id = spans.contract_id
    inner join asked
        on {{ group_of_interval() }} = asked.group_no
        and intervals.interval_start_utc = asked.interval_start_utc
        and intervals.interval_minutes = asked.interval_minutes
    where
        asked.local_on between spans.start_on and spans.end_on
        and intervals.channel = 'import'
        and intervals.kwh is not null
    group by
        spans.rating_id, asked.bill_from_on, asked.tariff_code, asked.component_code, asked.demand_minutes,
        asked.block_no
)

select
    rating_id,
    bill_from_on,
    tariff_code,
    component_code,
    max({{ in_micro('kwh') }} * {{ whole_division(60, 'demand_minutes') }}) as kw_micro,
    bool_or(longest_minutes > demand_minutes) as reads_are_too_long
from blocks
group by rating_id, bill_from_on, tariff_code, component_code
{% endmacro %}

{# One row per piece, step, period and channel: kWh in millionths, rounded where the tariff rounds kWh. #}
{% macro rating_piece_usage(t) %}
with steps as (
    select distinct step_no, part_no, version_no, period_code, step_on, crosses from {{ t.rating_slots }}
),

summed as (
    select
        pieces.piece_no,
        steps.version_no,
        steps.step_on,
        steps.period_code,
        usage.channel,
        {{ in_micro('sum(usage.kwh)') }} as kwh_micro,
        sum(usage.minutes)::bigint as minutes,
        sum(usage.estimated_minutes)::bigint as estimated_minutes,
        bool_or(steps.crosses) as crosses
    from {{ t.rating_usage }} as usage
    inner join steps on usage.step_no = steps.step_no
    inner join {{ t.rating_pieces }} as pieces
        on usage.span_no = pieces.span_no
        and steps.part_no = pieces.part_no
        and (steps.step_on is null or steps.step_on between pieces.from_on and pieces.to_on)
    group by pieces.piece_no, steps.version_no, steps.step_on, steps.period_code, usage.channel
)

select
    summed.piece_no,
    summed.step_on,
    summed.period_code,
    summed.channel,
    {{ rounded_half_up('summed.kwh_micro', 'versions.kwh_step_micro') }} * versions.kwh_step_micro as kwh_micro,
    summed.minutes,
    summed.estimated_minutes,
    summed.crosses
from summed
inner join {{ t.tariff_versions }} as versions on summed.version_no = versions.version_no
{% endmacro %}

{# The billing cycle and tariff of an interval. It names the interval only so that engines look up its contract first:
   they would join every contract to every instant, which makes as many rows as there are reads. #}
{% macro group_of_interval() -%}
case when intervals.interval_minutes > 0 then spans.group_no end
{%- endmacro %}

{% macro local_time(utc, timezone) -%}
((({{ utc }}) at time zone 'UTC') at time zone '{{ timezone }}')
{%- endmacro %}

{# Instant, in UTC without a zone marker, at which a local day begins. #}
{% macro day_start_utc(day, timezone) -%}
((({{ day }})::timestamp at time zone '{{ timezone }}') at time zone 'UTC')
{%- endmacro %}

{% macro minute_of_day(local) -%}
(60 * extract(hour from {{ local }}) + extract(minute from {{ local }}))::integer
{%- endmacro %}

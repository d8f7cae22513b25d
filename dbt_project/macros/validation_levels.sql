{# The meter-days around the new ones, each beside what the meter did before it: one row per meter, channel and local_date,
   all loads together. Means are kW, so that a day that was delivered twice, or in part, is no other day.

   Needs the CTE new_days. Like days are working days or weekends. Only days before the row count, so a later read
   changes no earlier finding. #}
{% macro meter_levels(days_of_context) %}
with known_days as (
    select
        meter_id,
        channel,
        local_date,
        extract(isodow from local_date) >= 6 as is_weekend,
        sum(measured_minutes)::integer as minutes,
        sum(kwh)::decimal(18, 6) as kwh,
        min(min_kwh) as min_kwh,
        max(max_kwh) as max_kwh,
        sum(2 * day_kwh - kwh)::decimal(18, 6) as day_less_night_kwh,
        sum(2 * morning_kwh - kwh)::decimal(18, 6) as morning_less_evening_kwh,
        max(shortest_minutes) as usual_minutes
    from {{ ref('int_meter_days') }}
    where reads > 0
    {%- if is_incremental() %}
        and local_date >= (select min(new_days.local_date) - {{ days_of_context }} from new_days)
        and meter_id in (select new_days.meter_id from new_days)
    {%- endif %}
    group by meter_id, channel, local_date
),

powers as (
    select
        *,
        {{ rounded('kwh::double precision * 60 / minutes') }} as mean_kw,
        {{ rounded('max_kwh::double precision * 60 / usual_minutes') }} as peak_kw,
        {{ rounded('min_kwh::double precision * 60 / usual_minutes') }} as low_kw,
        max_kwh <> 0 or min_kwh <> 0 as is_live,
        min_kwh = max_kwh
        and min_kwh = lag(min_kwh) over by_day
        and max_kwh = lag(max_kwh) over by_day as is_same
    from known_days
    window by_day as (partition by meter_id, channel order by local_date)
),

-- The last day that lived begins a run of days of zero, the last that changed a run of days of one value.
before as (
    select
        *,
        count(*) over recent as days_before,
        sum(case when min_kwh < max_kwh then 1 else 0 end) over recent as varied_days_before,
        {{ values_of('peak_kw', 'recent') }} as peaks_before,
        {{ values_of('low_kw', 'recent') }} as lows_before,
        count(*) over alike as like_days_before,
        {{ values_of('mean_kw', 'alike') }} as means_before,
        max(mean_kw) over alike as highest_kw,
        min(mean_kw) over alike as lowest_kw,
        sum(case when is_live then 1 else 0 end) over to_this_day as live_days,
        max(case when is_same then null else local_date end) over to_this_day as changed_on,
        (sum(day_less_night_kwh) over this_week)::double precision as week_x,
        (sum(morning_less_evening_kwh) over this_week)::double precision as week_y,
        (sum(kwh) over this_week)::double precision as week_kwh,
        (sum(day_less_night_kwh) over month_before)::double precision as month_x,
        (sum(morning_less_evening_kwh) over month_before)::double precision as month_y,
        (sum(kwh) over month_before)::double precision as month_kwh,
        count(*) over month_before as month_days,
        {{ rounded('(sum(kwh) over weeks_before)::double precision * 60 / sum(minutes) over weeks_before') }} as weeks_kw
    from powers
    window
        recent as (partition by meter_id, channel order by local_date rows between 28 preceding and 1 preceding),
        alike as (
            partition by meter_id, channel, is_weekend order by local_date rows between 20 preceding and 1 preceding
        ),
        to_this_day as (partition by meter_id, channel order by local_date rows unbounded preceding),
        this_week as (partition by meter_id, channel order by local_date rows between 6 preceding and current row),
        month_before as (partition by meter_id, channel order by local_date rows between 34 preceding and 7 preceding),
        weeks_before as (partition by meter_id, channel order by local_date rows between 63 preceding and 1 preceding)
),

usual as (
    select
        *,
        {{ middle_of('peaks_before') }} as usual_peak_kw,
        {{ middle_of('lows_before') }} as usual_low_kw,
        {{ middle_of('means_before') }} as usual_kw,
        sqrt(week_x * week_x + week_y * week_y) as week_shape_kwh,
        sqrt(month_x * month_x + month_y * month_y) as month_shape_kwh
    from before
),

levels as (
    select
        *,
        (week_x * month_x + week_y * month_y) / nullif(week_shape_kwh * month_shape_kwh, 0) as profile_match,
        first_value(local_date) over run as live_on,
        first_value(peak_kw) over run as live_peak_kw,
        first_value(usual_peak_kw) over run as live_usual_peak_kw,
        first_value(usual_kw) over run as live_usual_kw,
        first_value(days_before) over run as live_days_before,
        first_value(varied_days_before) over same_values as changed_varied_days,
        first_value(usual_low_kw) over same_values as changed_usual_low_kw
    from usual
    window
        run as (partition by meter_id, channel, live_days order by local_date),
        same_values as (partition by meter_id, channel, changed_on order by local_date)
)

select * from levels
{% endmacro %}

{# Whether a power is about 10 or 1000 times or a thousandth of another. #}
{% macro slipped(power, usual) -%}
(
            {%- for times in [10, 1000, 0.001] %}
            {{ 'or ' if not loop.first }}{{ power }} between {{ usual }} * {{ times }} / unit_slip_times_usual and {{ usual }} * {{ times }} * unit_slip_times_usual
            {%- endfor %}
        )
{%- endmacro %}

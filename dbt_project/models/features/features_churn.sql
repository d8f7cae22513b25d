with as_of_days as (
    {{ as_of_days('churn') }}
),

customers as (
    select customers_as_of.*
    from {{ ref('int_customers_as_of') }} as customers_as_of
    inner join as_of_days on customers_as_of.as_of_date = as_of_days.as_of_date
    where customers_as_of.is_active and not customers_as_of.has_announced_leave
        and customers_as_of.joined_on is not null
),

customer_days as (
    select
        *,
        {{ days_between('local_date', 'as_of_date') }} as days_ago
    from {{ ref('int_customer_days_as_of') }}
),

payments as (
    select * from {{ ref('stg_crm_payments') }}
),

interactions as (
    select * from {{ ref('stg_crm_interactions') }}
),

contacts as (
    select * from {{ ref('stg_crm_campaign_contacts') }}
),

prices as (
    select
        as_of_date,
        tariff_code,
        region_code,
        tariff_kind,
        price_per_kwh::double precision as price_per_kwh,
        nullif(price_per_kwh, 0)::double precision as price_above_zero,
        nullif(price_180d_ago_per_kwh, 0)::double precision as price_180d_ago_above_zero,
        nullif(market_price_per_kwh, 0)::double precision as market_price_above_zero,
        coalesce(announced_price_per_kwh, price_per_kwh)::double precision as price_ahead_per_kwh
    from {{ ref('int_prices_as_of') }}
),

-- A delay is known when it is over: a first load shows the whole of it from the start.
payments_known as (
    select
        as_of_days.as_of_date,
        payments.customer_id,
        {{ days_between('payments.occurred_on', 'as_of_days.as_of_date') }} as days_ago,
        payments.outcome,
        case
            when payments.occurred_on + coalesce(payments.days_late, 0) <= as_of_days.as_of_date
                then payments.days_late
        end as days_late
    from as_of_days
    inner join payments
        on {{ in_force('payments', 'as_of_days.as_of_date') }}
        and payments.occurred_on <= as_of_days.as_of_date
        and payments.occurred_on > as_of_days.as_of_date - 365
),

payment_habits as (
    select
        as_of_date,
        customer_id,
        count(case when days_late > 0 and days_ago < 180 then 1 end) as late_payments_180d,
        count(case when days_late > 0 then 1 end) as late_payments_365d,
        {{ mean('days_late') }} as mean_days_late_365d,
        count(case when outcome = 'failed' then 1 end) as failed_payments_365d
    from payments_known
    group by as_of_date, customer_id
),

interaction_counts as (
    select
        as_of_days.as_of_date,
        interactions.customer_id,
        count(case
            when interactions.kind = 'complaint' and interactions.occurred_on > as_of_days.as_of_date - 90 then 1
        end) as complaints_90d,
        count(case when interactions.kind = 'complaint' then 1 end) as complaints_365d,
        count(case when interactions.occurred_on > as_of_days.as_of_date - 90 then 1 end) as contacts_90d,
        min({{ days_between('interactions.occurred_on', 'as_of_days.as_of_date') }}) as days_since_last_contact
    from as_of_days
    inner join interactions
        on {{ in_force('interactions', 'as_of_days.as_of_date') }}
        and interactions.occurred_on <= as_of_days.as_of_date
        and interactions.occurred_on > as_of_days.as_of_date - 365
    group by as_of_days.as_of_date, interactions.customer_id
),

-- An answer comes days after the contact, and a first load shows it at once: there it counts a month later.
campaign_counts as (
    select
        as_of_days.as_of_date,
        contacts.customer_id,
        count(case when coalesce(contacts.treated, true) then 1 end) as campaign_contacts_365d,
        count(case
            when contacts.outcome = 'accepted'
                and (not contacts.received_at_assumed or contacts.occurred_on <= as_of_days.as_of_date - 30)
                then 1
        end) as offers_accepted_365d
    from as_of_days
    inner join contacts
        on {{ in_force('contacts', 'as_of_days.as_of_date') }}
        and contacts.occurred_on <= as_of_days.as_of_date
        and contacts.occurred_on > as_of_days.as_of_date - 365
    group by as_of_days.as_of_date, contacts.customer_id
),

-- A table of which nothing had arrived says nothing; one that had says nought for those it lacks.
sources_known as (
    select
        as_of_days.as_of_date,
        as_of_days.as_of_date >= (select min(payments.known_on) from payments) as has_payments,
        as_of_days.as_of_date >= (select min(interactions.known_on) from interactions) as has_interactions,
        as_of_days.as_of_date >= (select min(contacts.known_on) from contacts) as has_campaigns
    from as_of_days
),

usage as (
    select
        as_of_date,
        customer_id,
        sum(case when days_ago < 30 then kwh end)::double precision as kwh_30d,
        sum(case when days_ago < 90 then kwh end)::double precision as kwh_90d,
        sum(case when days_ago between 365 and 454 then kwh end)::double precision as kwh_90d_year_ago,
        1440 * sum(case when days_ago < 90 then kwh end)::double precision
        / sum(case when days_ago < 90 then measured_minutes end) as mean_daily_kwh_90d,
        1440 * sum(case when days_ago between 365 and 454 then kwh end)::double precision
        / sum(case when days_ago between 365 and 454 then measured_minutes end) as mean_daily_kwh_year_ago,
        1440 * sum(case when days_ago < 365 then kwh end)::double precision
        / sum(case when days_ago < 365 then measured_minutes end) as mean_daily_kwh_365d,
        sum(case when days_ago < 90 then peak_kwh end)::double precision as peak_kwh_90d,
        sum(case when days_ago < 90 then night_kwh end)::double precision as night_kwh_90d,
        sum(case when days_ago < 90 and extract(isodow from local_date) >= 6 then kwh end)::double precision
            as weekend_kwh_90d,
        sum(case when days_ago < 90 then suspect_minutes end)::double precision
        / sum(case when days_ago < 90 then measured_minutes end) as suspect_share_90d,
        count(case when days_ago < 90 then 1 end)::integer as days_known_90d
    from customer_days
    group by as_of_date, customer_id
),

joined as (
    select
        customers.as_of_date,
        customers.customer_id,
        customers.customer_class,
        customers.region_code,
        customers.tariff_code,
        prices.tariff_kind,
        {{ days_between('customers.joined_on', 'customers.as_of_date') }} as tenure_days,
        {{ days_between('customers.contract_start_on', 'customers.as_of_date') }} as contract_age_days,
        {{ days_to_term_end('customers.contract_start_on', 'customers.term_months', 'customers.as_of_date') }}
            as days_to_term_end,
        customers.contracted_kw::double precision as contracted_kw,
        case when sources_known.has_payments then coalesce(payment_habits.late_payments_180d, 0) end
            as late_payments_180d,
        case when sources_known.has_payments then coalesce(payment_habits.late_payments_365d, 0) end
            as late_payments_365d,
        {{ rounded('payment_habits.mean_days_late_365d') }} as mean_days_late_365d,
        case when sources_known.has_payments then coalesce(payment_habits.failed_payments_365d, 0) end
            as failed_payments_365d,
        case when sources_known.has_interactions then coalesce(interaction_counts.complaints_90d, 0) end
            as complaints_90d,
        case when sources_known.has_interactions then coalesce(interaction_counts.complaints_365d, 0) end
            as complaints_365d,
        case when sources_known.has_interactions then coalesce(interaction_counts.contacts_90d, 0) end as contacts_90d,
        case when sources_known.has_campaigns then coalesce(campaign_counts.campaign_contacts_365d, 0) end
            as campaign_contacts_365d,
        case when sources_known.has_campaigns then coalesce(campaign_counts.offers_accepted_365d, 0) end
            as offers_accepted_365d,
        interaction_counts.days_since_last_contact,
        {{ rounded('100 * (prices.price_per_kwh / prices.market_price_above_zero - 1)') }} as price_gap_pct,
        {{ rounded('100 * (prices.price_per_kwh / prices.price_180d_ago_above_zero - 1)') }} as price_change_180d_pct,
        {{ rounded('100 * (prices.price_ahead_per_kwh / prices.price_above_zero - 1)') }} as price_change_ahead_pct,
        {{ rounded('usage.kwh_30d') }} as kwh_30d,
        {{ rounded('usage.kwh_90d') }} as kwh_90d,
        {{ rounded('usage.kwh_90d_year_ago') }} as kwh_90d_year_ago,
        {{ rounded('usage.mean_daily_kwh_90d / nullif(usage.mean_daily_kwh_year_ago, 0)') }} as kwh_trend_ratio,
        {{ rounded('usage.mean_daily_kwh_365d') }} as mean_daily_kwh_365d,
        {{ rounded('usage.peak_kwh_90d / nullif(usage.kwh_90d, 0)') }} as peak_share_90d,
        {{ rounded('usage.night_kwh_90d / nullif(usage.kwh_90d, 0)') }} as night_share_90d,
        {{ rounded('coalesce(usage.weekend_kwh_90d, 0) / nullif(usage.kwh_90d, 0)') }} as weekend_share_90d,
        {{ rounded('usage.suspect_share_90d') }} as suspect_share_90d,
        coalesce(usage.days_known_90d, 0) as days_known_90d,
        customers.consent_marketing,
        customers.personalisation,
        customers.has_moved_in_180d,
        customers.attributes
    from customers
    inner join sources_known on customers.as_of_date = sources_known.as_of_date
    left join payment_habits
        on customers.as_of_date = payment_habits.as_of_date and customers.customer_id = payment_habits.customer_id
    left join interaction_counts
        on customers.as_of_date = interaction_counts.as_of_date
        and customers.customer_id = interaction_counts.customer_id
    left join campaign_counts
        on customers.as_of_date = campaign_counts.as_of_date and customers.customer_id = campaign_counts.customer_id
    left join prices
        on customers.as_of_date = prices.as_of_date
        and customers.tariff_code = prices.tariff_code
        and customers.region_code = prices.region_code
    left join usage
        on customers.as_of_date = usage.as_of_date and customers.customer_id = usage.customer_id
)

select * from joined
order by as_of_date, customer_id

-- One meaning of money, and the day sheets as they are at this moment.

CREATE VIEW boxoffice._sale_versions WITH (security_invoker = true) AS
SELECT s.platform, s.platform_order_id, s.event_id, s.external_event_id, s.external_session_id, s.ticket_quantity, s.valid_quantity,
       s.currency, s.total_amount, s.fee_amount, s.tax_amount, s.discount_amount, s.refund_amount, s.kept_amount, s.net_amount,
       s.payment_status, s.refund_status, s.void_date, s.purchase_date, 'infinity'::timestamptz AS valid_until
FROM boxoffice.ticket_sales s
UNION ALL
SELECT h.platform, h.platform_order_id, NULL::text COLLATE "C", h.external_event_id, h.external_session_id, h.ticket_quantity, h.valid_quantity,
       h.currency, h.total_amount, h.fee_amount, h.tax_amount, h.discount_amount, h.refund_amount, h.kept_amount, h.net_amount,
       h.payment_status, h.refund_status, h.void_date, h.purchase_date, h.valid_until
FROM boxoffice.sale_history h;
COMMENT ON VIEW boxoffice._sale_versions IS 'The numbers of each order as they are (valid_until is infinity), and as they were until they changed.';

CREATE VIEW boxoffice._version_facts WITH (security_invoker = true) AS
-- An order that is sold, or one that is not paid: on the day of the purchase.
SELECT v.platform, v.platform_order_id, v.event_id, v.external_event_id, v.external_session_id, v.currency,
       CASE WHEN v.payment_status = 'unpaid' THEN 'pending' ELSE 'sold' END AS kind, v.purchase_date AS occurred_at,
       k.one AS orders, k.one AS sold_orders,
       k.one::bigint * COALESCE(v.ticket_quantity, v.valid_quantity, 0) AS tickets,
       k.one::bigint * COALESCE(v.ticket_quantity, v.valid_quantity, 0) AS sold_tickets,
       k.one * COALESCE(v.total_amount, v.refund_amount, 0) AS gross,
       -- Nothing, with the decimals of the currency.
       0 * COALESCE(v.total_amount, v.refund_amount, 0) AS refunds, 0 * COALESCE(v.total_amount, v.refund_amount, 0) AS void,
       k.one * COALESCE(v.total_amount, v.refund_amount, 0) AS kept,
       k.fee AS fees, 0::numeric AS fees_back, k.one * COALESCE(v.total_amount, v.refund_amount, 0) - k.fee AS net,
       k.one * COALESCE(v.tax_amount, 0) AS tax, k.one * COALESCE(v.discount_amount, 0) AS discounts,
       CASE WHEN v.total_amount = 0 THEN k.one ELSE 0 END AS free_orders,
       CASE WHEN v.ticket_quantity IS NULL AND v.valid_quantity IS NULL THEN k.one ELSE 0 END AS orders_without_quantity,
       CASE WHEN v.total_amount IS NULL THEN k.one ELSE 0 END AS orders_without_amount,
       0 AS refunded_orders, 0 AS partly_refunded_orders, 0 AS cancelled_orders, 0::numeric AS kept_of_gone,
       k.pending AS pending_orders, k.pending::bigint * COALESCE(v.valid_quantity, v.ticket_quantity, 0) AS pending_tickets,
       v.valid_until
FROM boxoffice._sale_versions v
CROSS JOIN LATERAL (SELECT CASE WHEN v.payment_status = 'unpaid' THEN 0 ELSE 1 END AS one,
    CASE WHEN v.payment_status = 'unpaid' AND v.refund_status NOT IN ('refunded', 'cancelled') THEN 1 ELSE 0 END AS pending,
    -- Fees of a charge that is not known are not known to be kept.
    CASE WHEN v.payment_status = 'unpaid' OR v.kept_amount IS NULL THEN 0 ELSE COALESCE(v.fee_amount, 0) END AS fee) k
UNION ALL
-- What was taken back of a sold order: on the day on which it was.
SELECT v.platform, v.platform_order_id, v.event_id, v.external_event_id, v.external_session_id, v.currency,
       'taken back', v.void_date,
       -k.gone, 0,
       -t.back, 0,
       0, COALESCE(v.refund_amount, 0), m.void, -COALESCE(v.refund_amount, 0) - m.void,
       -m.fees_back, m.fees_back, m.fees_back - COALESCE(v.refund_amount, 0) - m.void,
       CASE WHEN k.nothing THEN -COALESCE(v.tax_amount, 0) ELSE 0 END, CASE WHEN k.nothing THEN -COALESCE(v.discount_amount, 0) ELSE 0 END,
       CASE WHEN v.total_amount = 0 THEN -k.gone ELSE 0 END,
       CASE WHEN v.ticket_quantity IS NULL AND v.valid_quantity IS NULL THEN -k.gone ELSE 0 END,
       CASE WHEN v.total_amount IS NULL THEN -k.gone ELSE 0 END,
       CASE WHEN v.refund_status IN ('partial', 'refunded') THEN 1 ELSE 0 END, CASE WHEN v.refund_status = 'partial' THEN 1 ELSE 0 END,
       CASE WHEN v.refund_status = 'cancelled' THEN 1 ELSE 0 END,
       k.gone * COALESCE(v.kept_amount, 0), 0, 0, v.valid_until
FROM boxoffice._sale_versions v
CROSS JOIN LATERAL (SELECT CASE WHEN v.refund_status IN ('refunded', 'cancelled') THEN 1 ELSE 0 END AS gone,
    COALESCE(v.kept_amount = 0 AND v.refund_amount = 0 AND (v.total_amount > 0 OR v.refund_status = 'cancelled'), false) AS nothing) k
CROSS JOIN LATERAL (SELECT (COALESCE(v.ticket_quantity, v.valid_quantity, 0)
    - COALESCE(v.valid_quantity, CASE WHEN k.gone = 0 THEN v.ticket_quantity ELSE 0 END, 0))::bigint AS back) t
CROSS JOIN LATERAL (SELECT COALESCE(v.total_amount, v.refund_amount, 0) - COALESCE(v.refund_amount, 0) - COALESCE(v.kept_amount, 0) AS void,
    COALESCE(COALESCE(v.fee_amount, 0) - (v.kept_amount - v.net_amount), 0) AS fees_back) m
WHERE v.payment_status IS DISTINCT FROM 'unpaid'
  AND (k.gone > 0 OR t.back <> 0 OR m.void <> 0 OR m.fees_back <> 0 OR v.refund_amount > 0 OR v.refund_status = 'partial');
COMMENT ON VIEW boxoffice._version_facts IS 'The facts of sale_facts, for the numbers that an order has and for those that it had.';

CREATE VIEW boxoffice.sale_facts WITH (security_invoker = true) AS
SELECT f.platform, f.platform_order_id, f.event_id, f.external_event_id, f.external_session_id, f.currency, f.kind, f.occurred_at,
       f.orders, f.sold_orders, f.tickets, f.sold_tickets, f.gross, f.refunds, f.void, f.kept, f.fees, f.fees_back, f.net, f.tax, f.discounts,
       f.free_orders, f.orders_without_quantity, f.orders_without_amount, f.refunded_orders, f.partly_refunded_orders, f.cancelled_orders,
       f.kept_of_gone, f.pending_orders, f.pending_tickets
FROM boxoffice._version_facts f WHERE f.valid_until = 'infinity';
COMMENT ON VIEW boxoffice.sale_facts IS 'What was sold and what was taken back, at most two facts an order, each at its own time: summed over any span they tell what changed in it, over all time how things stand. All figures are sums of these. An unpaid order is a fact of a third kind, in no sum but those of pending.';

CREATE VIEW boxoffice._platform_events WITH (security_invoker = true) AS
SELECT p.platform, p.external_event_id, p.event_id, z.zones, c.platform IS NOT NULL AS covered,
       COALESCE(c.time_zone, boxoffice._zone(z.ours, z.theirs)) AS time_zone, m.utc_days,
       CASE WHEN c.platform IS NOT NULL AND m.utc_days IS NOT NULL THEN boxoffice._local_days(m.utc_days, c.time_zone) END AS local_days
FROM (SELECT l.platform, l.external_event_id::text COLLATE "C" AS external_event_id, l.event_id, l.external_time_zone FROM boxoffice.ticket_platforms l
      UNION ALL
      SELECT n.platform, '', NULL, NULL FROM (SELECT f.name AS platform FROM boxoffice._platforms() f) n) p
LEFT JOIN boxoffice.ticket_events e ON e.event_id = p.event_id
CROSS JOIN LATERAL (SELECT e.time_zone AS ours, p.external_time_zone AS theirs,
    COALESCE(e.time_zone, '') || '|' || COALESCE(p.external_time_zone, '') AS zones) z
LEFT JOIN boxoffice.sheet_coverage c ON c.platform = p.platform AND c.external_event_id = p.external_event_id AND c.zones = z.zones
LEFT JOIN (SELECT s.platform, s.external_event_id, pg_catalog.array_agg(DISTINCT s.utc_day) AS utc_days
           FROM boxoffice.sheet_marks s GROUP BY s.platform, s.external_event_id) m
    ON m.platform = p.platform AND m.external_event_id = p.external_event_id;
COMMENT ON VIEW boxoffice._platform_events IS 'The platforms'' events, and whether they have sheets. One more for each platform: the sales of which the event is not known.';

CREATE VIEW boxoffice._sale_days WITH (security_invoker = true) AS
SELECT p.event_id, s.platform, s.external_event_id, s.external_session_id, s.currency, s.day,
       s.orders, s.sold_orders, s.tickets, s.sold_tickets, s.gross, s.refunds, s.void, s.kept, s.fees, s.fees_back, s.net,
       s.tax, s.discounts, s.free_orders, s.orders_without_quantity, s.orders_without_amount, s.refunded_orders,
       s.partly_refunded_orders, s.cancelled_orders, s.kept_of_gone, s.pending_orders, s.pending_tickets
FROM boxoffice._platform_events p
JOIN boxoffice.sales_days s ON s.platform = p.platform AND s.external_event_id = p.external_event_id
WHERE p.covered AND (s.day = ANY (p.local_days)) IS NOT TRUE
UNION ALL
SELECT p.event_id, p.platform, p.external_event_id, u.external_session_id, u.currency, u.day,
       u.orders, u.sold_orders, u.tickets, u.sold_tickets, u.gross, u.refunds, u.void, u.kept, u.fees, u.fees_back, u.net,
       u.tax, u.discounts, u.free_orders, u.orders_without_quantity, u.orders_without_amount, u.refunded_orders,
       u.partly_refunded_orders, u.cancelled_orders, u.kept_of_gone, u.pending_orders, u.pending_tickets
FROM boxoffice._platform_events p
CROSS JOIN LATERAL boxoffice._days_from_rows(p.platform, p.external_event_id, p.event_id, p.time_zone, p.covered, p.local_days) u
WHERE NOT p.covered OR p.local_days IS NOT NULL;
COMMENT ON VIEW boxoffice._sale_days IS 'The day sheets as they are at this moment: those that are kept, and from the rows those that are not, or of which sales have changed since.';

CREATE VIEW boxoffice._show_members WITH (security_invoker = true) AS
WITH members AS (
    SELECT p.event_id, p.platform::text AS platform, p.external_event_id::text COLLATE "C" AS external_event_id,
           CASE WHEN x.dates > 1 THEN d.id END COLLATE "C" AS external_session_id,
           CASE WHEN x.dates >= 1 THEN d.starts_at
                WHEN pg_catalog.count(*) OVER (PARTITION BY p.event_id) = 1 THEN COALESCE(e.starts_at, p.external_starts_at)
                ELSE COALESCE(p.external_starts_at, e.starts_at) END AS starts_at,
           CASE WHEN x.dates >= 1 THEN d.ends_at
                WHEN pg_catalog.count(*) OVER (PARTITION BY p.event_id) = 1 THEN COALESCE(e.ends_at, p.external_ends_at)
                ELSE COALESCE(p.external_ends_at, e.ends_at) END AS ends_at,
           CASE WHEN x.dates > 1 THEN d.active IS NOT FALSE ELSE true END AS active, p.external_capacity
    FROM boxoffice.ticket_platforms p
    JOIN boxoffice.ticket_events e ON e.event_id = p.event_id
    CROSS JOIN LATERAL (SELECT CASE WHEN pg_catalog.jsonb_typeof(p.external_sessions) = 'array'
        THEN pg_catalog.jsonb_array_length(p.external_sessions) ELSE 0 END AS dates) x
    LEFT JOIN LATERAL (SELECT s.id, s.starts_at, s.ends_at, s.active
        FROM pg_catalog.jsonb_to_recordset(p.external_sessions) AS s (id text, starts_at timestamptz, ends_at timestamptz, active boolean)
        WHERE x.dates > 0) d ON true
    UNION ALL
    SELECT e.event_id, NULL, NULL, NULL, e.starts_at, e.ends_at, true, NULL FROM boxoffice.ticket_events e
    WHERE NOT EXISTS (SELECT FROM boxoffice.ticket_platforms p WHERE p.event_id = e.event_id)
), grouped AS (
    SELECT m.*, pg_catalog.sum(m.is_first) OVER (PARTITION BY m.event_id ORDER BY m.starts_at, m.platform, m.external_event_id, m.external_session_id) AS show
    FROM (SELECT m.*, CASE WHEN m.starts_at - pg_catalog.lag(m.starts_at) OVER (PARTITION BY m.event_id
              ORDER BY m.starts_at, m.platform, m.external_event_id, m.external_session_id) <= interval '15 minutes' THEN 0 ELSE 1 END AS is_first
          FROM members m) m
)
SELECT g.event_id, pg_catalog.min(g.starts_at) OVER w AS starts_at, pg_catalog.max(g.ends_at) OVER w AS ends_at,
       g.platform, g.external_event_id, g.external_session_id, pg_catalog.bool_or(g.active) OVER w AS active, g.external_capacity
FROM grouped g WINDOW w AS (PARTITION BY g.event_id, g.show);
COMMENT ON VIEW boxoffice._show_members IS 'Which platform events, and which dates of them, are which show. Starts within 15 minutes of each other are one show. external_session_id is NULL where the platform event has one date only: all of its sales are of it.';

CREATE VIEW boxoffice.shows WITH (security_invoker = true) AS
SELECT s.event_id, s.starts_at, s.ends_at, e.title, e.venue, z.time_zone, c.capacity,
       CASE WHEN s.starts_at IS NULL THEN 'undated' WHEN NOT s.active THEN 'withdrawn'
            WHEN COALESCE(s.ends_at, s.starts_at + interval '6 hours') < pg_catalog.now() THEN 'over'
            WHEN (s.starts_at AT TIME ZONE z.time_zone)::date <= (pg_catalog.now() AT TIME ZONE z.time_zone)::date THEN 'tonight'
            ELSE 'upcoming' END AS state,
       s.members,
       (SELECT COALESCE(pg_catalog.sum(d.tickets), 0)::bigint FROM boxoffice._sale_days d WHERE d.event_id = s.event_id
        AND EXISTS (SELECT FROM pg_catalog.jsonb_to_recordset(s.members) AS m (platform text, external_event_id text, external_session_id text)
                    WHERE m.platform = d.platform AND m.external_event_id = d.external_event_id
                      AND (m.external_session_id IS NULL OR m.external_session_id = d.external_session_id))) AS tickets,
       (SELECT pg_catalog.count(*) FROM boxoffice.attendees a WHERE a.event_id = s.event_id AND a.status <> 'cancelled'
        AND EXISTS (SELECT FROM pg_catalog.jsonb_to_recordset(s.members) AS m (platform text, external_event_id text, external_session_id text)
                    WHERE m.platform = a.platform AND m.external_event_id = a.external_event_id
                      AND (m.external_session_id IS NULL OR m.external_session_id = a.external_session_id))) AS registered,
       NULL::bigint AS inside
FROM (
    SELECT m.event_id, m.starts_at, pg_catalog.max(m.ends_at) AS ends_at, pg_catalog.bool_or(m.active) AS active,
           COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('platform', m.platform, 'external_event_id', m.external_event_id,
               'external_session_id', m.external_session_id) ORDER BY m.platform, m.external_event_id, m.external_session_id)
               FILTER (WHERE m.platform IS NOT NULL), '[]') AS members,
           pg_catalog.count(*) OVER (PARTITION BY m.event_id) AS shows_of_event
    FROM boxoffice._show_members m GROUP BY m.event_id, m.starts_at
) s
JOIN boxoffice.ticket_events e ON e.event_id = s.event_id
CROSS JOIN LATERAL (SELECT boxoffice._zone(e.time_zone, (SELECT p.external_time_zone FROM boxoffice.ticket_platforms p
    WHERE p.event_id = e.event_id AND p.external_time_zone IS NOT NULL ORDER BY p.platform, p.external_event_id LIMIT 1)) AS time_zone) z
LEFT JOIN boxoffice.show_settings o ON o.event_id = s.event_id AND o.starts_at = s.starts_at
LEFT JOIN boxoffice.show_settings w ON w.event_id = s.event_id AND w.starts_at = '-infinity'
CROSS JOIN LATERAL (SELECT COALESCE(o.capacity::integer, w.capacity::integer, CASE WHEN s.shows_of_event = 1 THEN e.capacity::integer END) AS capacity) c;
COMMENT ON VIEW boxoffice.shows IS 'One row for each night: an event has one or several. Dates of different platforms within 15 minutes of each other are one show.';

-- Runs with its owner's rights, so that nobody needs those to read addresses; it shows what the caller may read, and no address.
CREATE VIEW boxoffice._buyers WITH (security_barrier = true) AS
SELECT s.event_id, s.purchase_date, COALESCE(s.valid_quantity, s.ticket_quantity, 0)::integer AS tickets, COALESCE(s.marketing_opt_in, false) AS opted_in,
       CASE WHEN pg_catalog.btrim(s.customer_email) <> '' AND (pg_catalog.lower(pg_catalog.btrim(s.customer_email)) = ANY (c.shared)) IS NOT TRUE
            THEN pg_catalog.hashtextextended(pg_catalog.lower(pg_catalog.btrim(s.customer_email)), (SELECT b.salt FROM boxoffice_private.buyer_salt b LIMIT 1)) END AS buyer
FROM boxoffice.ticket_sales s
LEFT JOIN (SELECT ARRAY(SELECT pg_catalog.lower(pg_catalog.btrim(u.address)) FROM pg_catalog.unnest(o.shared_addresses) u (address)) AS shared FROM boxoffice.console_settings o) c ON true
WHERE s.payment_status IS DISTINCT FROM 'unpaid' AND s.refund_status NOT IN ('refunded', 'cancelled')
  AND ((SELECT NOT pg_catalog.row_security_active('boxoffice.ticket_sales')) OR ARRAY[s.event_id, '*'] && (SELECT boxoffice.readable_events(current_user)));
COMMENT ON VIEW boxoffice._buyers IS 'Orders that stand, each with a key of its buyer in place of the address; NULL without an address. Keys cannot be traced back and differ from database to database.';

-- As documented, made of day sheets.

CREATE VIEW boxoffice.ticket_sales_analytics WITH (security_invoker = true) AS
SELECT
    e.event_id,
    e.title AS event_title,
    e.starts_at AS event_date,
    e.venue,
    COALESCE(s.total_orders, 0) AS total_orders,
    COALESCE(s.total_tickets_sold, 0) AS total_tickets_sold,
    COALESCE(s.gross_revenue, 0) AS gross_revenue,
    COALESCE(s.average_order_value, 0) AS average_order_value,
    COALESCE(s.humanitix_orders, 0) AS humanitix_orders,
    COALESCE(s.eventbrite_orders, 0) AS eventbrite_orders,
    COALESCE(s.manual_orders, 0) AS manual_orders,
    COALESCE(s.refunded_orders, 0) AS refunded_orders,
    COALESCE(s.total_refunds, 0) AS total_refunds,
    r.first_sale_date,
    r.last_sale_date,
    COALESCE(r.sales_last_7_days, 0) AS sales_last_7_days,
    e.capacity,
    CASE WHEN e.capacity > 0
         THEN pg_catalog.round(COALESCE(pg_catalog.sum(s.total_tickets_sold) OVER (PARTITION BY e.event_id), 0) / e.capacity * 100, 2)
    END AS capacity_utilization_percent,
    s.currency,
    COALESCE(s.net_revenue, 0) AS net_revenue,
    COALESCE(s.total_fees, 0) AS total_fees,
    COALESCE(s.total_tax, 0) AS total_tax,
    COALESCE(s.total_discounts, 0) AS total_discounts,
    COALESCE(s.cancelled_orders, 0) AS cancelled_orders,
    COALESCE(s.orders_without_quantity, 0) AS orders_without_quantity,
    COALESCE(s.sold_orders, 0) AS sold_orders,
    CASE WHEN s.sold_orders > 0 THEN pg_catalog.round(s.refunded_orders::numeric / s.sold_orders * 100, 2) END AS refund_rate_percent,
    COALESCE(s.pending_orders, 0) AS pending_orders,
    COALESCE(s.pending_tickets, 0) AS pending_tickets
FROM boxoffice.ticket_events e
LEFT JOIN (
    SELECT
        d.event_id,
        NULLIF(d.currency, '')::boxoffice.currency_code AS currency,
        pg_catalog.sum(d.orders)::bigint AS total_orders,
        pg_catalog.sum(d.tickets)::bigint AS total_tickets_sold,
        pg_catalog.sum(d.kept) AS gross_revenue,
        pg_catalog.round((pg_catalog.sum(d.kept) - pg_catalog.sum(d.kept_of_gone))
            / NULLIF(pg_catalog.sum(d.orders) - pg_catalog.sum(d.orders_without_amount), 0), 2) AS average_order_value,
        COALESCE(pg_catalog.sum(d.orders) FILTER (WHERE d.platform = 'humanitix'), 0)::bigint AS humanitix_orders,
        COALESCE(pg_catalog.sum(d.orders) FILTER (WHERE d.platform = 'eventbrite'), 0)::bigint AS eventbrite_orders,
        COALESCE(pg_catalog.sum(d.orders) FILTER (WHERE d.platform NOT IN ('humanitix', 'eventbrite')), 0)::bigint AS manual_orders,
        pg_catalog.sum(d.refunded_orders)::bigint AS refunded_orders,
        pg_catalog.sum(d.refunds) AS total_refunds,
        pg_catalog.sum(d.net) AS net_revenue,
        pg_catalog.sum(d.fees) AS total_fees,
        pg_catalog.sum(d.tax) AS total_tax,
        pg_catalog.sum(d.discounts) AS total_discounts,
        pg_catalog.sum(d.cancelled_orders)::bigint AS cancelled_orders,
        pg_catalog.sum(d.orders_without_quantity)::bigint AS orders_without_quantity,
        pg_catalog.sum(d.sold_orders)::bigint AS sold_orders,
        pg_catalog.sum(d.pending_orders)::bigint AS pending_orders,
        pg_catalog.sum(d.pending_tickets)::bigint AS pending_tickets
    FROM boxoffice._sale_days d
    GROUP BY d.event_id, d.currency
) s ON s.event_id = e.event_id
CROSS JOIN LATERAL (
    -- To the second, and so from the rows: three probes of an index.
    SELECT (SELECT t.purchase_date FROM boxoffice.ticket_sales t
            WHERE t.event_id = s.event_id AND t.payment_status IS DISTINCT FROM 'unpaid' AND t.purchase_date IS NOT NULL
              AND t.currency IS NOT DISTINCT FROM s.currency ORDER BY t.purchase_date LIMIT 1) AS first_sale_date,
           (SELECT t.purchase_date FROM boxoffice.ticket_sales t
            WHERE t.event_id = s.event_id AND t.payment_status IS DISTINCT FROM 'unpaid' AND t.purchase_date IS NOT NULL
              AND t.currency IS NOT DISTINCT FROM s.currency ORDER BY t.purchase_date DESC LIMIT 1) AS last_sale_date,
           (SELECT pg_catalog.count(*) FROM boxoffice.ticket_sales t
            WHERE t.event_id = s.event_id AND t.payment_status IS DISTINCT FROM 'unpaid' AND t.refund_status NOT IN ('refunded', 'cancelled')
              AND t.purchase_date >= pg_catalog.now() - interval '7 days' AND t.currency IS NOT DISTINCT FROM s.currency) AS sales_last_7_days
) r;
COMMENT ON VIEW boxoffice.ticket_sales_analytics IS 'Sales of each event, one row for each currency; 0 where nothing was sold. Unpaid orders are not sold: only the pending columns count them.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.event_title IS 'Title.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.event_date IS 'Start.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.venue IS 'Venue.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_orders IS 'Sold orders that stand: neither cancelled nor wholly refunded.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_tickets_sold IS 'Admissions that are still valid, of all sold orders: also those of refunded orders whose tickets still admit.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.gross_revenue IS 'Money that the organiser holds, before fees: the sum of kept_amount over all sold orders. Kept money of cancelled orders is in it.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.average_order_value IS 'kept_amount of an order that stands, on average.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.humanitix_orders IS 'Orders that stand, on Humanitix.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.eventbrite_orders IS 'Orders that stand, on Eventbrite.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.manual_orders IS 'Orders that stand, on other platforms.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.refunded_orders IS 'Sold orders with a partial or whole refund.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_refunds IS 'Money refunded, over all sold orders.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.first_sale_date IS 'First purchase of all sold orders.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.last_sale_date IS 'Last purchase of all sold orders.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.sales_last_7_days IS 'Orders that stand, bought in the last seven days.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.capacity IS 'Places.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.capacity_utilization_percent IS 'Share of the places that are sold, over all currencies; NULL without a capacity.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.currency IS 'ISO 4217 code of the amounts; NULL where nothing was sold or the platform gave none.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.net_revenue IS 'The sum of net_amount over all sold orders: gross_revenue less total_fees. Tax that has to be remitted is still in it.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_fees IS 'Fees that the platforms keep, over all sold orders; those given back with a refund are not in it.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_tax IS 'Tax as the platforms state it, over all sold orders whose charge is not void.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_discounts IS 'Discounts, over all sold orders whose charge is not void; free orders that are cancelled count as void.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.cancelled_orders IS 'Sold orders that are cancelled without a refund.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.orders_without_quantity IS 'Orders that stand whose number of tickets is not known yet; they are not in total_tickets_sold.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.sold_orders IS 'All orders that were ever sold: those that stand, the refunded and the cancelled.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.refund_rate_percent IS 'refunded_orders of a hundred sold_orders; NULL where nothing was sold.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.pending_orders IS 'Unpaid orders that are not cancelled.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.pending_tickets IS 'Admissions that they hold.';

-- What the columns mean.

COMMENT ON COLUMN boxoffice._sale_versions.platform IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.platform_order_id IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.event_id IS 'Our event; NULL while the platform''s event is not linked.';
COMMENT ON COLUMN boxoffice._sale_versions.external_event_id IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.external_session_id IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.ticket_quantity IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.valid_quantity IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.currency IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.total_amount IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.fee_amount IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.tax_amount IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.discount_amount IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.refund_amount IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.kept_amount IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.net_amount IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.payment_status IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.refund_status IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.void_date IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.purchase_date IS 'As in ticket_sales.';
COMMENT ON COLUMN boxoffice._sale_versions.valid_until IS 'Until when these numbers held; infinity for those that hold.';
COMMENT ON COLUMN boxoffice._version_facts.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice._version_facts.platform_order_id IS 'The order.';
COMMENT ON COLUMN boxoffice._version_facts.event_id IS 'Our event; NULL while the platform''s event is not linked.';
COMMENT ON COLUMN boxoffice._version_facts.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice._version_facts.external_session_id IS 'The platform''s id of the date, where an event has several.';
COMMENT ON COLUMN boxoffice._version_facts.currency IS 'ISO 4217 code; NULL where the platform gave none.';
COMMENT ON COLUMN boxoffice._version_facts.kind IS 'sold, taken back or pending.';
COMMENT ON COLUMN boxoffice._version_facts.occurred_at IS 'When it was sold, or taken back; NULL where that is not known.';
COMMENT ON COLUMN boxoffice._version_facts.orders IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.sold_orders IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.tickets IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.sold_tickets IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.gross IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.refunds IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.void IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.kept IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.fees IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.fees_back IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.net IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.tax IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.discounts IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.free_orders IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.orders_without_quantity IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.orders_without_amount IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.refunded_orders IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.partly_refunded_orders IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.cancelled_orders IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.kept_of_gone IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.pending_orders IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.pending_tickets IS 'As in sale_facts.';
COMMENT ON COLUMN boxoffice._version_facts.valid_until IS 'Until when these numbers held; infinity for those that hold.';
COMMENT ON COLUMN boxoffice.sale_facts.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.sale_facts.platform_order_id IS 'The order.';
COMMENT ON COLUMN boxoffice.sale_facts.event_id IS 'Our event; NULL while the platform''s event is not linked.';
COMMENT ON COLUMN boxoffice.sale_facts.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.sale_facts.external_session_id IS 'The platform''s id of the date, where an event has several.';
COMMENT ON COLUMN boxoffice.sale_facts.currency IS 'ISO 4217 code; NULL where the platform gave none.';
COMMENT ON COLUMN boxoffice.sale_facts.kind IS 'sold, taken back or pending.';
COMMENT ON COLUMN boxoffice.sale_facts.occurred_at IS 'When it was sold, or taken back; NULL where that is not known.';
COMMENT ON COLUMN boxoffice.sale_facts.orders IS '1 for an order sold, -1 when it ceases to stand.';
COMMENT ON COLUMN boxoffice.sale_facts.sold_orders IS '1 for an order sold.';
COMMENT ON COLUMN boxoffice.sale_facts.tickets IS 'Admissions sold; less than 0 where they are taken back.';
COMMENT ON COLUMN boxoffice.sale_facts.sold_tickets IS 'Admissions sold.';
COMMENT ON COLUMN boxoffice.sale_facts.gross IS 'Charged, before anything was taken back; at least what was refunded where the charge is not known.';
COMMENT ON COLUMN boxoffice.sale_facts.refunds IS 'Refunded.';
COMMENT ON COLUMN boxoffice.sale_facts.void IS 'Charge of which nothing is held although nothing was refunded.';
COMMENT ON COLUMN boxoffice.sale_facts.kept IS 'gross less refunds and void.';
COMMENT ON COLUMN boxoffice.sale_facts.fees IS 'Fees of the platform; less than 0 where they are given back.';
COMMENT ON COLUMN boxoffice.sale_facts.fees_back IS 'Fees given back, or never kept.';
COMMENT ON COLUMN boxoffice.sale_facts.net IS 'kept less fees.';
COMMENT ON COLUMN boxoffice.sale_facts.tax IS 'Tax as the platform states it; less than 0 where the whole charge is void.';
COMMENT ON COLUMN boxoffice.sale_facts.discounts IS 'Discounts; less than 0 where the whole charge is void.';
COMMENT ON COLUMN boxoffice.sale_facts.free_orders IS '1 for an order of no charge, -1 when it ceases to stand.';
COMMENT ON COLUMN boxoffice.sale_facts.orders_without_quantity IS '1 for an order whose number of tickets is not known, -1 when it ceases to stand.';
COMMENT ON COLUMN boxoffice.sale_facts.orders_without_amount IS '1 for an order whose charge is not known, -1 when it ceases to stand.';
COMMENT ON COLUMN boxoffice.sale_facts.refunded_orders IS '1 for an order refunded, wholly or partly.';
COMMENT ON COLUMN boxoffice.sale_facts.partly_refunded_orders IS '1 for one refunded partly.';
COMMENT ON COLUMN boxoffice.sale_facts.cancelled_orders IS '1 for an order cancelled without a refund.';
COMMENT ON COLUMN boxoffice.sale_facts.kept_of_gone IS 'Money kept of an order that ceases to stand.';
COMMENT ON COLUMN boxoffice.sale_facts.pending_orders IS '1 for an unpaid order that is not cancelled.';
COMMENT ON COLUMN boxoffice.sale_facts.pending_tickets IS 'Admissions that it holds.';
COMMENT ON COLUMN boxoffice._platform_events.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice._platform_events.external_event_id IS 'The platform''s id of the event; empty for sales of which it is not known.';
COMMENT ON COLUMN boxoffice._platform_events.event_id IS 'Our event; NULL while the platform''s event is not linked.';
COMMENT ON COLUMN boxoffice._platform_events.zones IS 'The zones of our event and of the platform''s, separated by a bar.';
COMMENT ON COLUMN boxoffice._platform_events.covered IS 'It has sheets, made with its zone.';
COMMENT ON COLUMN boxoffice._platform_events.time_zone IS 'The zone of its days.';
COMMENT ON COLUMN boxoffice._platform_events.utc_days IS 'Days of UTC of which sales have changed since the sheets were made.';
COMMENT ON COLUMN boxoffice._platform_events.local_days IS 'The same as days of its zone, where it has sheets.';
COMMENT ON COLUMN boxoffice._sale_days.event_id IS 'Our event; NULL while the platform''s event is not linked.';
COMMENT ON COLUMN boxoffice._sale_days.platform IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.external_event_id IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.external_session_id IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.currency IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.day IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.orders IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.sold_orders IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.tickets IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.sold_tickets IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.gross IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.refunds IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.void IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.kept IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.fees IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.fees_back IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.net IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.tax IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.discounts IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.free_orders IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.orders_without_quantity IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.orders_without_amount IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.refunded_orders IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.partly_refunded_orders IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.cancelled_orders IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.kept_of_gone IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.pending_orders IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._sale_days.pending_tickets IS 'As in sales_days.';
COMMENT ON COLUMN boxoffice._show_members.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice._show_members.starts_at IS 'Start of the show: the earliest of its members.';
COMMENT ON COLUMN boxoffice._show_members.ends_at IS 'Its end: the latest.';
COMMENT ON COLUMN boxoffice._show_members.platform IS 'humanitix or eventbrite; NULL for an event that is on neither.';
COMMENT ON COLUMN boxoffice._show_members.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice._show_members.external_session_id IS 'The platform''s id of the date; NULL where its event has only one.';
COMMENT ON COLUMN boxoffice._show_members.active IS 'At least one member is not withdrawn.';
COMMENT ON COLUMN boxoffice._show_members.external_capacity IS 'Capacity on the platform.';
COMMENT ON COLUMN boxoffice.shows.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.shows.starts_at IS 'Start; NULL while it is not known.';
COMMENT ON COLUMN boxoffice.shows.ends_at IS 'End, where a platform or we know it.';
COMMENT ON COLUMN boxoffice.shows.title IS 'Title.';
COMMENT ON COLUMN boxoffice.shows.venue IS 'Name of the venue.';
COMMENT ON COLUMN boxoffice.shows.time_zone IS 'The zone in which its times are shown.';
COMMENT ON COLUMN boxoffice.shows.capacity IS 'Places, by show_settings, else by the event where it has one show.';
COMMENT ON COLUMN boxoffice.shows.state IS 'upcoming, tonight (today in its zone, and not over), over (six hours after the start where the end is not known), withdrawn (by the platform) or undated.';
COMMENT ON COLUMN boxoffice.shows.members IS 'The platforms'' events and dates that it is made of.';
COMMENT ON COLUMN boxoffice.shows.tickets IS 'Admissions sold that are still valid.';
COMMENT ON COLUMN boxoffice.shows.registered IS 'Attendees that are not cancelled; less than tickets while some are not known yet.';
COMMENT ON COLUMN boxoffice.shows.inside IS 'How many are in; NULL: nothing here counts that yet.';
COMMENT ON COLUMN boxoffice._buyers.event_id IS 'Our event; NULL while the platform''s event is not linked.';
COMMENT ON COLUMN boxoffice._buyers.purchase_date IS 'When it was bought.';
COMMENT ON COLUMN boxoffice._buyers.tickets IS 'Admissions.';
COMMENT ON COLUMN boxoffice._buyers.opted_in IS 'Consent to marketing.';
COMMENT ON COLUMN boxoffice._buyers.buyer IS 'Key of the buyer; NULL where there is no address.';

-- The night in money, and what the platforms pay out.

CREATE FUNCTION boxoffice.settlement(event_id text, show timestamptz DEFAULT NULL, OUT section text, OUT label text, OUT quantity bigint, OUT amount numeric, OUT currency text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 20
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    expense numeric;
    its_currency text;
    is_over boolean;
BEGIN
    PERFORM boxoffice._require_show(settlement.event_id, show);
    SELECT o.costs, o.currency INTO expense, its_currency FROM boxoffice.show_settings o
        WHERE o.event_id = settlement.event_id AND o.starts_at IN (show, '-infinity') AND o.costs IS NOT NULL ORDER BY o.starts_at DESC LIMIT 1;
    is_over := (SELECT bool_and(COALESCE(m.ends_at, m.starts_at + interval '6 hours') < now()) FROM boxoffice._show_members m
        WHERE m.event_id = settlement.event_id AND (show IS NULL OR m.starts_at = show));
    RETURN QUERY
        WITH totals AS MATERIALIZED (
            SELECT t.* FROM boxoffice.event_totals(settlement.event_id, show) t
        ), types AS MATERIALIZED (
            SELECT t.* FROM boxoffice.ticket_type_breakdown(settlement.event_id, show) t
        ), lines AS (
            SELECT 1 AS part, row_number() OVER (ORDER BY t.platform, t.ticket_type) AS place, 'tickets' AS section, t.platform || ': ' || COALESCE(t.ticket_type, 'type unknown') AS label,
                   t.tickets - t.free_tickets AS quantity, t.price_sum AS amount, t.currency FROM types t WHERE t.tickets > t.free_tickets
            UNION ALL SELECT 2, 1, 'tickets', 'comps and free tickets', COALESCE(sum(t.free_tickets), 0)::bigint, NULL, NULL FROM types t
            UNION ALL SELECT 2, 2, 'tickets', 'walk-ups', NULL, NULL, NULL
            UNION ALL SELECT 2, 3, 'tickets', 'orders whose tickets are not known yet', sum(t.orders_without_quantity)::bigint, NULL, NULL FROM totals t HAVING sum(t.orders_without_quantity) > 0
            UNION ALL SELECT 3, 1, 'money', 'gross', t.orders + t.cancelled_orders, t.gross, t.currency FROM totals t
            UNION ALL SELECT 3, 2, 'money', 'refunds', t.refunded_orders, -t.refunds, t.currency FROM totals t
            UNION ALL SELECT 3, 3, 'money', 'cancelled', t.cancelled_orders, -t.cancelled, t.currency FROM totals t
            UNION ALL SELECT 3, 4, 'money', 'fees', NULL, -t.fees, t.currency FROM totals t
            UNION ALL SELECT 3, 5, 'money', 'net', t.orders, t.net, t.currency FROM totals t
            UNION ALL SELECT 3, 6, 'money', 'of it tax, as the platforms state it', NULL, t.tax, t.currency FROM totals t WHERE t.tax <> 0
            UNION ALL SELECT 4, 1, 'result', 'costs', NULL, -expense, its_currency WHERE expense IS NOT NULL
            UNION ALL SELECT 4, 2, 'result', 'result', NULL, COALESCE((SELECT t.net FROM totals t WHERE t.currency = its_currency), 0) - expense, its_currency WHERE expense IS NOT NULL
            UNION ALL SELECT 5, 1, 'attendance', 'checked in', COALESCE(sum(t.checked_in), 0)::bigint, NULL, NULL FROM types t
            UNION ALL SELECT 5, 2, 'attendance', CASE WHEN is_over THEN 'no-shows' ELSE 'still to come' END, COALESCE(sum(t.tickets - t.checked_in), 0)::bigint, NULL, NULL FROM types t
        )
        SELECT l.section, l.label, l.quantity, l.amount, l.currency FROM lines l ORDER BY l.part, l.currency, l.place;
END
$$;
COMMENT ON FUNCTION boxoffice.settlement(text, timestamptz) IS 'The sheet of a night: tickets by platform and type, comps, money from gross to net (gross + refunds + cancelled + fees = net, as signed here), costs and result where show_settings has them, attendance. walk-ups are NULL: nothing here counts them yet. One line for each currency where there is money.';

CREATE FUNCTION boxoffice.record_payout(platform text, reference text, paid_on date, currency text, amount numeric, event_ids text[], note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    one text;
BEGIN
    IF num_nulls(record_payout.platform, record_payout.reference, record_payout.paid_on, record_payout.currency, record_payout.amount, record_payout.event_ids) > 0 THEN
        RAISE EXCEPTION 'platform, reference, paid_on, currency, amount and event_ids must not be null' USING ERRCODE = 'null_value_not_allowed',
            DETAIL = 'Nothing of a payout is guessed.', HINT = 'They stand in the platform''s receipt.';
    END IF;
    PERFORM boxoffice._require_platform(record_payout.platform);
    IF record_payout.reference = '' OR record_payout.currency !~ '^[A-Z]{3}$' OR record_payout.amount < 0 OR cardinality(record_payout.event_ids) = 0 THEN
        RAISE EXCEPTION 'a payout has a reference, a currency, an amount that is not negative, and events' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('Given are reference "%s", currency "%s", amount %s and %s events.', record_payout.reference, record_payout.currency, record_payout.amount, cardinality(record_payout.event_ids)),
            HINT = 'For example record_payout(platform, ''PO-1'', ''2026-03-10'', ''AUD'', 1234.50, ''{friday}'').';
    END IF;
    FOREACH one IN ARRAY record_payout.event_ids LOOP
        PERFORM boxoffice._require_event(one);
    END LOOP;
    INSERT INTO boxoffice.payouts AS p (platform, reference, paid_on, currency, amount, event_ids, note)
        VALUES (record_payout.platform, record_payout.reference, record_payout.paid_on, record_payout.currency, record_payout.amount,
            ARRAY(SELECT DISTINCT u.id FROM unnest(record_payout.event_ids) u (id) ORDER BY 1), record_payout.note)
        ON CONFLICT ON CONSTRAINT payouts_pkey DO UPDATE SET paid_on = excluded.paid_on, currency = excluded.currency, amount = excluded.amount,
            event_ids = excluded.event_ids, note = COALESCE(excluded.note, p.note), recorded_at = now();
END
$$;
COMMENT ON FUNCTION boxoffice.record_payout(text, text, date, text, numeric, text[], text) IS 'Records a payout of a platform for one or several events. The same reference again replaces what was recorded.';

CREATE FUNCTION boxoffice.payout_reconciliation(platform text DEFAULT NULL, OUT paying_platform text, OUT event_ids text[], OUT currency text, OUT net numeric, OUT paid numeric,
        OUT difference numeric, OUT last_paid_on date, OUT expected_by date, OUT state text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 50
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    PERFORM boxoffice._require_platform(payout_reconciliation.platform);
    RETURN QUERY
        WITH RECURSIVE nets AS MATERIALIZED (
            SELECT d.platform::text AS platform, d.event_id, NULLIF(d.currency, '') AS currency, sum(d.net) AS net
            FROM boxoffice._sale_days d WHERE d.event_id IS NOT NULL AND (payout_reconciliation.platform IS NULL OR d.platform = payout_reconciliation.platform)
            GROUP BY 1, 2, 3
        ), paid AS MATERIALIZED (
            SELECT p.platform::text AS platform, p.currency::text AS currency, u.id AS event_id, p.event_ids, p.amount, p.paid_on, p.reference
            FROM boxoffice.payouts p CROSS JOIN unnest(p.event_ids) u (id) WHERE payout_reconciliation.platform IS NULL OR p.platform = payout_reconciliation.platform
        ), together (platform, currency, event_id, other) AS (
            -- Events that share a payout can only be compared together.
            SELECT n.platform, n.currency, n.event_id, n.event_id FROM nets n
            UNION SELECT p.platform, p.currency, p.event_id, p.event_id FROM paid p
            UNION SELECT t.platform, t.currency, t.event_id, o.event_id FROM together t
                JOIN paid p ON p.platform = t.platform AND p.currency = t.currency AND p.event_id = t.other
                JOIN paid o ON o.platform = p.platform AND o.reference = p.reference
        ), sets AS (
            SELECT DISTINCT t.platform, t.currency, array_agg(t.other ORDER BY t.other) AS events FROM together t GROUP BY t.platform, t.currency, t.event_id
        ), compared AS (
            SELECT s.*, COALESCE((SELECT sum(n.net) FROM nets n WHERE n.platform = s.platform AND n.currency IS NOT DISTINCT FROM s.currency AND n.event_id = ANY (s.events)), 0) AS net,
                   COALESCE((SELECT sum(p.amount) FROM boxoffice.payouts p WHERE p.platform = s.platform AND p.currency = s.currency AND p.event_ids && s.events), 0) AS paid,
                   (SELECT max(p.paid_on) FROM boxoffice.payouts p WHERE p.platform = s.platform AND p.currency = s.currency AND p.event_ids && s.events) AS last_paid_on,
                   (SELECT max(COALESCE(m.ends_at, m.starts_at + interval '6 hours')) FROM boxoffice._show_members m WHERE m.event_id = ANY (s.events) AND m.active) AS ends_at
            FROM sets s
        )
        SELECT c.platform, c.events, c.currency, c.net, c.paid, c.paid - c.net, c.last_paid_on,
               -- Some say when only with their receipt.
               (c.ends_at AT TIME ZONE boxoffice._organisation_zone())::date + f.payout_days,
               CASE WHEN c.paid = c.net THEN 'settled' WHEN c.paid > c.net THEN 'over'
                    WHEN c.paid > 0 THEN 'short'
                    WHEN c.ends_at + f.payout_days * interval '1 day' < now() THEN 'overdue' ELSE 'open' END
        FROM compared c LEFT JOIN boxoffice._platforms() f ON f.name = c.platform WHERE c.net <> 0 OR c.paid <> 0 ORDER BY c.ends_at NULLS LAST, c.platform, c.currency;
END
$$;
COMMENT ON FUNCTION boxoffice.payout_reconciliation(text) IS 'What the platforms should have paid out for each event, and what they have. Events that share a payout are one row, because nobody says how it is divided. State: open, overdue (platforms.payout_days after the end), short, settled or over.';

-- The two questions of the desk.

CREATE FUNCTION boxoffice.tonight(OUT event_id text, OUT starts_at timestamptz, OUT title text, OUT venue text, OUT local_start text, OUT state text, OUT sold bigint, OUT capacity integer,
        OUT used_percent numeric, OUT inside bigint, OUT last_24_hours bigint, OUT pace_percent numeric, OUT forecast integer, OUT forecast_low integer, OUT forecast_high integer, OUT sell_out text,
        OUT refunded_orders bigint, OUT unlinked_sales bigint, OUT last_sync_at timestamptz, OUT last_delivery_at timestamptz) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 2
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH coming AS MATERIALIZED (
            SELECT m.event_id, m.starts_at, max(m.ends_at) AS ends_at, boxoffice._event_zone(m.event_id) AS zone FROM boxoffice._show_members m
            WHERE m.active AND m.starts_at > now() - interval '24 hours'
              AND COALESCE(m.ends_at, m.starts_at + interval '6 hours') >= now() GROUP BY 1, 2
        ), today AS MATERIALIZED (
            SELECT c.*, (c.starts_at AT TIME ZONE c.zone)::date <= (now() AT TIME ZONE c.zone)::date AS is_today FROM coming c
        ), wanted AS MATERIALIZED (
            -- Where there is none today, the next one.
            SELECT t.* FROM today t WHERE t.is_today
            UNION ALL (SELECT t.* FROM today t WHERE NOT EXISTS (SELECT FROM today u WHERE u.is_today) ORDER BY t.starts_at, t.event_id LIMIT 1)
        ), unlinked AS MATERIALIZED (
            SELECT count(*) AS n FROM boxoffice.ticket_sales s WHERE s.event_id IS NULL AND s.payment_status IS DISTINCT FROM 'unpaid'
        )
        SELECT w.event_id, w.starts_at, e.title, e.venue, to_char(w.starts_at AT TIME ZONE w.zone, 'Dy DD Mon HH24:MI'),
               CASE WHEN w.starts_at <= now() THEN 'on now' WHEN w.is_today THEN 'tonight' ELSE 'next' END,
               f.tickets, f.capacity, round(100.0 * f.tickets / NULLIF(f.capacity, 0), 1), NULL::bigint, v.tickets_24h, f.pace_percent, f.forecast, f.low, f.high, f.sell_out,
               (SELECT COALESCE(sum(d.refunded_orders), 0)::bigint FROM boxoffice._days(w.event_id, w.starts_at) d), u.n,
               (SELECT min(p.last_sync_at) FROM boxoffice.ticket_platforms p WHERE p.event_id = w.event_id),
               (SELECT max(p.last_delivery_at) FROM boxoffice.ticket_platforms p WHERE p.event_id = w.event_id)
        FROM wanted w JOIN boxoffice.ticket_events e ON e.event_id = w.event_id
        CROSS JOIN LATERAL boxoffice.sales_forecast(w.event_id, w.starts_at) f
        CROSS JOIN LATERAL boxoffice.sales_velocity(w.event_id, w.starts_at) v
        CROSS JOIN unlinked u ORDER BY w.starts_at, w.event_id;
END
$$;
COMMENT ON FUNCTION boxoffice.tonight() IS 'How today''s shows are doing, each in its own zone; where there is none today, the next one. inside is NULL: nothing here counts who is in. unlinked_sales are those of the whole organisation, as far as the caller may read them; last_sync_at is that of the stalest platform.';

CREATE FUNCTION boxoffice.needs_attention(OUT what text, OUT since timestamptz, OUT how_much text, OUT what_to_do text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 5
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT format('Account %s of %s is refused', a.name, a.platform), a.stopped_at, a.stopped_reason, format('Put a valid key in place, then SELECT boxoffice.resume_account(%L, %L)', a.platform, a.name)
        FROM boxoffice.platform_accounts a WHERE a.status = 'stopped' ORDER BY 1;
    RETURN QUERY SELECT format('Events of %s are %s', initcap(t.platform::text), CASE t.state WHEN 'never' THEN 'not read completely yet' WHEN 'late' THEN 'not fresh' ELSE 'not synchronised: it fails' END),
            min(t.last_sync_at), concat_ws(': ', count(*) || CASE count(*) WHEN 1 THEN ' event' ELSE ' events' END, min(t.last_sync_error)), 'SELECT * FROM boxoffice.sync_status tells which, and why'
        FROM boxoffice.sync_status t WHERE t.event_id IS NOT NULL AND t.state IN ('late', 'failed', 'never') GROUP BY t.platform, t.state ORDER BY 1;
    RETURN QUERY SELECT format('Sales of "%s" (%s) belong to no event of yours', COALESCE(p.external_title, s.external_event_id, 'event unknown'), s.platform), min(s.created_at),
            concat_ws(', ', count(*) || CASE count(*) WHEN 1 THEN ' order' ELSE ' orders' END, COALESCE(sum(s.total_amount)::text || ' ' || s.currency, NULL)),
            format('SELECT boxoffice.link_event(%L, %L) makes an event of it; link_suggestions shows which it may be', s.platform, s.external_event_id)
        FROM boxoffice.ticket_sales s LEFT JOIN boxoffice.ticket_platforms p ON p.platform = s.platform AND p.external_event_id = s.external_event_id
        WHERE s.event_id IS NULL GROUP BY s.platform, s.external_event_id, p.external_title, s.currency ORDER BY 1;
    RETURN QUERY SELECT format('Deliveries of %s could not be applied', w.platform), min(w.created_at), count(*) || CASE count(*) WHEN 1 THEN ' delivery' ELSE ' deliveries' END,
            'SELECT * FROM boxoffice.retry_failed_webhooks(include_dead => true); error_message in webhook_activity says why'
        FROM boxoffice.webhook_activity w WHERE w.status = 'dead' GROUP BY w.platform ORDER BY 1;
    RETURN QUERY SELECT concat_ws(', ', format('Refunds are asked for: %s', COALESCE(e.title, s.event_id)), to_char(e.starts_at AT TIME ZONE boxoffice._event_zone(s.event_id), 'DD Mon')), min(s.updated_at), concat_ws(', ', count(*) || CASE count(*) WHEN 1 THEN ' order' ELSE ' orders' END, sum(s.total_amount)::text || ' ' || s.currency),
            'Decide them at the platform'
        FROM boxoffice.ticket_sales s JOIN boxoffice.ticket_events e ON e.event_id = s.event_id WHERE s.refund_status = 'requested' AND (e.starts_at IS NULL OR e.starts_at > now() - interval '30 days')
        GROUP BY s.event_id, e.title, e.starts_at, s.currency ORDER BY e.starts_at, 1;
    RETURN QUERY SELECT format('Reconciliation found differences: event %s of %s', d.external_event_id, d.platform), d.last_at, d.how_much, 'SELECT * FROM boxoffice.reconciliation_reports shows them; those healed need nothing'
        FROM (SELECT r.external_event_id, r.platform, max(r.started_at) AS last_at, sum(r.orders_different) || ' orders' AS how_much FROM boxoffice.reconciliation_reports r
              WHERE r.started_at > now() - interval '7 days' AND r.orders_different > 0 AND r.dry_run GROUP BY 1, 2) d ORDER BY 1;
    RETURN QUERY SELECT format('Figures differ from the rows: %s', p.event_id), min(c.checked_at), max(c.differences) || ' figures', format('SELECT boxoffice.rebuild_analytics(%L)', p.event_id)
        FROM boxoffice.sheet_coverage c JOIN boxoffice.ticket_platforms p ON p.platform = c.platform AND p.external_event_id = c.external_event_id
        WHERE c.differences > 0 AND p.event_id IS NOT NULL GROUP BY p.event_id ORDER BY 1;
    -- Only whoever may read it: it tells of the server as well.
    IF has_table_privilege('boxoffice.webhook_health', 'SELECT') THEN
        RETURN QUERY SELECT format('%s is silent', initcap(h.platform)), h.last_seen_at, COALESCE(format('about %s deliveries would have been usual', h.usual_in_silence), format('%s new orders came by synchronisation only', h.found_in_silence)),
                format('Check the registration of the webhook at %s', initcap(h.platform))
            FROM boxoffice.webhook_health h WHERE h.silence IN ('unusual', 'never') ORDER BY 1;
        RETURN QUERY SELECT format('Fetches of %s were given up', h.platform), NULL::timestamptz, h.fetches_dead || ' in 24 hours', 'SELECT boxoffice.retry_dead_fetches()'
            FROM boxoffice.webhook_health h WHERE h.fetches_dead > 0 ORDER BY 1;
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.needs_attention() IS 'What somebody should look at, one line each: what, since when, how much, and what to do about it. Empty when nothing does. Everybody sees what they may read: silence and fetches that were given up only whoever may read webhook_health.';

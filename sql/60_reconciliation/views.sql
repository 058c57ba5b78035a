-- Reports of comparisons.

CREATE VIEW boxoffice.reconciliation_reports WITH (security_invoker = true) AS
SELECT h.id AS run_id, h.platform, h.external_event_id, p.event_id, COALESCE(e.title, p.external_title) AS event_title, h.dry_run, h.reason,
       h.status, h.started_at, h.finished_at, h.items AS items_compared, d.orders_different, d.missing_here, d.missing_there,
       d.amount_differences, d.status_differences, d.detail_differences, d.attendee_differences, d.check_in_differences, d.healed,
       COALESCE(m.money_difference, '{}') AS money_difference, h.problems, h.error
FROM boxoffice.sync_history h
LEFT JOIN boxoffice.ticket_platforms p ON p.platform = h.platform AND p.external_event_id = h.external_event_id
LEFT JOIN boxoffice.ticket_events e ON e.event_id = p.event_id
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(DISTINCT x.platform_order_id) AS orders_different,
           pg_catalog.count(*) FILTER (WHERE x.difference = 'missing_here') AS missing_here,
           pg_catalog.count(*) FILTER (WHERE x.difference = 'missing_there') AS missing_there,
           pg_catalog.count(*) FILTER (WHERE x.difference = 'amount') AS amount_differences,
           pg_catalog.count(*) FILTER (WHERE x.difference = 'status') AS status_differences,
           pg_catalog.count(*) FILTER (WHERE x.difference = 'details') AS detail_differences,
           pg_catalog.count(*) FILTER (WHERE x.difference LIKE 'attendee%') AS attendee_differences,
           pg_catalog.count(*) FILTER (WHERE x.difference = 'check_in') AS check_in_differences,
           pg_catalog.count(*) FILTER (WHERE x.healed) AS healed
    FROM boxoffice.reconciliation_differences x WHERE x.run_id = h.id
) d
LEFT JOIN LATERAL (
    SELECT pg_catalog.jsonb_object_agg(c.currency, c.amount) AS money_difference
    FROM (SELECT x.currency, pg_catalog.sum(x.money_difference) AS amount FROM boxoffice.reconciliation_differences x
          WHERE x.run_id = h.id AND x.currency IS NOT NULL AND x.money_difference <> 0 GROUP BY x.currency) c
) m ON true
WHERE h.mode = 'reconcile';
COMMENT ON VIEW boxoffice.reconciliation_reports IS 'One row for each comparison of a platform''s complete listing with what was here. The single differences: reconciliation_differences.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.run_id IS 'Number of the run.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.event_title IS 'Title.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.dry_run IS 'Compared only.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.reason IS 'manual or daily.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.status IS 'The report is complete when done.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.started_at IS 'Start.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.finished_at IS 'End.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.items_compared IS 'Orders and tickets in the listing.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.orders_different IS 'Orders with any difference.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.missing_here IS 'Orders that were not here.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.missing_there IS 'Orders here that the listing did not show; marked with unlisted_at and asked for by themselves, never deleted.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.amount_differences IS 'Orders whose money differed.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.status_differences IS 'Orders whose refund status or quantities differed.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.detail_differences IS 'Orders that differed in something else.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.attendee_differences IS 'Attendees missing here or there, or with another status or details.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.check_in_differences IS 'Attendees with another check-in.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.healed IS 'Differences that were put right.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.money_difference IS 'Money held (charged less refunded), theirs less ours, by currency.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.problems IS 'Items that could not be used, and oddities.';
COMMENT ON COLUMN boxoffice.reconciliation_reports.error IS 'Why it failed.';

CREATE VIEW boxoffice.sync_drift WITH (security_invoker = true) AS
SELECT r.platform, r.external_event_id, r.event_id, r.event_title,
       pg_catalog.count(*) AS reports, pg_catalog.max(r.finished_at) AS last_report_at,
       (pg_catalog.array_agg(r.orders_different ORDER BY r.started_at DESC))[1] AS last_orders_different,
       (pg_catalog.array_agg(r.money_difference ORDER BY r.started_at DESC))[1] AS last_money_difference,
       pg_catalog.sum(r.orders_different)::bigint AS orders_different, pg_catalog.sum(r.healed)::bigint AS healed,
       pg_catalog.max(r.finished_at) FILTER (WHERE r.orders_different > 0) AS last_drift_at
FROM boxoffice.reconciliation_reports r
WHERE r.status = 'done' AND r.started_at > pg_catalog.clock_timestamp() - interval '30 days'
GROUP BY r.platform, r.external_event_id, r.event_id, r.event_title;
COMMENT ON VIEW boxoffice.sync_drift IS 'How far what is here had drifted from the platforms, by event, over 30 days of reports.';
COMMENT ON COLUMN boxoffice.sync_drift.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.sync_drift.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.sync_drift.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.sync_drift.event_title IS 'Title.';
COMMENT ON COLUMN boxoffice.sync_drift.reports IS 'Reports in 30 days.';
COMMENT ON COLUMN boxoffice.sync_drift.last_report_at IS 'The newest.';
COMMENT ON COLUMN boxoffice.sync_drift.last_orders_different IS 'Orders that differed in the newest.';
COMMENT ON COLUMN boxoffice.sync_drift.last_money_difference IS 'Its difference in money held, by currency.';
COMMENT ON COLUMN boxoffice.sync_drift.orders_different IS 'Orders that differed, over all reports.';
COMMENT ON COLUMN boxoffice.sync_drift.healed IS 'Differences put right, over all reports.';
COMMENT ON COLUMN boxoffice.sync_drift.last_drift_at IS 'When something last differed.';

-- What is due, what runs, how fresh each event is.

CREATE VIEW boxoffice.sync_plan WITH (security_invoker = true) AS
SELECT p.platform, p.external_event_id, p.event_id, i.account, t.starts_at, t.ends_at, i.sync_interval,
       p.last_sync_at, p.last_full_sync_at,
       CASE WHEN p.event_id IS NULL THEN NULL
            WHEN c.full_at IS NULL THEN c.full_tried_at + w.full_pause
            WHEN i.sync_interval IS NULL THEN NULL
            ELSE GREATEST(c.sync_at, c.tried_at) + w.pause END AS due_at,
       CASE WHEN p.event_id IS NULL OR r.running THEN NULL
            -- Whatever its age: what was linked is read once.
            WHEN c.full_at IS NULL THEN CASE WHEN w.full_tried THEN NULL ELSE 'full' END
            WHEN i.sync_interval IS NULL THEN NULL
            WHEN c.full_at < pg_catalog.clock_timestamp() - i.full_interval AND NOT w.full_tried THEN 'reconcile'
            WHEN COALESCE(GREATEST(c.sync_at, c.tried_at) <= pg_catalog.clock_timestamp() - w.pause, true) THEN 'changes'
       END AS due_mode
FROM boxoffice.ticket_platforms p
LEFT JOIN boxoffice.ticket_events e ON e.event_id = p.event_id
CROSS JOIN LATERAL (
    SELECT COALESCE(p.external_starts_at, e.starts_at) AS starts_at,
           COALESCE(p.external_ends_at, e.ends_at, p.external_starts_at + interval '6 hours', e.starts_at + interval '6 hours') AS ends_at
) t
CROSS JOIN LATERAL (
    -- A time that has not come yet was written by a clock that was ahead, and counts as never.
    SELECT CASE WHEN p.last_sync_at <= pg_catalog.clock_timestamp() THEN p.last_sync_at END AS sync_at,
           CASE WHEN p.last_full_sync_at <= pg_catalog.clock_timestamp() THEN p.last_full_sync_at END AS full_at,
           CASE WHEN p.last_attempt_at <= pg_catalog.clock_timestamp() THEN p.last_attempt_at END AS tried_at,
           CASE WHEN p.last_full_attempt_at <= pg_catalog.clock_timestamp() THEN p.last_full_attempt_at END AS full_tried_at
) c
CROSS JOIN LATERAL (
    SELECT COALESCE(p.account,
               (SELECT a.name FROM boxoffice.platform_accounts a WHERE a.platform = p.platform
                   ORDER BY a.announced_at IS NULL, a.name <> 'default', a.name LIMIT 1),
               'default') AS account,
           CASE WHEN t.ends_at < pg_catalog.clock_timestamp() - interval '30 days' THEN NULL
                WHEN p.platform_config ? 'sync_minutes'
                    THEN pg_catalog.make_interval(mins => (p.platform_config ->> 'sync_minutes')::integer)
                WHEN t.ends_at < pg_catalog.clock_timestamp() THEN interval '1 hour'
                WHEN t.starts_at - interval '2 days' <= pg_catalog.clock_timestamp() THEN interval '5 minutes'
                WHEN t.ends_at IS NOT NULL AND p.on_sale IS NOT FALSE
                    THEN interval '5 minutes'
                ELSE interval '1 hour' END AS sync_interval,
           pg_catalog.make_interval(hours => COALESCE((p.platform_config ->> 'full_hours')::integer, 24)) AS full_interval
) i
CROSS JOIN LATERAL (
    -- What fails again and again for a reason of its own is asked for more and more seldom, down to once an hour. A complete
    -- reading that fails must not keep the changes from being read.
    SELECT GREATEST(i.sync_interval, LEAST(i.sync_interval * pg_catalog.power(2, LEAST(p.sync_failures, 10)), interval '1 hour')) AS pause,
           LEAST(interval '15 minutes' * pg_catalog.power(2, LEAST(GREATEST(p.sync_failures, 1), 10) - 1), interval '1 hour') AS full_pause
) u
CROSS JOIN LATERAL (
    SELECT u.pause, u.full_pause, COALESCE(c.full_tried_at > pg_catalog.clock_timestamp() - u.full_pause, false) AS full_tried
) w
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM boxoffice.sync_history h
                   WHERE h.platform = p.platform AND h.external_event_id = p.external_event_id AND h.status IN ('running', 'finishing')) AS running
) r;
COMMENT ON VIEW boxoffice.sync_plan IS 'When each platform''s event is synchronised next, and how: the one place of that rule.';
COMMENT ON COLUMN boxoffice.sync_plan.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.sync_plan.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.sync_plan.event_id IS 'Our event; events that are not linked are not synchronised.';
COMMENT ON COLUMN boxoffice.sync_plan.account IS 'The credential that is used.';
COMMENT ON COLUMN boxoffice.sync_plan.starts_at IS 'Start of the event.';
COMMENT ON COLUMN boxoffice.sync_plan.ends_at IS 'End of the event.';
COMMENT ON COLUMN boxoffice.sync_plan.sync_interval IS 'How often changes are asked for: 5 minutes while on sale or from 2 days before the start, else hourly; not at all from 30 days after the end, once it was read.';
COMMENT ON COLUMN boxoffice.sync_plan.last_sync_at IS 'Start of the last successful synchronisation.';
COMMENT ON COLUMN boxoffice.sync_plan.last_full_sync_at IS 'Start of the last successful complete reading; due again after a day.';
COMMENT ON COLUMN boxoffice.sync_plan.due_at IS 'When it is read next: the changes, or everything when that was never read. NULL: now, or never.';
COMMENT ON COLUMN boxoffice.sync_plan.due_mode IS 'What is due now: full, reconcile or changes; NULL: nothing.';

CREATE VIEW boxoffice.sync_runs WITH (security_invoker = true) AS
SELECT h.id, h.platform, h.account, h.external_event_id, COALESCE(e.title, p.external_title) AS event_title, h.mode, h.reason, h.dry_run,
       h.status, h.since, h.started_at, h.finished_at, h.pages, h.items, h.expected_items,
       CASE WHEN h.status = 'done' THEN 100
            WHEN h.expected_items > 0 THEN LEAST(100, pg_catalog.round(100.0 * h.items / h.expected_items)) END::integer AS percent,
       h.rows_changed, pg_catalog.round(h.items / s.seconds, 1) AS items_per_second,
       CASE WHEN h.status = 'running' AND h.items > 0 AND h.expected_items > h.items
            THEN pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => LEAST((h.expected_items - h.items) / (h.items / s.seconds), 1e8)::double precision)
       END AS estimated_end,
       h.problems, h.missing, h.error, h.failure
FROM boxoffice.sync_history h
LEFT JOIN boxoffice.ticket_platforms p ON p.platform = h.platform AND p.external_event_id = h.external_event_id
LEFT JOIN boxoffice.ticket_events e ON e.event_id = p.event_id
CROSS JOIN LATERAL (
    SELECT GREATEST(EXTRACT(epoch FROM COALESCE(h.finished_at, pg_catalog.clock_timestamp()) - h.started_at)::numeric, 0.001) AS seconds
) s;
COMMENT ON VIEW boxoffice.sync_runs IS 'Synchronisations, running ones with their progress. A run is one event of a platform, an account''s listing of events (discovery), or a list in place of many hints (burst).';
COMMENT ON COLUMN boxoffice.sync_runs.id IS 'Number of the run.';
COMMENT ON COLUMN boxoffice.sync_runs.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.sync_runs.account IS 'The credential.';
COMMENT ON COLUMN boxoffice.sync_runs.external_event_id IS 'The platform''s event; NULL when it is about the account.';
COMMENT ON COLUMN boxoffice.sync_runs.event_title IS 'Title of the event.';
COMMENT ON COLUMN boxoffice.sync_runs.mode IS 'full, changes, reconcile, discovery or burst.';
COMMENT ON COLUMN boxoffice.sync_runs.reason IS 'manual, first, schedule, daily or burst.';
COMMENT ON COLUMN boxoffice.sync_runs.dry_run IS 'Compared only.';
COMMENT ON COLUMN boxoffice.sync_runs.status IS 'running, finishing, done or failed.';
COMMENT ON COLUMN boxoffice.sync_runs.since IS 'Only what has changed since then was asked for.';
COMMENT ON COLUMN boxoffice.sync_runs.started_at IS 'Start.';
COMMENT ON COLUMN boxoffice.sync_runs.finished_at IS 'End.';
COMMENT ON COLUMN boxoffice.sync_runs.pages IS 'Pages read.';
COMMENT ON COLUMN boxoffice.sync_runs.items IS 'Items read: orders, tickets, events.';
COMMENT ON COLUMN boxoffice.sync_runs.expected_items IS 'Items announced; may move while reading.';
COMMENT ON COLUMN boxoffice.sync_runs.percent IS 'How much is read.';
COMMENT ON COLUMN boxoffice.sync_runs.rows_changed IS 'Rows written.';
COMMENT ON COLUMN boxoffice.sync_runs.items_per_second IS 'Rate since the start.';
COMMENT ON COLUMN boxoffice.sync_runs.estimated_end IS 'When it ends at this rate.';
COMMENT ON COLUMN boxoffice.sync_runs.problems IS 'Items that could not be used, and oddities.';
COMMENT ON COLUMN boxoffice.sync_runs.missing IS 'Orders here that the complete listing did not show.';
COMMENT ON COLUMN boxoffice.sync_runs.error IS 'Why it failed.';
COMMENT ON COLUMN boxoffice.sync_runs.failure IS 'The same in a word; see sync_history.';

CREATE VIEW boxoffice.sync_status WITH (security_invoker = true) AS
SELECT d.platform, d.external_event_id, d.event_id, COALESCE(e.title, p.external_title) AS event_title, d.account,
       -- By the last success: a run that goes on and gets nowhere is no reason to be calm.
       CASE WHEN d.event_id IS NULL THEN CASE WHEN r.id IS NULL THEN 'not linked' ELSE 'running' END
            WHEN a.status = 'stopped' THEN 'account stopped'
            WHEN p.last_sync_error IS NOT NULL THEN 'failed'
            WHEN d.last_sync_at IS NULL OR d.last_full_sync_at IS NULL THEN CASE WHEN r.moves THEN 'running' ELSE 'never' END
            WHEN d.last_sync_at > pg_catalog.clock_timestamp() THEN 'late'
            WHEN d.sync_interval IS NULL THEN CASE WHEN r.moves THEN 'running' ELSE 'over' END
            WHEN d.last_sync_at < pg_catalog.clock_timestamp() - d.sync_interval * 3 THEN 'late'
            WHEN r.moves THEN 'running'
            ELSE 'fresh' END AS state,
       d.last_sync_at,
       CASE WHEN d.last_sync_at <= pg_catalog.clock_timestamp() THEN pg_catalog.clock_timestamp() - d.last_sync_at END AS age,
       d.last_full_sync_at, d.sync_interval, d.due_at AS next_sync_at,
       r.id AS run_id, r.mode, r.percent, r.items, r.rows_changed, r.estimated_end, p.last_sync_error,
       -- Not clock_timestamp(): whoever does not ask for this column is not to pay for it.
       GREATEST(CASE WHEN p.last_delivery_at <= pg_catalog.statement_timestamp() THEN p.last_delivery_at END, n.at) AS last_delivery_at
FROM boxoffice.sync_plan d
JOIN boxoffice.ticket_platforms p ON p.platform = d.platform AND p.external_event_id = d.external_event_id
LEFT JOIN boxoffice.ticket_events e ON e.event_id = d.event_id
LEFT JOIN boxoffice.platform_accounts a ON a.platform = d.platform AND a.name = d.account
LEFT JOIN LATERAL (
    SELECT s.id, s.mode, s.percent, s.items, s.rows_changed, s.estimated_end,
           COALESCE(h.progress_at, h.started_at) BETWEEN pg_catalog.clock_timestamp() - interval '10 minutes'
               AND pg_catalog.clock_timestamp() AS moves
    FROM boxoffice.sync_history h JOIN boxoffice.sync_runs s ON s.id = h.id
    WHERE h.platform = d.platform AND h.external_event_id = d.external_event_id AND h.status IN ('running', 'finishing')
    ORDER BY h.started_at DESC LIMIT 1
) r ON true
-- What note_deliveries() has not read yet: the last minute, where a worker runs.
LEFT JOIN (
    SELECT w.platform, COALESCE(w.external_event_id, s.external_event_id) AS external_event_id, pg_catalog.max(w.created_at) AS at
    FROM boxoffice.webhook_logs w
    LEFT JOIN boxoffice.ticket_sales s ON s.platform = w.platform AND s.platform_order_id = w.platform_order_id
    WHERE w.created_at >= COALESCE((SELECT o.until FROM boxoffice.deliveries_noted o WHERE o.until <= pg_catalog.statement_timestamp()),
                                   pg_catalog.statement_timestamp() - interval '30 days')
      AND w.created_at <= pg_catalog.statement_timestamp() AND w.source <> 'api'
    GROUP BY 1, 2
) n ON n.platform = d.platform AND n.external_event_id = d.external_event_id;
COMMENT ON VIEW boxoffice.sync_status IS 'How fresh each platform''s event is, what is running, and what is next.';
COMMENT ON COLUMN boxoffice.sync_status.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.sync_status.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.sync_status.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.sync_status.event_title IS 'Title.';
COMMENT ON COLUMN boxoffice.sync_status.account IS 'The credential that is used.';
COMMENT ON COLUMN boxoffice.sync_status.state IS 'By the last success: fresh, late (three intervals without one), failed, never (not read completely yet), over (ended 30 days ago), not linked, or account stopped. running: one is going on, and nothing is late.';
COMMENT ON COLUMN boxoffice.sync_status.last_sync_at IS 'Start of the last successful synchronisation.';
COMMENT ON COLUMN boxoffice.sync_status.age IS 'How long ago that was; NULL when it has not come yet, because the clock was ahead.';
COMMENT ON COLUMN boxoffice.sync_status.last_full_sync_at IS 'Start of the last successful complete reading.';
COMMENT ON COLUMN boxoffice.sync_status.sync_interval IS 'How often changes are asked for; NULL: not any more.';
COMMENT ON COLUMN boxoffice.sync_status.next_sync_at IS 'When it is read next.';
COMMENT ON COLUMN boxoffice.sync_status.run_id IS 'The run that is going on.';
COMMENT ON COLUMN boxoffice.sync_status.mode IS 'Its mode.';
COMMENT ON COLUMN boxoffice.sync_status.percent IS 'How much of it is read.';
COMMENT ON COLUMN boxoffice.sync_status.items IS 'Items it has read.';
COMMENT ON COLUMN boxoffice.sync_status.rows_changed IS 'Rows it has written.';
COMMENT ON COLUMN boxoffice.sync_status.estimated_end IS 'When it ends at its rate.';
COMMENT ON COLUMN boxoffice.sync_status.last_sync_error IS 'Why the last synchronisation failed; NULL after a success.';
COMMENT ON COLUMN boxoffice.sync_status.last_delivery_at IS 'When the newest webhook about the event or one of its orders arrived. Where webhooks only point to an order, it counts for its event once the order was fetched.';

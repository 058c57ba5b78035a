-- What the operator looks at: synchronisation, deliveries, reconciliation.

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
                WHEN t.ends_at IS NOT NULL AND COALESCE(pg_catalog.lower(p.external_status) IN ('live', 'started', 'published'), true)
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
COMMENT ON COLUMN boxoffice.sync_plan.platform IS 'humanitix or eventbrite.';
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
       h.problems, h.missing, h.error
FROM boxoffice.sync_history h
LEFT JOIN boxoffice.ticket_platforms p ON p.platform = h.platform AND p.external_event_id = h.external_event_id
LEFT JOIN boxoffice.ticket_events e ON e.event_id = p.event_id
CROSS JOIN LATERAL (
    SELECT GREATEST(EXTRACT(epoch FROM COALESCE(h.finished_at, pg_catalog.clock_timestamp()) - h.started_at)::numeric, 0.001) AS seconds
) s;
COMMENT ON VIEW boxoffice.sync_runs IS 'Synchronisations, running ones with their progress. A run is one event of a platform, an account''s listing of events (discovery), or a list in place of many hints (burst).';
COMMENT ON COLUMN boxoffice.sync_runs.id IS 'Number of the run.';
COMMENT ON COLUMN boxoffice.sync_runs.platform IS 'humanitix or eventbrite.';
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
COMMENT ON COLUMN boxoffice.sync_status.platform IS 'humanitix or eventbrite.';
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
COMMENT ON COLUMN boxoffice.sync_status.last_delivery_at IS 'When the newest webhook about the event or one of its orders arrived. Of an order of Eventbrite that is known once it was fetched.';

CREATE VIEW boxoffice.webhook_health WITH (security_invoker = true) AS
SELECT n.platform::text AS platform,
       l.received, l.processed, l.ignored, l.queued, l.invalid, l.failed, l.dead,
       COALESCE(r.rejected, 0) AS rejected, r.last_rejected_at,
       s.last_seen_at, pg_catalog.clock_timestamp() - s.last_seen_at AS silent_for, v.usual_in_silence, g.found_in_silence,
       CASE WHEN s.last_seen_at IS NULL THEN CASE WHEN v.is_missed AND n.platform = 'eventbrite' THEN 'never' ELSE 'unknown' END
            WHEN v.is_missed THEN 'unusual'
            WHEN v.silence_by IS NULL THEN 'unknown'
            -- Five expected and none seen: less than one in a hundred by chance. Days differ more than weeks, and hours most.
            WHEN v.usual_in_silence >= CASE v.silence_by WHEN 'hours' THEN 20 ELSE 5 END THEN 'unusual' ELSE 'usual' END AS silence,
       v.silence_by,
       j.fetches_waiting, j.oldest_fetch_at, j.fetches_dead, j.hints_dropped,
       a.accounts_stopped, a.accounts_troubled, a.accounts_unheld, a.accounts_unlisted,
       y.events_late, y.oldest_sync_at
FROM (VALUES ('eventbrite'), ('humanitix')) n (platform)
CROSS JOIN LATERAL (
    -- statement_timestamp() and not clock_timestamp(): only what stands still can be looked up in an index.
    SELECT pg_catalog.count(*) AS received,
           pg_catalog.count(*) FILTER (WHERE w.status IN ('processed', 'duplicate')) AS processed,
           pg_catalog.count(*) FILTER (WHERE w.status = 'ignored') AS ignored,
           pg_catalog.count(*) FILTER (WHERE w.status = 'queued') AS queued,
           pg_catalog.count(*) FILTER (WHERE w.status = 'invalid') AS invalid,
           pg_catalog.count(*) FILTER (WHERE w.status = 'failed') AS failed,
           pg_catalog.count(*) FILTER (WHERE w.status = 'dead') AS dead
    FROM boxoffice.webhook_logs w
    WHERE w.platform = n.platform AND w.source <> 'api'
      AND w.created_at BETWEEN pg_catalog.statement_timestamp() - interval '24 hours' AND pg_catalog.statement_timestamp()
) l
CROSS JOIN LATERAL (
    -- The first and the last row of an index, not all in between.
    SELECT (SELECT w.created_at FROM boxoffice.webhook_logs w
            WHERE w.platform = n.platform AND w.source = 'webhook'
              AND w.created_at BETWEEN pg_catalog.statement_timestamp() - interval '30 days' AND pg_catalog.statement_timestamp()
            ORDER BY w.created_at DESC LIMIT 1) AS last_seen_at,
           (SELECT w.created_at FROM boxoffice.webhook_logs w
            WHERE w.platform = n.platform AND w.source = 'webhook'
              AND w.created_at BETWEEN pg_catalog.statement_timestamp() - interval '60 days' AND pg_catalog.statement_timestamp()
            ORDER BY w.created_at LIMIT 1) AS first_seen_at
) s
CROSS JOIN LATERAL (
    -- What came in the same hours of the four weeks before, or of the six days before, on average of those that are known.
    SELECT pg_catalog.round(pg_catalog.avg(k.seen) FILTER (WHERE k.known AND k.back % 7 = 0), 1) AS by_weeks,
           pg_catalog.round(pg_catalog.avg(k.seen) FILTER (WHERE k.known AND k.back % 7 <> 0), 1) AS by_days
    FROM (SELECT v.back,
                 (SELECT pg_catalog.count(*) FROM boxoffice.webhook_logs w
                  WHERE w.platform = n.platform AND w.source = 'webhook'
                    AND w.created_at > s.last_seen_at - v.back * interval '1 day'
                    AND w.created_at <= pg_catalog.statement_timestamp() - v.back * interval '1 day') AS seen,
                 s.first_seen_at < s.last_seen_at - v.back * interval '1 day' AS known
          FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (14), (21), (28)) v (back)) k
) u
CROSS JOIN LATERAL (
    -- At the rate of the day before the silence began, when it had lasted for an hour.
    SELECT pg_catalog.round((pg_catalog.count(*) - 1) * EXTRACT(epoch FROM pg_catalog.clock_timestamp() - s.last_seen_at)
               / EXTRACT(epoch FROM s.last_seen_at - pg_catalog.min(w.created_at)), 1) AS by_hours
    FROM boxoffice.webhook_logs w
    WHERE w.platform = n.platform AND w.source = 'webhook'
      AND w.created_at BETWEEN s.last_seen_at - interval '1 day' AND s.last_seen_at
    HAVING s.last_seen_at - pg_catalog.min(w.created_at) >= interval '1 hour'
    UNION ALL SELECT NULL ORDER BY 1 NULLS LAST LIMIT 1
) o
CROSS JOIN LATERAL (
    -- Orders that were told of in time are here before a synchronisation looks; a first reading finds what is old.
    SELECT COALESCE(pg_catalog.sum(h.new_orders), 0)::bigint AS found_in_silence
    FROM boxoffice.sync_history h
    WHERE h.platform = n.platform AND h.mode IN ('changes', 'reconcile') AND NOT h.dry_run
      AND h.started_at BETWEEN COALESCE(s.last_seen_at + interval '5 minutes', pg_catalog.clock_timestamp() - interval '30 days')
          AND pg_catalog.clock_timestamp()
) g
CROSS JOIN LATERAL (
    SELECT g.found_in_silence >= 3 AS is_missed,
           CASE WHEN g.found_in_silence >= 3 THEN 'synchronisation' WHEN u.by_weeks IS NOT NULL THEN 'weeks'
                WHEN u.by_days IS NOT NULL THEN 'days' WHEN o.by_hours IS NOT NULL THEN 'hours' END AS silence_by,
           COALESCE(u.by_weeks, u.by_days, o.by_hours) AS usual_in_silence
) v
LEFT JOIN (
    SELECT x.platform, pg_catalog.sum(x.count)::bigint AS rejected, pg_catalog.max(x.last_at) AS last_rejected_at
    FROM boxoffice.webhook_rejections x GROUP BY x.platform
) r ON r.platform = n.platform
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) FILTER (WHERE f.status IN ('waiting', 'leased', 'covered') AND f.purpose = 'hint') AS fetches_waiting,
           pg_catalog.min(f.created_at) FILTER (WHERE f.status IN ('waiting', 'leased', 'covered') AND f.purpose = 'hint') AS oldest_fetch_at,
           pg_catalog.count(*) FILTER (WHERE f.status = 'dead' AND f.purpose <> 'page'
               AND f.finished_at > pg_catalog.clock_timestamp() - interval '24 hours') AS fetches_dead,
           pg_catalog.count(*) FILTER (WHERE f.status = 'dropped'
               AND f.finished_at > pg_catalog.clock_timestamp() - interval '24 hours') AS hints_dropped
    FROM boxoffice.fetch_jobs f WHERE f.platform = n.platform
) j
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) FILTER (WHERE c.status = 'stopped') AS accounts_stopped,
           pg_catalog.count(*) FILTER (WHERE c.failures >= 3) AS accounts_troubled,
           pg_catalog.count(*) FILTER (WHERE c.discovery_error IS NOT NULL) AS accounts_unlisted,
           pg_catalog.count(*) FILTER (WHERE NOT boxoffice.is_held(c.announced_at) AND (
               EXISTS (SELECT FROM boxoffice.fetch_jobs f WHERE f.platform = c.platform AND f.account = c.name AND f.status = 'waiting')
               OR EXISTS (SELECT FROM boxoffice.sync_plan d WHERE d.platform = c.platform AND d.account = c.name AND d.event_id IS NOT NULL
                          AND (d.sync_interval IS NOT NULL OR d.last_full_sync_at IS NULL)))) AS accounts_unheld
    FROM boxoffice.platform_accounts c WHERE c.platform = n.platform
) a
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) FILTER (WHERE t.state IN ('late', 'failed', 'never', 'account stopped')) AS events_late,
           pg_catalog.min(t.last_sync_at) FILTER (WHERE t.sync_interval IS NOT NULL) AS oldest_sync_at
    FROM boxoffice.sync_status t WHERE t.platform = n.platform AND t.event_id IS NOT NULL
) y;
COMMENT ON VIEW boxoffice.webhook_health IS 'One row for each platform: deliveries of the last 24 hours and what became of them, silence compared with what was usual and with what synchronisations found, fetches that wait, accounts, freshness.';
COMMENT ON COLUMN boxoffice.webhook_health.platform IS 'humanitix or eventbrite.';
COMMENT ON COLUMN boxoffice.webhook_health.received IS 'Deliveries kept in the last 24 hours.';
COMMENT ON COLUMN boxoffice.webhook_health.processed IS 'Of them: applied, or nothing new.';
COMMENT ON COLUMN boxoffice.webhook_health.ignored IS 'Of them: of no interest.';
COMMENT ON COLUMN boxoffice.webhook_health.queued IS 'Of them: hints that became fetches.';
COMMENT ON COLUMN boxoffice.webhook_health.invalid IS 'Of them: not to be understood.';
COMMENT ON COLUMN boxoffice.webhook_health.failed IS 'Of them: not applied yet, will be tried again.';
COMMENT ON COLUMN boxoffice.webhook_health.dead IS 'Of them: tried too often; retry_failed_webhooks(include_dead => true) tries again.';
COMMENT ON COLUMN boxoffice.webhook_health.rejected IS 'Deliveries turned away, ever.';
COMMENT ON COLUMN boxoffice.webhook_health.last_rejected_at IS 'The newest of them.';
COMMENT ON COLUMN boxoffice.webhook_health.last_seen_at IS 'The newest delivery that was pushed at us, within 30 days.';
COMMENT ON COLUMN boxoffice.webhook_health.silent_for IS 'How long ago that was.';
COMMENT ON COLUMN boxoffice.webhook_health.usual_in_silence IS 'How many would have been usual in that time: on average of the same hours of up to four weeks before; without such a week, of up to six days before; without such a day, at the rate of the hours before.';
COMMENT ON COLUMN boxoffice.webhook_health.found_in_silence IS 'New orders since then that only synchronisations have found.';
COMMENT ON COLUMN boxoffice.webhook_health.silence IS 'unusual: at least five would have been usual (twenty, by hours only), or synchronisations have found three new orders meanwhile. never: nothing has come in 30 days, though Eventbrite has had new orders. unknown: there is nothing to compare with.';
COMMENT ON COLUMN boxoffice.webhook_health.silence_by IS 'What that was compared with: synchronisation, weeks, days or hours.';
COMMENT ON COLUMN boxoffice.webhook_health.fetches_waiting IS 'Hints that wait to be fetched.';
COMMENT ON COLUMN boxoffice.webhook_health.oldest_fetch_at IS 'When the oldest of them arrived.';
COMMENT ON COLUMN boxoffice.webhook_health.fetches_dead IS 'Fetches that were given up in the last 24 hours; fetch_jobs.last_error says why, retry_dead_fetches() tries them again.';
COMMENT ON COLUMN boxoffice.webhook_health.hints_dropped IS 'Hints of the last 24 hours that were dropped, because too many were of what nobody has heard of: somebody else may know the secret of the webhook URL.';
COMMENT ON COLUMN boxoffice.webhook_health.accounts_stopped IS 'Credentials that the platform refuses.';
COMMENT ON COLUMN boxoffice.webhook_health.accounts_troubled IS 'Credentials whose calls have met with trouble three times in a row or more: the platform is away or out of reach. It goes on by itself.';
COMMENT ON COLUMN boxoffice.webhook_health.accounts_unheld IS 'Credentials that are needed, for linked events or waiting fetches, and that no worker holds.';
COMMENT ON COLUMN boxoffice.webhook_health.accounts_unlisted IS 'Credentials whose events, or some of them, could not be listed the last time; platform_accounts.discovery_error says why.';
COMMENT ON COLUMN boxoffice.webhook_health.events_late IS 'Linked events that are not fresh.';
COMMENT ON COLUMN boxoffice.webhook_health.oldest_sync_at IS 'The stalest of those that are synchronised.';

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
COMMENT ON COLUMN boxoffice.reconciliation_reports.platform IS 'humanitix or eventbrite.';
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
COMMENT ON COLUMN boxoffice.sync_drift.platform IS 'humanitix or eventbrite.';
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

CREATE VIEW boxoffice.link_suggestions WITH (security_invoker = true) AS
SELECT s.platform, s.external_event_id, s.external_title, s.external_starts_at, s.event_id, s.event_title, s.event_starts_at, s.score
FROM boxoffice.suggest_links() s;
COMMENT ON VIEW boxoffice.link_suggestions IS 'Platform events that are not linked, and events of ours that they may be: for a person to accept with link_event(platform, external_event_id, event_id).';
COMMENT ON COLUMN boxoffice.link_suggestions.platform IS 'humanitix or eventbrite.';
COMMENT ON COLUMN boxoffice.link_suggestions.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.link_suggestions.external_title IS 'Its title there.';
COMMENT ON COLUMN boxoffice.link_suggestions.external_starts_at IS 'Its start there.';
COMMENT ON COLUMN boxoffice.link_suggestions.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.link_suggestions.event_title IS 'Its title here.';
COMMENT ON COLUMN boxoffice.link_suggestions.event_starts_at IS 'Its start here.';
COMMENT ON COLUMN boxoffice.link_suggestions.score IS 'Likeness from 0 to 1, by title, start and venue.';

-- One row for each platform.

CREATE VIEW boxoffice.webhook_health WITH (security_invoker = true) AS
SELECT n.platform::text AS platform,
       l.received, l.processed, l.ignored, l.queued, l.invalid, l.failed, l.dead,
       COALESCE(r.rejected, 0) AS rejected, r.last_rejected_at,
       s.last_seen_at, pg_catalog.clock_timestamp() - s.last_seen_at AS silent_for, v.usual_in_silence, g.found_in_silence,
       CASE WHEN s.last_seen_at IS NULL THEN CASE WHEN v.is_missed AND n.sends_deliveries THEN 'never' ELSE 'unknown' END
            WHEN v.is_missed THEN 'unusual'
            WHEN v.silence_by IS NULL THEN 'unknown'
            -- Five expected and none seen: less than one in a hundred by chance. Days differ more than weeks, and hours most.
            WHEN v.usual_in_silence >= CASE v.silence_by WHEN 'hours' THEN 20 ELSE 5 END THEN 'unusual' ELSE 'usual' END AS silence,
       v.silence_by,
       j.fetches_waiting, j.oldest_fetch_at, j.fetches_dead, j.hints_dropped,
       a.accounts_stopped, a.accounts_troubled, a.accounts_unheld, a.accounts_unlisted,
       y.events_late, y.oldest_sync_at
FROM (SELECT p.name AS platform, p.sends_deliveries FROM boxoffice._platforms() p) n
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
                          AND (d.sync_interval IS NOT NULL OR d.last_full_sync_at IS NULL))))
           -- Those that no worker has ever had.
           + (SELECT pg_catalog.count(DISTINCT d.account) FROM boxoffice.sync_plan d
              WHERE d.platform = n.platform AND d.event_id IS NOT NULL AND (d.sync_interval IS NOT NULL OR d.last_full_sync_at IS NULL)
                AND NOT EXISTS (SELECT FROM boxoffice.platform_accounts b WHERE b.platform = d.platform AND b.name = d.account)) AS accounts_unheld
    FROM boxoffice.platform_accounts c WHERE c.platform = n.platform
) a
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) FILTER (WHERE t.state IN ('late', 'failed', 'never', 'account stopped')) AS events_late,
           pg_catalog.min(t.last_sync_at) FILTER (WHERE t.sync_interval IS NOT NULL) AS oldest_sync_at
    FROM boxoffice.sync_status t WHERE t.platform = n.platform AND t.event_id IS NOT NULL
) y;
COMMENT ON VIEW boxoffice.webhook_health IS 'One row for each platform: deliveries of the last 24 hours and what became of them, silence compared with what was usual and with what synchronisations found, fetches that wait, accounts, freshness.';
COMMENT ON COLUMN boxoffice.webhook_health.platform IS 'Name of the platform.';
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
COMMENT ON COLUMN boxoffice.webhook_health.silence IS 'unusual: at least five would have been usual (twenty, by hours only), or synchronisations have found three new orders meanwhile. never: nothing has come in 30 days, though the platform sends webhooks and has had new orders. unknown: there is nothing to compare with.';
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

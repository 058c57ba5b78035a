-- Runs that have stood still, with what may be the reason. What began in the future began with a wrong clock: nobody knows how
-- long it has been standing still.
SELECT h.id, h.pages, a.status, a.stopped_reason, a.failures, a.last_error, boxoffice.is_held(a.announced_at),
       h.platform || '/' || h.account, floor(extract(epoch FROM s.still))::bigint,
       EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.run_id = h.id AND j.status IN ('waiting', 'leased'))
FROM boxoffice.sync_history h
LEFT JOIN boxoffice.platform_accounts a ON a.platform = h.platform AND a.name = h.account
CROSS JOIN LATERAL (
    SELECT COALESCE(clock_timestamp() - COALESCE(boxoffice.past(h.progress_at), boxoffice.past(h.started_at)), interval '1 day') AS still) s
WHERE h.status = 'running' AND s.still > interval '10 minutes' ORDER BY h.id

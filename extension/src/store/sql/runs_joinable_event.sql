-- The run that a request can join. Whoever asks wants what is there now: one that has begun to read is too late for that.
-- $1 platform, $2 event, $3 account, $4 mode, $5 dry run, $6 asked for by hand
SELECT h.id FROM boxoffice.sync_history h
WHERE h.platform = $1 AND h.external_event_id = $2 AND h.account = $3 AND h.status = 'running'
  AND h.mode = $4 AND h.dry_run = $5
  AND (NOT $6 OR NOT EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.run_id = h.id AND j.claimed_at IS NOT NULL))
ORDER BY h.id LIMIT 1

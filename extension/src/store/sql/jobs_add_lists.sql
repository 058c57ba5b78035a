-- Adds the first pages of lists to a run. $1 run, $2 paths, $3 kinds, $4 one list begins when the one before has ended
INSERT INTO boxoffice.fetch_jobs (platform, account, path, kind, external_event_id, purpose, priority, run_id, due_at, created_at)
SELECT h.platform, h.account, l.path, l.kind, h.external_event_id, 'page', h.priority, h.id,
       CASE WHEN $4 AND l.number > 1 THEN 'infinity'::timestamptz ELSE clock_timestamp() END, clock_timestamp()
FROM boxoffice.sync_history h CROSS JOIN unnest($2, $3) WITH ORDINALITY AS l (path, kind, number)
WHERE h.id = $1 ORDER BY l.number

-- Adds a page to a list. $1 the page before, $2 path, $3 restarts, $4 items of the list, $5 its number, $6 most pages,
-- $7 pages that are more urgent than this get $8
INSERT INTO boxoffice.fetch_jobs (platform, account, path, kind, external_event_id, purpose, priority, run_id, restarts,
    list_pages, list_limit, list_total, due_at, created_at)
SELECT platform, account, $2, kind, external_event_id, 'page', CASE WHEN priority < $7 THEN $8 ELSE priority END, run_id, $3,
       $5, $6, $4, clock_timestamp(), clock_timestamp()
FROM boxoffice.fetch_jobs WHERE id = $1
ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL DO NOTHING

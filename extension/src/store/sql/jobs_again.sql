-- Lets a job wait again: as a new row, because a hint may have made another waiting one in the meantime, which then goes on for
-- both. $1 job, $2 path, $3 due, $4 attempts, $5 restarts, $6 error, $7 refusals, $8 put off because the credential was refused
WITH old AS (DELETE FROM boxoffice.fetch_jobs WHERE id = $1 RETURNING *)
INSERT INTO boxoffice.fetch_jobs AS j (platform, account, path, kind, resource_id, external_event_id, purpose, priority, run_id,
    due_at, attempts, restarts, list_total, last_error, created_at, refusals, doubtful, list_pages, list_limit, refused)
SELECT platform, account, $2, kind, resource_id, external_event_id, purpose, priority, run_id,
    $3, $4, $5, list_total, $6, created_at, $7, doubtful, list_pages, list_limit, $8 FROM old
ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL
DO UPDATE SET due_at = LEAST(j.due_at, excluded.due_at), priority = LEAST(j.priority, excluded.priority),
    purpose = CASE WHEN 'hint' IN (j.purpose, excluded.purpose) THEN 'hint' ELSE j.purpose END

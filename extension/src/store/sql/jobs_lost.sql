-- Gives up fetches whose leases have run out too often. $1 how often
UPDATE boxoffice.fetch_jobs j SET status = 'dead', lease_id = NULL, finished_at = clock_timestamp(),
       last_error = 'ten workers have taken it and none has handed over an answer'
WHERE j.id IN (SELECT k.id FROM boxoffice.fetch_jobs k
               WHERE k.status = 'leased' AND k.due_at <= clock_timestamp() AND k.attempts >= $1
               ORDER BY k.id FOR UPDATE SKIP LOCKED)
RETURNING j.run_id, j.last_error

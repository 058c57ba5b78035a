-- Lets hints wait for the lists of a run; as many as one call can deal with in time: the lists show what is real among the
-- others as well. When the oldest of them arrived.
-- $1 platform, $2 account, $3 now, $4 run, $5 orders are listed, $6 attendees are listed, $7 most
WITH covered AS (
    UPDATE boxoffice.fetch_jobs u SET status = 'covered', run_id = $4
    FROM (SELECT j.id FROM boxoffice.fetch_jobs j
          WHERE j.platform = $1 AND j.account = $2 AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
            AND j.due_at <= $3 AND j.list_may_show
            -- The lists of orders show their attendees too.
            AND ((j.kind = 'order' AND $5) OR (j.kind = 'attendee' AND (j.restarts = 0 OR $6)))
          ORDER BY j.id LIMIT $7 FOR UPDATE SKIP LOCKED) k
    WHERE u.id = k.id RETURNING u.created_at)
SELECT LEAST(min(created_at), $3) FROM covered HAVING count(*) > 0

-- Hands out what is due of one priority.
-- $1 platform, $2 account, $3 priority, $4 now, $5 end of the lease, $6 whether hints are asked for their being known,
-- $7 whether hints wait for a list, $8 tries before a lost lease is given up, $9 whether there is room for what nobody has
-- heard of, $10 most
UPDATE boxoffice.fetch_jobs u SET status = 'leased', lease_id = nextval('boxoffice.fetch_lease_seq'), claimed_at = $4,
       due_at = $5, attempts = u.attempts + 1, doubtful = u.doubtful OR NOT due.known
FROM (SELECT j.id,
             CASE WHEN $6 AND j.purpose = 'hint' AND j.run_id IS NULL AND NOT j.doubtful
                  THEN boxoffice.has_heard_of(j.platform, j.kind, j.resource_id, j.external_event_id) ELSE true END AS known
      FROM boxoffice.fetch_jobs j
      WHERE j.platform = $1 AND j.account = $2 AND j.status IN ('waiting', 'leased') AND j.priority = $3
        AND j.due_at <= $4
        AND NOT ($7 AND j.status = 'waiting' AND j.run_id IS NULL AND j.list_may_show)
        AND NOT (j.status = 'leased' AND j.attempts >= $8)
        AND ($9 OR NOT j.doubtful AND boxoffice.has_heard_of(j.platform, j.kind, j.resource_id, j.external_event_id))
        -- What has changed during a fetch is fetched after it, not beside it.
        AND NOT (j.run_id IS NULL AND j.status = 'waiting' AND EXISTS (
            SELECT FROM boxoffice.fetch_jobs l WHERE l.platform = j.platform AND l.account = j.account
            AND l.path = j.path AND l.status = 'leased' AND l.due_at > $4))
      ORDER BY j.due_at, j.id LIMIT $10 FOR UPDATE SKIP LOCKED) due
WHERE u.id = due.id
RETURNING u.lease_id, u.path, u.doubtful

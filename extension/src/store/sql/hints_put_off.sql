-- Puts hints that a list may show off until then. $1 platform, $2 account, $3 now, $4 until, $5 most
UPDATE boxoffice.fetch_jobs u SET due_at = $4
FROM (SELECT j.id FROM boxoffice.fetch_jobs j
      WHERE j.platform = $1 AND j.account = $2 AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
        AND j.due_at <= $3 AND j.list_may_show
      ORDER BY j.id LIMIT $5 FOR UPDATE SKIP LOCKED) k
WHERE u.id = k.id

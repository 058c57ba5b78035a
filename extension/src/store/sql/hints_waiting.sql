-- How many hints wait that a list may show (or, with $6, of any kind), up to $5.
-- $1 platform, $2 account, $3 now, $4 only those that arrived before
SELECT count(*) FROM (
    SELECT FROM boxoffice.fetch_jobs j
    WHERE j.platform = $1 AND j.account = $2 AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
      AND j.due_at <= $3 AND j.purpose = 'hint' AND ($6 OR j.list_may_show) AND ($4 IS NULL OR j.created_at < $4)
    LIMIT $5) waiting

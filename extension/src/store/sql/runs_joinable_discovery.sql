-- The listing of an account's events that has not begun to read. $1 platform, $2 account
SELECT h.id FROM boxoffice.sync_history h
WHERE h.platform = $1 AND h.account = $2 AND h.mode = 'discovery' AND h.status = 'running'
  AND NOT EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.run_id = h.id AND j.claimed_at IS NOT NULL)
ORDER BY h.id LIMIT 1

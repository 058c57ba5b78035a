-- The priorities of which something is due, by one look into the index for each. $1 platform, $2 account, $3 now, $4 priorities
SELECT p FROM unnest($4) p
WHERE EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.platform = $1 AND j.account = $2 AND j.status IN ('waiting', 'leased')
              AND j.priority = p AND j.due_at <= $3)
ORDER BY p

-- A second look that waits for its time, or a try that waits after trouble, is no reason to let a fresh hint wait. What nobody
-- has heard of and no list has shown is not more urgent for being said again. $1 platforms, $2 paths, $3 priority of those
UPDATE boxoffice.fetch_jobs u SET due_at = clock_timestamp(), created_at = clock_timestamp(), purpose = 'hint',
    priority = CASE WHEN u.priority = $3 THEN $3 ELSE 0 END
FROM (SELECT j.id FROM (SELECT unnest($1) AS platform, unnest($2) AS path) k
      JOIN boxoffice.fetch_jobs j ON j.platform = k.platform AND j.path = k.path
      WHERE j.status = 'waiting' AND j.run_id IS NULL AND j.due_at > clock_timestamp()
      ORDER BY j.platform, j.path, j.account FOR UPDATE OF j) d
WHERE u.id = d.id

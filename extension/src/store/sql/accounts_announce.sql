-- Remembers that a worker holds these accounts. $1 accounts as platform/name (NULL: all), $2 now
UPDATE boxoffice.platform_accounts u SET announced_at = $2
FROM (SELECT p.platform, p.name FROM boxoffice.platform_accounts p
      WHERE ($1 IS NULL OR p.platform || '/' || p.name = ANY ($1))
        AND (p.announced_at NOT BETWEEN $2 - interval '1 minute' AND $2 OR (p.announced_at IS NULL AND $1 IS NOT NULL))
      ORDER BY p.platform, p.name FOR UPDATE SKIP LOCKED) k
WHERE u.platform = k.platform AND u.name = k.name

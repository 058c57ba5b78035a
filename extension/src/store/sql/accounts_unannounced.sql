-- Of these accounts, how many were not announced within the last minute, and the newest time among them. Whoever claims for all
-- of them does not hold those that nobody has announced. $1 accounts as platform/name (NULL: all), $2 now
SELECT count(*), max(p.announced_at) FROM boxoffice.platform_accounts p
WHERE ($1 IS NULL OR p.platform || '/' || p.name = ANY ($1))
  AND (p.announced_at NOT BETWEEN $2 - interval '1 minute' AND $2 OR (p.announced_at IS NULL AND $1 IS NOT NULL))

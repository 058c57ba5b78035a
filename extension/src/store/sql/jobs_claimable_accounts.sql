-- Accounts with something that is due; an idle account is not locked. Also run with FOR UPDATE OF p.
-- $1 accounts as platform/name (NULL: all), $2 now
SELECT p.platform, p.name, p.status, p.failures, p.max_in_flight, p.calls_per_hour, p.burst_threshold,
       -- A time that is later than any can be was written by a clock that was ahead.
       p.burst_until BETWEEN $2 AND $2 + interval '1 minute', p.burst_until,
       p.burst_off_until BETWEEN $2 AND $2 + interval '1 hour', p.organization_ids
FROM boxoffice.platform_accounts p
WHERE p.status <> 'stopped'
  -- A pause lasts a day at most.
  AND (p.blocked_until BETWEEN $2 AND $2 + interval '25 hours') IS NOT TRUE
  AND ($1 IS NULL OR p.platform || '/' || p.name = ANY ($1))
  AND EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.platform = p.platform AND j.account = p.name
              AND j.status IN ('waiting', 'leased') AND j.due_at <= $2)
ORDER BY p.platform, p.name

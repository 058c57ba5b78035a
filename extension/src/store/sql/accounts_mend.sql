-- Times that a clock which was ahead has left at the accounts. $1 now, $2 how far it was ahead in microseconds (NULL: unknown)
UPDATE boxoffice.platform_accounts a SET
    blocked_until = CASE WHEN $2 IS NOT NULL THEN a.blocked_until - $2 * interval '1 microsecond'
                         WHEN a.blocked_until <= $1 + interval '25 hours' THEN a.blocked_until END,
    burst_until = CASE WHEN a.burst_until <= $1 + interval '2 minutes' THEN a.burst_until END,
    burst_off_until = CASE WHEN a.burst_off_until <= $1 + interval '1 hour' THEN a.burst_off_until END,
    discovered_at = boxoffice.past(a.discovered_at),
    troubled_at = LEAST(a.troubled_at, $1)
WHERE a.blocked_until > $1 + CASE WHEN $2 IS NULL THEN interval '25 hours' ELSE interval '0' END
   OR a.burst_until > $1 + interval '2 minutes' OR a.burst_off_until > $1 + interval '1 hour'
   OR a.discovered_at > $1 OR a.troubled_at > $1

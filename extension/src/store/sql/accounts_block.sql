-- No call for a while. A pause lasts a day at most: what is later was written by a clock that was ahead.
-- $1 platform, $2 account, $3 microseconds, $4 why
UPDATE boxoffice.platform_accounts a SET last_error = COALESCE(a.last_error, $4),
    blocked_until = GREATEST(CASE WHEN o.blocked_until < clock_timestamp() + interval '25 hours' THEN o.blocked_until END,
                             clock_timestamp() + $3 * interval '1 microsecond')
FROM (SELECT platform, name, blocked_until FROM boxoffice.platform_accounts WHERE platform = $1 AND name = $2 FOR UPDATE) o
WHERE a.platform = o.platform AND a.name = o.name
RETURNING o.blocked_until BETWEEN clock_timestamp() AND clock_timestamp() + interval '25 hours' IS TRUE, a.blocked_until

-- Calls handed out, added to those of the minute. $1 platform, $2 account, $3 now, $4 all, $5 hints, $6 doubtful, $7 scheduled
INSERT INTO boxoffice.account_calls AS c (platform, name, minute, calls, hint_calls, doubtful_calls, scheduled_calls)
VALUES ($1, $2, date_trunc('minute', $3), $4, $5, $6, $7)
ON CONFLICT ON CONSTRAINT account_calls_pkey DO UPDATE SET calls = c.calls + excluded.calls,
    hint_calls = c.hint_calls + excluded.hint_calls, doubtful_calls = c.doubtful_calls + excluded.doubtful_calls,
    scheduled_calls = c.scheduled_calls + excluded.scheduled_calls

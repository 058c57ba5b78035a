-- What an account has in flight, and its calls of the last hour: all, of them those for hints, for hints of what nobody has
-- heard of, and of the schedule. $1 platform, $2 account, $3 now
SELECT (SELECT count(*) FROM boxoffice.fetch_jobs j
        WHERE j.platform = $1 AND j.account = $2 AND j.status = 'leased' AND j.due_at > $3),
       COALESCE(sum(c.calls), 0)::bigint, COALESCE(sum(c.hint_calls), 0)::bigint, COALESCE(sum(c.doubtful_calls), 0)::bigint,
       COALESCE(sum(c.scheduled_calls), 0)::bigint
FROM boxoffice.account_calls c
WHERE c.platform = $1 AND c.name = $2 AND c.minute > $3 - interval '61 minutes' AND c.minute <= $3

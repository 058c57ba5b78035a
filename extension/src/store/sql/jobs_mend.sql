-- No wait is longer than an hour and a fifth, no lease than two minutes: what is later was written by a clock that was ahead.
-- $1 now, $2 how far it was ahead in microseconds (NULL: unknown)
UPDATE boxoffice.fetch_jobs u SET due_at = GREATEST($1, u.due_at - COALESCE($2 * interval '1 microsecond', interval '100 years')),
       created_at = LEAST(u.created_at, $1)
WHERE u.id IN (SELECT j.id FROM boxoffice.fetch_jobs j
    WHERE j.status IN ('waiting', 'leased') AND j.due_at < 'infinity'
      AND j.due_at > $1 + CASE WHEN $2 IS NOT NULL THEN interval '0' WHEN j.status = 'leased' THEN interval '5 minutes'
                               ELSE interval '2 hours' END
    ORDER BY j.id FOR UPDATE SKIP LOCKED)

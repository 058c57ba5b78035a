-- What the lists of a run have not shown. A few of what nobody has heard of are asked for at once, like all others. Of many the
-- newest are, after everything else: an order that has just been placed would have been in the list.
-- $1 run, $2 how many are a few, $3 how many may wait, $4 priority of what nobody has heard of
WITH left_over AS MATERIALIZED (
    SELECT j.id, boxoffice.has_heard_of(j.platform, j.kind, j.resource_id, j.external_event_id) AS heard
    FROM boxoffice.fetch_jobs j WHERE j.run_id = $1 AND j.status = 'covered'
), sorted AS MATERIALIZED (
    SELECT o.id, o.heard, NOT o.heard AND count(*) FILTER (WHERE NOT o.heard) OVER () > $2 AS one_of_many,
           row_number() OVER (PARTITION BY o.heard ORDER BY o.id DESC) AS place
    FROM left_over o
), dropped AS (
    UPDATE boxoffice.fetch_jobs u SET status = 'dropped', finished_at = clock_timestamp(), run_id = NULL, doubtful = true,
           last_error = 'nobody has heard of it here, and the list of what has changed does not show it'
    FROM sorted s WHERE u.id = s.id AND s.one_of_many AND s.place > $3
), back AS (
    DELETE FROM boxoffice.fetch_jobs u USING sorted s WHERE u.id = s.id AND NOT (s.one_of_many AND s.place > $3)
    RETURNING u.*, s.heard, s.one_of_many
)
INSERT INTO boxoffice.fetch_jobs AS w (platform, account, path, kind, resource_id, external_event_id, purpose, priority, attempts, doubtful,
        restarts, created_at)
    SELECT b.platform, b.account, b.path, b.kind, b.resource_id, b.external_event_id, b.purpose,
           CASE WHEN b.one_of_many THEN $4 ELSE b.priority END, b.attempts, b.doubtful OR NOT b.heard, b.restarts + 1, b.created_at
    FROM back b ORDER BY b.platform, b.path, b.account
    ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL
    DO UPDATE SET due_at = LEAST(w.due_at, excluded.due_at), priority = LEAST(w.priority, excluded.priority), purpose = 'hint'

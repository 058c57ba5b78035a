-- Where no list can stand in for hints: those of what nobody has heard of come after everything else, and are dropped where
-- too many wait; the others are fetched one by one from now on.
-- $1 platform, $2 account, $3 now, $4 how many may wait, $5 priority of what nobody has heard of, $6 most
WITH fresh AS MATERIALIZED (
    SELECT j.id, boxoffice.has_heard_of(j.platform, j.kind, j.resource_id, j.external_event_id) AS heard
    FROM boxoffice.fetch_jobs j
    WHERE j.platform = $1 AND j.account = $2 AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
      AND j.due_at <= $3 AND j.list_may_show
    ORDER BY j.id LIMIT $6 FOR UPDATE SKIP LOCKED
), sorted AS MATERIALIZED (
    SELECT f.id, f.heard, NOT f.heard AND row_number() OVER (PARTITION BY f.heard ORDER BY f.id DESC) > $4 AS too_many
    FROM fresh f
), written AS (
    UPDATE boxoffice.fetch_jobs u SET
        -- More than any list takes; see the column list_may_show.
        restarts = GREATEST(u.restarts, CASE u.kind WHEN 'order' THEN 1 ELSE 2 END), priority = CASE WHEN s.heard THEN 0 ELSE $5 END,
        doubtful = u.doubtful OR NOT s.heard,
        status = CASE WHEN s.too_many THEN 'dropped' ELSE u.status END,
        finished_at = CASE WHEN s.too_many THEN clock_timestamp() END,
        last_error = CASE WHEN s.too_many THEN 'one of too many that nobody has heard of here' ELSE u.last_error END
    FROM sorted s WHERE u.id = s.id RETURNING 1
)
SELECT count(*) FROM written

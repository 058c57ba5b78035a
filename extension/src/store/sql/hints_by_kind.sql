-- Hints that a list may show: of orders, of attendees, and of these those that a list of orders has not shown.
-- $1 platform, $2 account, $3 now
SELECT count(*) FILTER (WHERE j.kind = 'order'), count(*) FILTER (WHERE j.kind = 'attendee'),
       count(*) FILTER (WHERE j.kind = 'attendee' AND j.restarts > 0)
FROM boxoffice.fetch_jobs j
WHERE j.platform = $1 AND j.account = $2 AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
  AND j.due_at <= $3 AND j.list_may_show

-- What the lists of a run have shown is done. $1 run
UPDATE boxoffice.fetch_jobs j SET status = 'done', finished_at = clock_timestamp()
FROM (SELECT 'order' AS kind, o AS resource_id FROM boxoffice.sync_pages g, unnest(g.order_ids) o WHERE g.run_id = $1
      UNION
      SELECT 'attendee', t FROM boxoffice.sync_pages g, unnest(g.attendee_ids) t WHERE g.run_id = $1) shown
WHERE j.run_id = $1 AND j.status = 'covered' AND j.kind = shown.kind AND j.resource_id = shown.resource_id

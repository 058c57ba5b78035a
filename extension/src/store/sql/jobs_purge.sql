-- Deletes finished jobs after two days, dead ones after thirty.
DELETE FROM boxoffice.fetch_jobs j
WHERE j.id IN (SELECT k.id FROM boxoffice.fetch_jobs k
               WHERE k.finished_at < clock_timestamp() - CASE WHEN k.status = 'dead' THEN interval '30 days' ELSE interval '2 days' END
               LIMIT 10000 FOR UPDATE SKIP LOCKED)

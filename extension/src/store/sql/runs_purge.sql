-- Deletes finished runs after two days, failed or full ones after thirty, reports of reconciliations after 400.
DELETE FROM boxoffice.sync_history h
WHERE h.finished_at < clock_timestamp() - CASE WHEN h.mode = 'reconcile' THEN interval '400 days'
                                               WHEN h.status = 'done' AND h.mode <> 'full' THEN interval '2 days'
                                               ELSE interval '30 days' END

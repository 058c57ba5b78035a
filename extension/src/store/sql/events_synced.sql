-- An event was read. $1 platform, $2 event, $3 since when the reading counts, $4 only what has changed was read,
-- $5 since when its tickets were read
UPDATE boxoffice.ticket_platforms t SET last_sync_at = GREATEST(boxoffice.past(t.last_sync_at), $3),
    last_sync_error = NULL, sync_failures = 0,
    last_full_sync_at = CASE WHEN $4 THEN t.last_full_sync_at ELSE GREATEST(boxoffice.past(t.last_full_sync_at), $3) END,
    tickets_swept_at = CASE WHEN $4 THEN t.tickets_swept_at ELSE GREATEST(boxoffice.past(t.tickets_swept_at), $5) END
WHERE t.platform = $1 AND t.external_event_id = $2

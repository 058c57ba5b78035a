-- What was really synchronised, by the right clock. $1 now, $2 how far the clock was ahead in microseconds
UPDATE boxoffice.ticket_platforms t SET
    last_sync_at = CASE WHEN t.last_sync_at > $1 THEN t.last_sync_at - $2 * interval '1 microsecond' ELSE t.last_sync_at END,
    last_full_sync_at = CASE WHEN t.last_full_sync_at > $1 THEN t.last_full_sync_at - $2 * interval '1 microsecond' ELSE t.last_full_sync_at END,
    last_attempt_at = boxoffice.past(t.last_attempt_at), last_full_attempt_at = boxoffice.past(t.last_full_attempt_at),
    tickets_swept_at = CASE WHEN t.tickets_swept_at > $1 THEN t.tickets_swept_at - $2 * interval '1 microsecond' ELSE t.tickets_swept_at END
WHERE GREATEST(t.last_sync_at, t.last_full_sync_at, t.last_attempt_at, t.last_full_attempt_at, t.tickets_swept_at) > $1

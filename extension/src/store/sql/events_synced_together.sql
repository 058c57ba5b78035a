-- The changes of an account were read: so were those of all events whose own question would have been for no more than that.
-- $1 platform, $2 account, $3 since when the reading counts, $4 what was asked for, $5 how much earlier an event asks, in microseconds
UPDATE boxoffice.ticket_platforms t SET last_sync_at = $3, last_sync_error = NULL, sync_failures = 0
WHERE t.platform = $1 AND t.event_id IS NOT NULL AND t.account = $2
  AND t.last_full_sync_at IS NOT NULL AND t.last_sync_at - $5 * interval '1 microsecond' >= $4 AND t.last_sync_at < $3

-- The log for readers.

CREATE VIEW boxoffice.webhook_activity WITH (security_invoker = true) AS
SELECT l.id, l.created_at, l.platform, l.event_type, l.source, l.status, l.processed, l.platform_order_id, l.error_code, l.error_message,
       l.notes, l.attempts, l.next_attempt_at, l.processed_at, l.verified_by, l.fetched_at
FROM boxoffice.webhook_logs l;
COMMENT ON VIEW boxoffice.webhook_activity IS 'webhook_logs without headers and bodies: what every reader of all events may see.';
COMMENT ON COLUMN boxoffice.webhook_activity.id IS 'Number of the delivery.';
COMMENT ON COLUMN boxoffice.webhook_activity.created_at IS 'When it arrived.';
COMMENT ON COLUMN boxoffice.webhook_activity.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.webhook_activity.event_type IS 'The platform''s name for what happened.';
COMMENT ON COLUMN boxoffice.webhook_activity.source IS 'webhook, manual or api.';
COMMENT ON COLUMN boxoffice.webhook_activity.status IS 'processed, duplicate, ignored, queued, invalid, failed or dead; see webhook_logs.';
COMMENT ON COLUMN boxoffice.webhook_activity.processed IS 'Nothing is left to be done about it.';
COMMENT ON COLUMN boxoffice.webhook_activity.platform_order_id IS 'The order that the delivery speaks of, when it is one.';
COMMENT ON COLUMN boxoffice.webhook_activity.error_code IS 'SQLSTATE of the error.';
COMMENT ON COLUMN boxoffice.webhook_activity.error_message IS 'Why it was not applied.';
COMMENT ON COLUMN boxoffice.webhook_activity.notes IS 'What was odd about it, or why it was ignored.';
COMMENT ON COLUMN boxoffice.webhook_activity.attempts IS 'How often it was tried.';
COMMENT ON COLUMN boxoffice.webhook_activity.next_attempt_at IS 'When it will be tried again.';
COMMENT ON COLUMN boxoffice.webhook_activity.processed_at IS 'When it was last applied successfully.';
COMMENT ON COLUMN boxoffice.webhook_activity.verified_by IS 'signature, path_token, open or trusted.';
COMMENT ON COLUMN boxoffice.webhook_activity.fetched_at IS 'For API bodies: when we asked.';
-- Analytics. security_invoker: a view shows a reader no more than the tables would.

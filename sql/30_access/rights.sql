-- Row-level security and triggers.

-- Policies must be made by this script: those made later on an extension's tables are silently lost by pg_dump.
ALTER TABLE boxoffice.ticket_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.ticket_platforms ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.ticket_sales ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.attendees ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.webhook_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.platform_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.sync_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.reconciliation_differences ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.access_grants ENABLE ROW LEVEL SECURITY;

-- Own grants only: the function that the other policies call reads the table with the rights of whoever asks.
CREATE POLICY own ON boxoffice.access_grants FOR SELECT
    USING (EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = grantee AND pg_catalog.pg_has_role(current_user, r.oid, 'USAGE')));

-- (SELECT ...) makes it one call a query instead of one a row.
CREATE POLICY readers ON boxoffice.ticket_events FOR SELECT
    USING (ARRAY[event_id, '*'] && (SELECT boxoffice.readable_events(current_user)));
CREATE POLICY readers ON boxoffice.ticket_platforms FOR SELECT
    USING (ARRAY[event_id, '*'] && (SELECT boxoffice.readable_events(current_user)));
CREATE POLICY readers ON boxoffice.ticket_sales FOR SELECT
    USING (ARRAY[event_id, '*'] && (SELECT boxoffice.readable_events(current_user)));
CREATE POLICY readers ON boxoffice.attendees FOR SELECT
    USING (ARRAY[event_id, '*'] && (SELECT boxoffice.readable_events(current_user)));
CREATE POLICY readers ON boxoffice.webhook_logs FOR SELECT
    USING (ARRAY['*'] && (SELECT boxoffice.readable_events(current_user)));
CREATE POLICY readers ON boxoffice.platform_accounts FOR SELECT
    USING (ARRAY['*'] && (SELECT boxoffice.readable_events(current_user)));
CREATE POLICY readers ON boxoffice.sync_history FOR SELECT
    USING (ARRAY['*'] && (SELECT boxoffice.readable_events(current_user)));
CREATE POLICY readers ON boxoffice.reconciliation_differences FOR SELECT
    USING (ARRAY['*'] && (SELECT boxoffice.readable_events(current_user)));

CREATE TRIGGER settings_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON boxoffice.platform_settings
    FOR EACH STATEMENT EXECUTE FUNCTION boxoffice.settings_changed();
COMMENT ON TRIGGER settings_changed ON boxoffice.platform_settings IS 'Sessions keep the settings in memory.';

CREATE TRIGGER settings_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON boxoffice.webhook_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION boxoffice.settings_changed();
COMMENT ON TRIGGER settings_changed ON boxoffice.webhook_secrets IS 'Sessions keep the secrets in memory.';

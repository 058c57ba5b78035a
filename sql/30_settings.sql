-- How deliveries are authenticated, and who may read what.

CREATE TABLE boxoffice.platform_settings (
    platform boxoffice.platform_name PRIMARY KEY,
    authentication text,
    signature_header text,
    signature_encoding text,
    signature_prefix text,
    timestamp_header text,
    signed_content text,
    tolerance_seconds integer,
    webhook_ids text[],
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT platform_settings_authentication_known CHECK (authentication IN ('signature', 'path_token', 'none')),
    CONSTRAINT platform_settings_signature_header_is_a_name CHECK (signature_header ~ '^[a-z0-9-]+$'),
    CONSTRAINT platform_settings_timestamp_header_is_a_name CHECK (timestamp_header ~ '^[a-z0-9-]*$'),
    CONSTRAINT platform_settings_encoding_known CHECK (signature_encoding IN ('hex', 'base64')),
    CONSTRAINT platform_settings_signed_content_known CHECK (signed_content IN ('body', 'timestamp.body', 'timestampbody')),
    CONSTRAINT platform_settings_tolerance_sensible CHECK (tolerance_seconds BETWEEN 1 AND 86400)
);

COMMENT ON TABLE boxoffice.platform_settings IS 'How each platform''s deliveries are authenticated. NULL, or no row, means the default. Set with configure_platform().';
COMMENT ON COLUMN boxoffice.platform_settings.platform IS 'humanitix or eventbrite.';
COMMENT ON COLUMN boxoffice.platform_settings.authentication IS 'signature (default of humanitix), path_token (default of eventbrite), or none: open to everybody.';
COMMENT ON COLUMN boxoffice.platform_settings.signature_header IS 'Header with the signature, lower case. Default: x-humanitix-signature, x-eventbrite-signature.';
COMMENT ON COLUMN boxoffice.platform_settings.signature_encoding IS 'hex (default) or base64.';
COMMENT ON COLUMN boxoffice.platform_settings.signature_prefix IS 'What stands before the signature, for example sha256=. Default: nothing.';
COMMENT ON COLUMN boxoffice.platform_settings.timestamp_header IS 'Header with the time of signing (seconds or milliseconds since 1970). Default, and empty string: none.';
COMMENT ON COLUMN boxoffice.platform_settings.signed_content IS 'body (default), timestamp.body (timestamp header, full stop, body) or timestampbody (no separator).';
COMMENT ON COLUMN boxoffice.platform_settings.tolerance_seconds IS 'How far the time of signing may be from now, both ways. Default 300.';
COMMENT ON COLUMN boxoffice.platform_settings.webhook_ids IS 'Eventbrite: the registrations (config.webhook_id) that are accepted. Default: all.';
COMMENT ON COLUMN boxoffice.platform_settings.updated_at IS 'When it was last changed.';

CREATE TABLE boxoffice.webhook_secrets (
    platform boxoffice.platform_name NOT NULL,
    kind text NOT NULL,
    generation integer NOT NULL,
    value boxoffice.filled NOT NULL,
    valid_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (platform, kind, generation),
    CONSTRAINT webhook_secrets_kind_known CHECK (kind IN ('signature', 'path_token'))
);

COMMENT ON TABLE boxoffice.webhook_secrets IS 'Shared secrets. Not dumped by pg_dump: set them again after a restore. Set with set_webhook_secret() and set_path_token().';
COMMENT ON COLUMN boxoffice.webhook_secrets.platform IS 'humanitix or eventbrite.';
COMMENT ON COLUMN boxoffice.webhook_secrets.kind IS 'signature (key of the HMAC) or path_token (end of the webhook URL).';
COMMENT ON COLUMN boxoffice.webhook_secrets.generation IS 'Counts up with each rotation.';
COMMENT ON COLUMN boxoffice.webhook_secrets.value IS 'The secret itself.';
COMMENT ON COLUMN boxoffice.webhook_secrets.valid_until IS 'Not accepted from this time on; NULL is for ever. Kept afterwards, so that the log can say that an expired secret was used.';
COMMENT ON COLUMN boxoffice.webhook_secrets.created_at IS 'When it was set.';

CREATE TABLE boxoffice.access_grants (
    grantee name NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (grantee, event_id)
);

COMMENT ON TABLE boxoffice.access_grants IS 'Which role may read the rows of which event; the row-level security policies follow it. Set with grant_reader().';
COMMENT ON COLUMN boxoffice.access_grants.grantee IS 'Name of the role; its members are included.';
COMMENT ON COLUMN boxoffice.access_grants.event_id IS 'Our event, or * for all rows, unlinked ones included.';

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

CREATE FUNCTION boxoffice.readable_events(role_name name) RETURNS text[]
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$
        SELECT COALESCE(pg_catalog.array_agg(g.event_id), '{}')
        FROM boxoffice.access_grants g
        JOIN pg_catalog.pg_roles r ON r.rolname = g.grantee
        WHERE pg_catalog.pg_has_role(role_name, r.oid, 'USAGE')
    $$;

COMMENT ON FUNCTION boxoffice.readable_events(name) IS 'The events whose rows a role may read, * among them when it may read all; of other roles'' grants only those that are the caller''s as well. Used by the row-level security policies.';

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

CREATE FUNCTION boxoffice.settings_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'settings_changed_wrapper';
COMMENT ON FUNCTION boxoffice.settings_changed() IS 'Tells all sessions to read settings and secrets anew, at the commit.';

CREATE TRIGGER settings_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON boxoffice.platform_settings
    FOR EACH STATEMENT EXECUTE FUNCTION boxoffice.settings_changed();
COMMENT ON TRIGGER settings_changed ON boxoffice.platform_settings IS 'Sessions keep the settings in memory.';
CREATE TRIGGER settings_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON boxoffice.webhook_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION boxoffice.settings_changed();
COMMENT ON TRIGGER settings_changed ON boxoffice.webhook_secrets IS 'Sessions keep the secrets in memory.';

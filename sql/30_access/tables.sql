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
COMMENT ON COLUMN boxoffice.platform_settings.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.platform_settings.authentication IS 'signature, path_token, or none: open to everybody. Default: what platforms.authentication says.';
COMMENT ON COLUMN boxoffice.platform_settings.signature_header IS 'Header with the signature, lower case. Default: what platforms.signature_header says.';
COMMENT ON COLUMN boxoffice.platform_settings.signature_encoding IS 'hex (default) or base64.';
COMMENT ON COLUMN boxoffice.platform_settings.signature_prefix IS 'What stands before the signature, for example sha256=. Default: nothing.';
COMMENT ON COLUMN boxoffice.platform_settings.timestamp_header IS 'Header with the time of signing (seconds or milliseconds since 1970). Default, and empty string: none.';
COMMENT ON COLUMN boxoffice.platform_settings.signed_content IS 'body (default), timestamp.body (timestamp header, full stop, body) or timestampbody (no separator).';
COMMENT ON COLUMN boxoffice.platform_settings.tolerance_seconds IS 'How far the time of signing may be from now, both ways. Default 300.';
COMMENT ON COLUMN boxoffice.platform_settings.webhook_ids IS 'Registrations that are accepted, where a platform names them in its deliveries. Default: all.';
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
COMMENT ON COLUMN boxoffice.webhook_secrets.platform IS 'Name of the platform.';
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

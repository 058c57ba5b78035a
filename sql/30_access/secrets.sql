-- Secrets and settings of platforms.

CREATE FUNCTION boxoffice.settings_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'settings_changed_wrapper';
COMMENT ON FUNCTION boxoffice.settings_changed() IS 'Tells all sessions to read settings and secrets anew, at the commit.';

CREATE FUNCTION boxoffice.hide_statement() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'hide_statement_wrapper';
COMMENT ON FUNCTION boxoffice.hide_statement() IS 'Keeps the text of the running statement out of the server''s log should it fail, until the end of the function that calls it.';

CREATE FUNCTION boxoffice._platforms(OUT name text, OUT title text, OUT authentication text, OUT signature_header text,
        OUT sends_deliveries boolean, OUT event_types text[], OUT api_url text, OUT credential text, OUT credential_variable text,
        OUT calls_per_hour integer, OUT has_organizations boolean, OUT has_locations boolean, OUT payout_days integer,
        OUT set_up text[]) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', '_platforms_wrapper';
COMMENT ON FUNCTION boxoffice._platforms() IS 'The platforms that the library knows; read the view platforms.';

CREATE FUNCTION boxoffice.require_platform(platform text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF platform IS NULL THEN
        RAISE EXCEPTION 'platform must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF NOT EXISTS (SELECT FROM boxoffice._platforms() p WHERE p.name = platform) THEN
        RAISE EXCEPTION 'unknown platform "%"', platform
            USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT name, title FROM boxoffice.platforms shows them.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.require_platform(text) IS 'Raises an error unless the platform is known.';

CREATE FUNCTION boxoffice.set_secret(platform text, kind text, secret text, previous_valid_until timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    newest boxoffice.webhook_secrets;
BEGIN
    -- The statement that failed would be logged as it was written, the secret included. Not in a block with EXCEPTION, which
    -- would end this before the error is logged.
    PERFORM boxoffice.hide_statement();
    IF platform IS NULL THEN
        PERFORM boxoffice.require_platform(platform);
    ELSIF NOT EXISTS (SELECT FROM boxoffice._platforms() p WHERE p.name = platform) THEN
        -- Not named: it is the secret when the arguments are swapped.
        RAISE EXCEPTION 'unknown platform'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The platform comes first: SELECT name, title FROM boxoffice.platforms shows them.';
    ELSIF kind IS NULL OR kind NOT IN ('signature', 'path_token') THEN
        -- Not left to the constraint, whose DETAIL shows the row.
        RAISE EXCEPTION 'unknown kind "%" of secret', kind
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Kinds are signature and path_token.';
    ELSIF secret IS NULL THEN
        secret := NULLIF(pg_catalog.current_setting('boxoffice.secret', true), '');
        -- Not for the next call as well.
        PERFORM pg_catalog.set_config('boxoffice.secret', '', false);
    END IF;
    IF secret IS NULL THEN
        RAISE EXCEPTION 'the secret must not be null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Give it as an argument, or in the setting boxoffice.secret. To close a platform use remove_webhook_secrets().';
    ELSIF secret = '' OR secret <> pg_catalog.btrim(secret, E' \t\r\n') THEN
        RAISE EXCEPTION 'the secret is empty, or has white space at its ends'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Copy it again, without the line end.';
    ELSIF kind = 'signature' AND pg_catalog.octet_length(secret) < 16 THEN
        RAISE EXCEPTION 'a signing secret has at least 16 bytes'
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'A shorter one can be found by trying.',
                  HINT = 'For example the output of: openssl rand -hex 24';
    ELSIF kind = 'path_token' AND secret !~ '^[A-Za-z0-9_-]{16,200}$' THEN
        RAISE EXCEPTION 'a path token has 16 to 200 letters, digits, hyphens or underscores'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example the output of: openssl rand -hex 24';
    END IF;
    SELECT * INTO newest FROM boxoffice.webhook_secrets s
        WHERE s.platform = set_secret.platform AND s.kind = set_secret.kind ORDER BY s.generation DESC LIMIT 1;
    IF newest.value = secret AND newest.valid_until IS NULL THEN
        RETURN;
    END IF;
    UPDATE boxoffice.webhook_secrets s
        SET valid_until = CASE WHEN s.generation = newest.generation
                               THEN COALESCE(previous_valid_until, pg_catalog.clock_timestamp())
                               ELSE LEAST(s.valid_until, pg_catalog.clock_timestamp()) END
        WHERE s.platform = set_secret.platform AND s.kind = set_secret.kind
          AND (s.valid_until IS NULL OR s.valid_until > pg_catalog.clock_timestamp());
    INSERT INTO boxoffice.webhook_secrets (platform, kind, generation, value)
        VALUES (platform, kind, COALESCE(newest.generation, 0) + 1, secret)
        ON CONFLICT ON CONSTRAINT webhook_secrets_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another session has set a secret of platform "%" at this moment', platform
            USING ERRCODE = 'serialization_failure', HINT = 'Look which one is meant to hold, and set it again.';
    END IF;
    -- Four generations are enough to tell "an old secret" from "a wrong secret".
    DELETE FROM boxoffice.webhook_secrets s
        WHERE s.platform = set_secret.platform AND s.kind = set_secret.kind
          AND s.generation < COALESCE(newest.generation, 0) - 2;
END
$$;
COMMENT ON FUNCTION boxoffice.set_secret(text, text, text, timestamptz) IS 'The one place where secrets are rotated; use set_webhook_secret() or set_path_token().';

CREATE FUNCTION boxoffice.set_webhook_secret(platform text, secret text DEFAULT NULL, previous_valid_until timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT boxoffice.set_secret(platform, 'signature', secret, previous_valid_until) $$;
COMMENT ON FUNCTION boxoffice.set_webhook_secret(text, text, timestamptz) IS 'Sets the key with which a platform''s deliveries are signed. Without secret it is taken from the setting boxoffice.secret, so that no statement holds it. The previous one stays valid until the given time; NULL ends it now.';

CREATE FUNCTION boxoffice.set_path_token(platform text, token text DEFAULT NULL, previous_valid_until timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT boxoffice.set_secret(platform, 'path_token', token, previous_valid_until) $$;
COMMENT ON FUNCTION boxoffice.set_path_token(text, text, timestamptz) IS 'Sets the secret end of a platform''s webhook URL. Without token it is taken from the setting boxoffice.secret, so that no statement holds it. The previous one stays valid until the given time; NULL ends it now.';

CREATE FUNCTION boxoffice.remove_webhook_secrets(platform text) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    removed integer;
BEGIN
    PERFORM boxoffice.require_platform(platform);
    DELETE FROM boxoffice.webhook_secrets s WHERE s.platform = remove_webhook_secrets.platform;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION boxoffice.remove_webhook_secrets(text) IS 'Removes all secrets of a platform: its deliveries are refused from then on. Says how many there were.';

CREATE FUNCTION boxoffice.configure_platform(platform text, authentication text DEFAULT NULL, signature_header text DEFAULT NULL,
        signature_encoding text DEFAULT NULL, signature_prefix text DEFAULT NULL, timestamp_header text DEFAULT NULL,
        signed_content text DEFAULT NULL, tolerance_seconds integer DEFAULT NULL, webhook_ids text[] DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    PERFORM boxoffice.require_platform(platform);
    INSERT INTO boxoffice.platform_settings AS s (platform, authentication, signature_header, signature_encoding, signature_prefix,
            timestamp_header, signed_content, tolerance_seconds, webhook_ids)
        VALUES (platform, authentication, pg_catalog.lower(signature_header), signature_encoding, signature_prefix,
            pg_catalog.lower(timestamp_header), signed_content, tolerance_seconds, webhook_ids)
        ON CONFLICT ON CONSTRAINT platform_settings_pkey DO UPDATE SET
            authentication = COALESCE(excluded.authentication, s.authentication),
            signature_header = COALESCE(excluded.signature_header, s.signature_header),
            signature_encoding = COALESCE(excluded.signature_encoding, s.signature_encoding),
            signature_prefix = COALESCE(excluded.signature_prefix, s.signature_prefix),
            timestamp_header = COALESCE(excluded.timestamp_header, s.timestamp_header),
            signed_content = COALESCE(excluded.signed_content, s.signed_content),
            tolerance_seconds = COALESCE(excluded.tolerance_seconds, s.tolerance_seconds),
            webhook_ids = COALESCE(excluded.webhook_ids, s.webhook_ids),
            updated_at = pg_catalog.now();
    IF EXISTS (SELECT FROM boxoffice.platform_settings s WHERE s.platform = configure_platform.platform
               AND s.signed_content <> 'body' AND COALESCE(s.timestamp_header, '') = '') THEN
        RAISE EXCEPTION 'a signed time needs the header that it stands in'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Set timestamp_header together with signed_content.';
    END IF;
    IF authentication = 'none' THEN
        RAISE WARNING 'everybody can now write sales of platform "%"', platform
            USING HINT = 'Undo with configure_platform(..., authentication => ''signature'').';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.configure_platform(text, text, text, text, text, text, text, integer, text[]) IS 'Changes how a platform''s deliveries are authenticated; what is NULL stays as it is. See platform_settings for the values.';

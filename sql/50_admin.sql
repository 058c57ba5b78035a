-- What the operator calls. All of it runs with the caller's own rights.

CREATE FUNCTION boxoffice.require_platform(platform text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF platform IS NULL THEN
        RAISE EXCEPTION 'platform must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF platform NOT IN ('eventbrite', 'humanitix') THEN
        RAISE EXCEPTION 'unknown platform "%"', platform
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Platforms are eventbrite and humanitix.';
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
    PERFORM boxoffice.require_platform(platform);
    IF kind IS NULL OR kind NOT IN ('signature', 'path_token') THEN
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

CREATE FUNCTION boxoffice.fill_event(platform text, external_event_id text) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    UPDATE boxoffice.ticket_events e
    SET title = n.title, venue = n.venue, starts_at = n.starts_at, ends_at = n.ends_at, time_zone = n.time_zone,
        capacity = n.capacity, updated_at = now()
    FROM boxoffice.ticket_platforms p
    JOIN boxoffice.ticket_events o ON o.event_id = p.event_id
    -- A time of theirs next to one of ours must not make an event end before it starts.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN o.starts_at IS NULL AND (o.ends_at IS NULL OR o.ends_at >= p.external_starts_at)
                    THEN p.external_starts_at ELSE o.starts_at END AS starts_at) s
    CROSS JOIN LATERAL (
        SELECT COALESCE(o.title, p.external_title) AS title, COALESCE(o.venue, p.external_venue) AS venue, s.starts_at,
               CASE WHEN o.ends_at IS NULL AND p.external_ends_at >= s.starts_at
                    THEN p.external_ends_at ELSE o.ends_at END AS ends_at,
               COALESCE(o.time_zone, p.external_time_zone) AS time_zone,
               COALESCE(o.capacity, p.external_capacity) AS capacity) n
    WHERE p.platform = fill_event.platform AND p.external_event_id = fill_event.external_event_id
      AND e.event_id = o.event_id
      AND (e.title, e.venue, e.starts_at, e.ends_at, e.time_zone, e.capacity)
          IS DISTINCT FROM (n.title, n.venue, n.starts_at, n.ends_at, n.time_zone, n.capacity)
$$;
COMMENT ON FUNCTION boxoffice.fill_event(text, text) IS 'Gives our event what the platform says of it where nothing is known yet; what people have written stays. Called whenever something becomes known.';

CREATE FUNCTION boxoffice.lock_links() RETURNS void
    LANGUAGE plpgsql VOLATILE
    -- Deliveries that come while it waits wait behind it.
    SET search_path = pg_catalog, boxoffice, pg_temp SET lock_timeout = '2s'
AS $$
BEGIN
    LOCK TABLE boxoffice_private.link_lock IN SHARE ROW EXCLUSIVE MODE;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'sales are being written by a transaction that takes long'
        USING ERRCODE = 'lock_not_available', DETAIL = 'Events are linked and unlinked while no delivery, replay or retry is in progress.',
              HINT = 'Try again; SELECT pid, query FROM pg_stat_activity shows what runs.';
END
$$;
COMMENT ON FUNCTION boxoffice.lock_links() IS 'Waits, for two seconds at most, until no sale is being written, and keeps any from being written until the end of the transaction. Used by link_event() and unlink_event().';

CREATE FUNCTION boxoffice.link_event(platform text, external_event_id text, event_id text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    found boxoffice.ticket_platforms;
    linked text := link_event.event_id;
BEGIN
    PERFORM boxoffice.require_platform(link_event.platform);
    IF link_event.external_event_id IS NULL OR link_event.external_event_id = '' THEN
        RAISE EXCEPTION 'external_event_id must not be null or empty' USING ERRCODE = 'null_value_not_allowed';
    ELSIF linked = '' OR linked = '*' THEN
        RAISE EXCEPTION '"%" is not an event id', linked USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM boxoffice.lock_links();
    INSERT INTO boxoffice.ticket_platforms (platform, external_event_id)
        VALUES (link_event.platform, link_event.external_event_id) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT found FROM boxoffice.ticket_platforms p
        WHERE p.platform = link_event.platform AND p.external_event_id = link_event.external_event_id;
    linked := COALESCE(linked, found.event_id, pg_catalog.gen_random_uuid()::text);
    INSERT INTO boxoffice.ticket_events (event_id) VALUES (linked) ON CONFLICT DO NOTHING;
    UPDATE boxoffice.ticket_platforms p SET event_id = linked, linked_at = pg_catalog.now()
        WHERE p.platform = link_event.platform AND p.external_event_id = link_event.external_event_id
          AND p.event_id IS DISTINCT FROM linked;
    PERFORM boxoffice.fill_event(link_event.platform, link_event.external_event_id);
    UPDATE boxoffice.ticket_sales s SET event_id = linked, updated_at = pg_catalog.now()
        WHERE s.platform = link_event.platform AND s.external_event_id = link_event.external_event_id
          AND s.event_id IS NOT DISTINCT FROM found.event_id AND s.event_id IS DISTINCT FROM linked;
    UPDATE boxoffice.attendees a SET event_id = linked, updated_at = pg_catalog.now()
        WHERE a.platform = link_event.platform AND a.external_event_id = link_event.external_event_id
          AND a.event_id IS NOT DISTINCT FROM found.event_id AND a.event_id IS DISTINCT FROM linked;
    RETURN linked;
END
$$;
COMMENT ON FUNCTION boxoffice.link_event(text, text, text) IS 'Links a platform''s event to one of ours and gives its sales and attendees that event. Without event_id a new event is made from what the platform says; what is not known of an existing one is filled in. Returns the event_id.';

CREATE FUNCTION boxoffice.unlink_event(platform text, external_event_id text) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was text;
BEGIN
    PERFORM boxoffice.require_platform(unlink_event.platform);
    PERFORM boxoffice.lock_links();
    SELECT p.event_id INTO was FROM boxoffice.ticket_platforms p
        WHERE p.platform = unlink_event.platform AND p.external_event_id = unlink_event.external_event_id;
    IF was IS NULL THEN
        RAISE EXCEPTION 'event "%" of platform "%" is not linked', unlink_event.external_event_id, unlink_event.platform
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM boxoffice.ticket_platforms lists the links.';
    END IF;
    UPDATE boxoffice.ticket_platforms p SET event_id = NULL, linked_at = NULL
        WHERE p.platform = unlink_event.platform AND p.external_event_id = unlink_event.external_event_id;
    UPDATE boxoffice.ticket_sales s SET event_id = NULL, updated_at = pg_catalog.now()
        WHERE s.platform = unlink_event.platform AND s.external_event_id = unlink_event.external_event_id AND s.event_id = was;
    UPDATE boxoffice.attendees a SET event_id = NULL, updated_at = pg_catalog.now()
        WHERE a.platform = unlink_event.platform AND a.external_event_id = unlink_event.external_event_id AND a.event_id = was;
    RETURN was;
END
$$;
COMMENT ON FUNCTION boxoffice.unlink_event(text, text) IS 'Takes a link back; nothing is deleted. Returns the event_id that it had.';

CREATE FUNCTION boxoffice.require_role(role_name name) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    IF role_name IS NULL THEN
        RAISE EXCEPTION 'role_name must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = role_name) THEN
        RAISE EXCEPTION 'role "%" does not exist', role_name
            USING ERRCODE = 'undefined_object', HINT = 'CREATE ROLE makes one. Rights are never given to everybody (PUBLIC).';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.require_role(name) IS 'Raises an error unless there is such a role. Names such as public mean everybody where rights are given.';

CREATE FUNCTION boxoffice.grant_ingress(role_name name, outbound boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    fetching CONSTANT text := 'boxoffice.announce_accounts(text[]), boxoffice.claim_fetches(integer, text[]), '
        'boxoffice.complete_fetch(bigint, integer, jsonb, bytea), boxoffice.run_due_tasks()';
    setting text;
    refused text[] := '{}';
BEGIN
    PERFORM boxoffice.require_role(role_name);
    IF outbound IS NULL THEN
        RAISE EXCEPTION 'outbound must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA boxoffice TO %I', role_name);
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION boxoffice.version(), boxoffice.check_ready(), '
        'boxoffice.ingest_webhook(text, jsonb, bytea), boxoffice.ingest_webhook(text, jsonb, text), '
        'boxoffice.ingest_webhook_rpc(text, jsonb, text, text), boxoffice.ingest_webhooks(text[], jsonb[], bytea[]) TO %I', role_name);
    IF outbound THEN
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', fetching, role_name);
    ELSE
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM %I', fetching, role_name);
    END IF;
    -- The parameters of its calls are bodies and tokens. Whatever else the server logs, it is not to log these.
    FOREACH setting IN ARRAY ARRAY['log_parameter_max_length', 'log_parameter_max_length_on_error']
        || CASE WHEN pg_catalog.current_setting('server_version_num')::integer >= 160000
                THEN ARRAY['auto_explain.log_parameter_max_length'] ELSE '{}' END
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET %s = 0', role_name, pg_catalog.current_database(), setting);
        EXCEPTION WHEN insufficient_privilege THEN
            refused := refused || setting;
        END;
    END LOOP;
    IF refused <> '{}' THEN
        RAISE WARNING 'no right to set % for role "%"', pg_catalog.array_to_string(refused, ', '), role_name
            USING DETAIL = 'With log_statement or log_min_duration_statement the server logs the parameters of its calls: bodies and path tokens.',
                  HINT = 'Let a superuser call grant_ingress(), or set them to 0 with ALTER ROLE.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.grant_ingress(name, boolean) IS 'Gives a role the rights of the worker: it may hand over deliveries and fetched bodies, and can read no table. With outbound => false it may only hand over deliveries; what it had beyond that is taken away. Also keeps the parameters of its calls out of the server''s log.';

CREATE FUNCTION boxoffice.grant_reader(role_name name, event_id text DEFAULT '*', bodies boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    PERFORM boxoffice.require_role(role_name);
    IF event_id IS NULL OR event_id = '' THEN
        RAISE EXCEPTION 'event_id must not be null or empty'
            USING ERRCODE = 'null_value_not_allowed', HINT = '* means all events.';
    ELSIF bodies AND event_id <> '*' THEN
        RAISE EXCEPTION 'the log of deliveries can only be read as a whole'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Grant bodies together with all events (*).';
    END IF;
    EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA boxoffice TO %I', role_name);
    EXECUTE pg_catalog.format('GRANT SELECT ON boxoffice.ticket_events, boxoffice.ticket_platforms, boxoffice.ticket_sales, '
        'boxoffice.attendees, boxoffice.access_grants, boxoffice.webhook_activity, '
        'boxoffice.ticket_sales_analytics, boxoffice.attendee_checkin_status, '
        'boxoffice.platform_accounts, boxoffice.sync_history, boxoffice.reconciliation_differences, boxoffice.deliveries_noted, '
        'boxoffice.sync_plan, boxoffice.sync_runs, boxoffice.sync_status, boxoffice.reconciliation_reports, boxoffice.sync_drift TO %I', role_name);
    IF grant_reader.event_id = '*' THEN
        EXECUTE pg_catalog.format('REVOKE SELECT ON boxoffice.webhook_logs FROM %I', role_name);
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION boxoffice.payload(boxoffice.webhook_logs) FROM %I', role_name);
    END IF;
    -- Not the exact bytes, nor the headers: they hold whatever the sender put into them.
    EXECUTE pg_catalog.format('GRANT SELECT (%s) ON boxoffice.webhook_logs TO %I',
        (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = 'boxoffice.webhook_logs'::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
           AND a.attname NOT IN ('headers', 'body')), role_name);
    IF bodies THEN
        EXECUTE pg_catalog.format('GRANT SELECT ON boxoffice.webhook_logs TO %I', role_name);
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION boxoffice.payload(boxoffice.webhook_logs) TO %I', role_name);
    END IF;
    INSERT INTO boxoffice.access_grants (grantee, event_id) VALUES (role_name, grant_reader.event_id) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION boxoffice.grant_reader(name, text, boolean) IS 'Lets a role read sales, attendees and analytics of one event, or of all (*). The log of deliveries, accounts, runs and reports only with *; headers and bodies of deliveries only with bodies.';

CREATE FUNCTION boxoffice.revoke_reader(role_name name, event_id text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    removed integer;
BEGIN
    DELETE FROM boxoffice.access_grants g
        WHERE g.grantee = role_name AND (revoke_reader.event_id IS NULL OR g.event_id = revoke_reader.event_id);
    GET DIAGNOSTICS removed = ROW_COUNT;
    -- Of a role that is dropped there are only the rows.
    IF EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = role_name)
       AND NOT EXISTS (SELECT FROM boxoffice.access_grants g WHERE g.grantee = role_name AND g.event_id = '*') THEN
        EXECUTE pg_catalog.format('REVOKE SELECT ON boxoffice.webhook_logs FROM %I', role_name);
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION boxoffice.payload(boxoffice.webhook_logs) FROM %I', role_name);
    END IF;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION boxoffice.revoke_reader(name, text) IS 'Takes back what grant_reader() gave: for one event, or with NULL all. Says how many grants there were.';

CREATE FUNCTION boxoffice.check_consistency(OUT problem text, OUT platform text, OUT item text) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    SELECT 'sale without a merge state', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE NOT EXISTS (SELECT FROM boxoffice.order_states o
                          WHERE o.platform = s.platform AND o.platform_order_id = s.platform_order_id)
    UNION ALL
    SELECT 'attendee without a sale', a.platform, a.platform_order_id || ' ' || a.platform_attendee_id FROM boxoffice.attendees a
        WHERE NOT EXISTS (SELECT FROM boxoffice.ticket_sales s
                          WHERE s.platform = a.platform AND s.platform_order_id = a.platform_order_id)
    UNION ALL
    SELECT 'more valid tickets than bought', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.valid_quantity > s.ticket_quantity
    UNION ALL
    SELECT 'refunded more than charged', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.refund_amount > s.total_amount
    UNION ALL
    SELECT 'cancelled without a refund, but with a refund amount', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.refund_status = 'cancelled' AND s.refund_amount > 0
    UNION ALL
    SELECT 'amounts that contradict each other', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.net_amount > s.kept_amount OR (s.kept_amount > s.total_amount - COALESCE(s.refund_amount, 0) AND s.kept_amount > 0 AND s.refund_amount <= s.total_amount)
           OR s.kept_amount - s.net_amount > COALESCE(s.fee_amount, 0) OR (s.payment_status = 'unpaid' AND s.kept_amount > 0)
           OR (s.kept_amount IS NULL) <> (s.total_amount IS NULL) OR (s.net_amount IS NULL) <> (s.total_amount IS NULL)
    UNION ALL
    SELECT 'taken back without a date', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.void_date IS NULL AND s.source_version IS NOT NULL
          AND (s.refund_status IN ('partial', 'refunded', 'cancelled') OR s.valid_quantity < s.ticket_quantity)
    UNION ALL
    SELECT 'refunded attendee that may still come in', a.platform, a.platform_order_id || ' ' || a.platform_attendee_id
        FROM boxoffice.attendees a WHERE a.refunded AND a.status <> 'cancelled'
    UNION ALL
    SELECT 'sale of another event than its platform event is linked to', s.platform, s.platform_order_id
        FROM boxoffice.ticket_sales s
        LEFT JOIN boxoffice.ticket_platforms p ON p.platform = s.platform AND p.external_event_id = s.external_event_id
        WHERE s.event_id IS DISTINCT FROM p.event_id
    UNION ALL
    SELECT 'link to an event that does not exist', p.platform, p.external_event_id FROM boxoffice.ticket_platforms p
        WHERE p.event_id IS NOT NULL AND NOT EXISTS (SELECT FROM boxoffice.ticket_events e WHERE e.event_id = p.event_id)
    UNION ALL
    SELECT 'right to read of a role that does not exist', NULL, g.grantee || ' ' || g.event_id FROM boxoffice.access_grants g
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = g.grantee)
    UNION ALL
    SELECT 'failed delivery that nobody will try again', l.platform, l.id::text FROM boxoffice.webhook_logs l
        WHERE (l.status = 'failed') <> (l.next_attempt_at IS NOT NULL)
$$;
COMMENT ON FUNCTION boxoffice.check_consistency() IS 'Rows that contradict each other: orphans, impossible quantities and amounts, wrong links. Empty when all is well; reads everything.';

CREATE FUNCTION boxoffice.payload(delivery boxoffice.webhook_logs) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN pg_catalog.convert_from(delivery.body, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION boxoffice.payload(boxoffice.webhook_logs) IS 'The body of a delivery as jsonb, for reading: SELECT l.id, l.payload FROM boxoffice.webhook_logs l. NULL where the body is not JSON.';

CREATE FUNCTION boxoffice.purge_webhook_logs(older_than interval DEFAULT '400 days', max_rows integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    removed integer;
BEGIN
    IF older_than IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION 'older_than and max_rows must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF older_than < interval '30 days' THEN
        RAISE EXCEPTION 'deliveries are kept for at least 30 days'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'They are the audit trail, and what replays are made from.';
    END IF;
    -- In pieces and past locked rows, so that it never waits for a delivery nor a delivery for it.
    DELETE FROM boxoffice.webhook_logs l
        WHERE l.id IN (SELECT d.id FROM boxoffice.webhook_logs d
                       WHERE d.processed AND d.created_at < pg_catalog.now() - older_than
                       ORDER BY d.created_at LIMIT max_rows FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION boxoffice.purge_webhook_logs(interval, integer) IS 'Deletes deliveries about which nothing is left to be done, the oldest first, at most max_rows of them; call again while it returns max_rows. Sales and attendees stay. Says how many.';

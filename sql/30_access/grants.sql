-- Roles of workers and readers.

CREATE FUNCTION boxoffice.readable_events(role_name name) RETURNS text[]
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$
    BEGIN
        -- Roles that were given tables without grant_reader() read them under policies of their own.
        IF NOT pg_catalog.has_table_privilege('boxoffice.access_grants', 'SELECT') THEN
            RETURN '{}';
        END IF;
        RETURN (
            SELECT COALESCE(pg_catalog.array_agg(g.event_id), '{}')
            FROM boxoffice.access_grants g
            JOIN pg_catalog.pg_roles r ON r.rolname = g.grantee
            WHERE pg_catalog.pg_has_role(role_name, r.oid, 'USAGE')
        );
    END
    $$;
COMMENT ON FUNCTION boxoffice.readable_events(name) IS 'The events whose rows a role may read, * among them when it may read all; of other roles'' grants only those that are the caller''s as well. Used by the row-level security policies.';

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
    PERFORM boxoffice._grant_figures(role_name);
    EXECUTE pg_catalog.format('GRANT SELECT ON boxoffice.ticket_events, boxoffice.ticket_platforms, boxoffice.ticket_sales, '
        'boxoffice.attendees, boxoffice.access_grants, boxoffice.webhook_activity, '
        'boxoffice.ticket_sales_analytics, boxoffice.ticket_sales_by_platform, boxoffice.attendee_checkin_status, boxoffice.platforms, '
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

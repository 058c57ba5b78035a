-- Deliveries and resources. Written in Rust; not STRICT, so that a NULL is an error and not a silent nothing.
-- Their plans are kept for the life of a connection; without a forced generic plan each call would plan them again.
-- lock_timeout is for what every delivery needs: the links of events, the log. A single order is waited for less long, and
-- does not end the call (extension/src/deliver/patience.rs).

CREATE FUNCTION boxoffice.version(OUT library_version text, OUT sql_version text) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 1 AS 'MODULE_PATHNAME', 'version_wrapper';
COMMENT ON FUNCTION boxoffice.version() IS 'Version of the loaded library and of the installed SQL.';

CREATE FUNCTION boxoffice.ingest_webhook(platform text, headers jsonb, body bytea,
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'ingest_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.ingest_webhook(text, jsonb, bytea) IS 'Takes one delivery: verifies the raw body, keeps it, applies it. Outcome: processed, duplicate, ignored, queued, invalid, failed or rejected; http_status is what the platform should be answered.';

CREATE FUNCTION boxoffice.ingest_webhook(platform text, headers jsonb, body text,
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'ingest_webhook_text_wrapper';
COMMENT ON FUNCTION boxoffice.ingest_webhook(text, jsonb, text) IS 'The same for a body given as text; its UTF-8 bytes are what was signed.';

CREATE FUNCTION boxoffice.ingest_webhooks(platforms text[], headers jsonb[], bodies bytea[],
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 64
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'ingest_webhooks_wrapper';
COMMENT ON FUNCTION boxoffice.ingest_webhooks(text[], jsonb[], bytea[]) IS 'Takes many deliveries in one transaction; one row each, in their order. A delivery that fails does not affect the others.';

CREATE FUNCTION boxoffice.body_bytes(body text, body_encoding text) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE body_encoding
        WHEN 'text' THEN RETURN pg_catalog.convert_to(body, 'UTF8');
        WHEN 'base64' THEN RETURN pg_catalog.decode(body, 'base64');
    END CASE;
EXCEPTION
    WHEN case_not_found THEN
        RAISE EXCEPTION 'unknown body_encoding "%"', body_encoding
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It is text, or base64 for the exact bytes.';
    WHEN invalid_parameter_value THEN
        RAISE EXCEPTION 'body is not base64' USING ERRCODE = 'invalid_parameter_value', HINT = 'Nothing was stored.';
END
$$;
COMMENT ON FUNCTION boxoffice.body_bytes(text, text) IS 'The bytes of a body given as text or as base64.';

CREATE FUNCTION boxoffice.ingest_webhook_rpc(platform text, headers jsonb, body text, body_encoding text DEFAULT 'text',
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT * FROM boxoffice.ingest_webhook(platform, headers, boxoffice.body_bytes(body, body_encoding)) $$;
COMMENT ON FUNCTION boxoffice.ingest_webhook_rpc(text, jsonb, text, text) IS 'ingest_webhook() for callers that choose a function by the names of its arguments, such as PostgREST: it has no other form. body_encoding: text (its UTF-8 bytes are what was signed) or base64 (the exact bytes).';

CREATE FUNCTION boxoffice.process_webhook(platform text, event_type text, data jsonb,
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'process_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.process_webhook(text, text, jsonb) IS 'Applies an event by hand, without a signature: for trusted callers. What data is depends on the platform: what its deliveries say besides the event type.';

CREATE FUNCTION boxoffice.apply_resource(platform text, kind text, body bytea, fetched_at timestamptz DEFAULT NULL,
        OUT log_id bigint, OUT items integer, OUT orders_changed integer, OUT attendees_changed integer, OUT events_changed integer, OUT notes text[]) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'apply_resource_wrapper';
COMMENT ON FUNCTION boxoffice.apply_resource(text, text, bytea, timestamptz) IS 'Applies an answer of a platform''s API: order, orders, ticket, tickets, attendee, attendees, event or events (plural: a page as the API sends it). fetched_at: when it was asked for; NULL when not known.';

CREATE FUNCTION boxoffice.apply_resource(platform text, kind text, body text, fetched_at timestamptz DEFAULT NULL,
        OUT log_id bigint, OUT items integer, OUT orders_changed integer, OUT attendees_changed integer, OUT events_changed integer, OUT notes text[]) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'apply_resource_text_wrapper';
COMMENT ON FUNCTION boxoffice.apply_resource(text, text, text, timestamptz) IS 'The same for a body given as text.';

CREATE FUNCTION boxoffice.apply_resource_rpc(platform text, kind text, body text, body_encoding text DEFAULT 'text', fetched_at timestamptz DEFAULT NULL,
        OUT log_id bigint, OUT items integer, OUT orders_changed integer, OUT attendees_changed integer, OUT events_changed integer, OUT notes text[]) RETURNS SETOF record
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT * FROM boxoffice.apply_resource(platform, kind, boxoffice.body_bytes(body, body_encoding), fetched_at) $$;
COMMENT ON FUNCTION boxoffice.apply_resource_rpc(text, text, text, text, timestamptz) IS 'apply_resource() for callers that choose a function by the names of its arguments, such as PostgREST. body_encoding: text or base64.';

-- The functions written in Rust. Those that write are not STRICT, so that a NULL is an error and not a silent nothing.
-- Their plans are kept for the life of a connection; without a forced generic plan each call would plan them again.

CREATE FUNCTION boxoffice.version(OUT library_version text, OUT sql_version text) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 1 AS 'MODULE_PATHNAME', 'version_wrapper';
COMMENT ON FUNCTION boxoffice.version() IS 'Version of the loaded library and of the installed SQL.';

CREATE FUNCTION boxoffice.ingest_webhook(platform text, headers jsonb, body bytea,
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'ingest_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.ingest_webhook(text, jsonb, bytea) IS 'Takes one delivery: verifies the raw body, keeps it, applies it. Outcome: processed, duplicate, ignored, queued, invalid, failed or rejected; http_status is what the platform should be answered.';

CREATE FUNCTION boxoffice.ingest_webhook(platform text, headers jsonb, body text,
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'ingest_webhook_text_wrapper';
COMMENT ON FUNCTION boxoffice.ingest_webhook(text, jsonb, text) IS 'The same for a body given as text; its UTF-8 bytes are what was signed.';

CREATE FUNCTION boxoffice.ingest_webhooks(platforms text[], headers jsonb[], bodies bytea[],
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 64
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'ingest_webhooks_wrapper';
COMMENT ON FUNCTION boxoffice.ingest_webhooks(text[], jsonb[], bytea[]) IS 'Takes many deliveries in one transaction; one row each, in their order. A delivery that fails does not affect the others.';

CREATE FUNCTION boxoffice.process_webhook(platform text, event_type text, data jsonb,
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'process_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.process_webhook(text, text, jsonb) IS 'Applies an event by hand, without a signature: for trusted callers. data is the inner object of a Humanitix envelope, or the whole body of an Eventbrite delivery.';

CREATE FUNCTION boxoffice.apply_resource(platform text, kind text, body bytea, fetched_at timestamptz DEFAULT NULL,
        OUT log_id bigint, OUT items integer, OUT orders_changed integer, OUT attendees_changed integer, OUT events_changed integer, OUT notes text[]) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'apply_resource_wrapper';
COMMENT ON FUNCTION boxoffice.apply_resource(text, text, bytea, timestamptz) IS 'Applies an answer of a platform''s API: order, orders, ticket, tickets, attendee, attendees, event or events (plural: a page as the API sends it). fetched_at: when it was asked for; NULL when not known.';

CREATE FUNCTION boxoffice.apply_resource(platform text, kind text, body text, fetched_at timestamptz DEFAULT NULL,
        OUT log_id bigint, OUT items integer, OUT orders_changed integer, OUT attendees_changed integer, OUT events_changed integer, OUT notes text[]) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'apply_resource_text_wrapper';
COMMENT ON FUNCTION boxoffice.apply_resource(text, text, text, timestamptz) IS 'The same for a body given as text.';

CREATE FUNCTION boxoffice.explain_webhook(platform text, headers jsonb, body bytea,
        OUT step text, OUT passed boolean, OUT detail text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'explain_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.explain_webhook(text, jsonb, bytea) IS 'What would become of a delivery: each check, why it fails, and what would change. Writes nothing.';

CREATE FUNCTION boxoffice.explain_webhook(platform text, headers jsonb, body text,
        OUT step text, OUT passed boolean, OUT detail text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'explain_webhook_text_wrapper';
COMMENT ON FUNCTION boxoffice.explain_webhook(text, jsonb, text) IS 'The same for a body given as text.';

CREATE FUNCTION boxoffice.replay_webhook(log_id bigint,
        OUT outcome text, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'replay_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.replay_webhook(bigint) IS 'Applies a kept delivery again, from its bytes. Changes nothing that has already been learned from it.';

CREATE FUNCTION boxoffice.retry_failed_webhooks(max_deliveries integer DEFAULT 1000, include_dead boolean DEFAULT false,
        OUT tried integer, OUT succeeded integer, OUT failed integer, OUT dead integer) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'retry_failed_webhooks_wrapper';
COMMENT ON FUNCTION boxoffice.retry_failed_webhooks(integer, boolean) IS 'Tries the failed deliveries that are due again, oldest first; with include_dead also the dead ones, due or not. Several sessions share the work.';

CREATE FUNCTION boxoffice.sample_webhook(platform text, event_type text,
        OUT path text, OUT headers jsonb, OUT body text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'sample_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.sample_webhook(text, text) IS 'A realistic delivery, correctly signed with the present secret, to try things with: ingest_webhook(platform, headers, body), or POST it to path.';

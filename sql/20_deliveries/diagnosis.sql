-- Looking at deliveries, and clearing old ones away.

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

CREATE FUNCTION boxoffice.explain_webhook_rpc(platform text, headers jsonb, body text, body_encoding text DEFAULT 'text',
        OUT step text, OUT passed boolean, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT * FROM boxoffice.explain_webhook(platform, headers, boxoffice.body_bytes(body, body_encoding)) $$;
COMMENT ON FUNCTION boxoffice.explain_webhook_rpc(text, jsonb, text, text) IS 'explain_webhook() for callers that choose a function by the names of its arguments, such as PostgREST. body_encoding: text or base64.';

CREATE FUNCTION boxoffice.sample_webhook(platform text, event_type text,
        OUT path text, OUT headers jsonb, OUT body text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'sample_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.sample_webhook(text, text) IS 'A realistic delivery, correctly signed with the present secret, to try things with: ingest_webhook(platform, headers, body), or POST it to path.';

CREATE FUNCTION boxoffice.check_ready(OUT problem text, OUT library_version text, OUT sql_version text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    -- The disk of the tables is the one to be tried, not one for temporary files.
    SET search_path = pg_catalog, boxoffice, pg_temp SET lock_timeout = '1s' SET temp_tablespaces = ''
    AS 'MODULE_PATHNAME', 'check_ready_wrapper';
COMMENT ON FUNCTION boxoffice.check_ready() IS 'Whether a delivery could be kept now: takes the locks of a delivery, writes, and takes the writing back. Fails with what a delivery would fail with; problem says what is wrong besides, NULL when nothing is. Leaves nothing behind.';

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

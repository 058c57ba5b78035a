-- Kept deliveries, applied again.

CREATE FUNCTION boxoffice.replay_webhook(log_id bigint,
        OUT outcome text, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'replay_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.replay_webhook(bigint) IS 'Applies a kept delivery again, from its bytes. Changes nothing that has already been learned from it.';

CREATE FUNCTION boxoffice.retry_failed_webhooks(max_deliveries integer DEFAULT 1000, include_dead boolean DEFAULT false,
        platform text DEFAULT NULL, event_type text DEFAULT NULL, error_code text DEFAULT NULL,
        OUT tried integer, OUT succeeded integer, OUT failed integer, OUT dead integer) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'retry_failed_webhooks_wrapper';
COMMENT ON FUNCTION boxoffice.retry_failed_webhooks(integer, boolean, text, text, text) IS 'Tries the failed deliveries that are due again, oldest first; with include_dead also the dead ones, due or not; only those of a platform, an event type or an error code, where one is given. Several sessions share the work.';

CREATE FUNCTION boxoffice.replay_webhooks(from_time timestamptz, until_time timestamptz DEFAULT NULL, platform text DEFAULT NULL,
        OUT replayed integer, OUT changed integer, OUT failed integer) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'replay_webhooks_wrapper';
COMMENT ON FUNCTION boxoffice.replay_webhooks(timestamptz, timestamptz, text) IS 'Applies all kept deliveries and API bodies of a time again, from their bytes. What was applied before changes nothing, whatever the order. until_time NULL: until now.';

CREATE FUNCTION boxoffice.replay_diff(from_time timestamptz, until_time timestamptz DEFAULT NULL, platform text DEFAULT NULL,
        OUT log_id bigint, OUT platform_order_id text, OUT change text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'replay_diff_wrapper';
COMMENT ON FUNCTION boxoffice.replay_diff(timestamptz, timestamptz, text) IS 'What replay_webhooks() would change: one row for each delivery and order that would look different. Changes nothing.';

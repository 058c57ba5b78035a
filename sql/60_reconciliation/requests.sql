-- Reconciliation on request.

CREATE FUNCTION boxoffice.reconcile_event(event_id text, dry_run boolean DEFAULT false) RETURNS SETOF bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'reconcile_event_wrapper';
COMMENT ON FUNCTION boxoffice.reconcile_event(text, boolean) IS 'Compares the platforms'' complete listings of one of our events with what is here, and puts right what differs; with dry_run it only compares. Returns the numbers of the runs; reconciliation_reports has the result.';

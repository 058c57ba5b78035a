-- Times that a clock which was ahead has left behind.

CREATE FUNCTION boxoffice.past(at timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT CASE WHEN at <= clock_timestamp() THEN at END $$;
COMMENT ON FUNCTION boxoffice.past(timestamptz) IS 'The time, or NULL when it has not come yet: then a clock that was ahead has written it, and it counts as never.';

CREATE FUNCTION boxoffice.mend_times(ahead interval DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'mend_times_wrapper';
COMMENT ON FUNCTION boxoffice.mend_times(interval) IS 'Puts right what a clock that was ahead has left behind: times to wait for that are later than any wait can be. ahead: how far it was, when that is known. Says how many rows it changed.';

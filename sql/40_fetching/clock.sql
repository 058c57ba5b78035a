-- Times that a clock which was ahead has left behind.

CREATE FUNCTION boxoffice.past(at timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT CASE WHEN at <= clock_timestamp() THEN at END $$;
COMMENT ON FUNCTION boxoffice.past(timestamptz) IS 'The time, or NULL when it has not come yet: then a clock that was ahead has written it, and it counts as never.';

CREATE FUNCTION boxoffice.mend_times(ahead interval DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := clock_timestamp();
    mended integer;
    more integer;
BEGIN
    -- No wait is longer than an hour and a fifth, no lease than two minutes.
    UPDATE boxoffice.fetch_jobs u SET due_at = GREATEST(moment, u.due_at - COALESCE(mend_times.ahead, interval '100 years')),
            created_at = LEAST(u.created_at, moment)
        WHERE u.id IN (SELECT j.id FROM boxoffice.fetch_jobs j
            WHERE j.status IN ('waiting', 'leased') AND j.due_at < 'infinity'
              AND j.due_at > moment + CASE WHEN mend_times.ahead IS NOT NULL THEN interval '0' WHEN j.status = 'leased' THEN interval '5 minutes'
                                           ELSE interval '2 hours' END
            ORDER BY j.id FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS mended = ROW_COUNT;
    UPDATE boxoffice.platform_accounts a SET
            blocked_until = CASE WHEN mend_times.ahead IS NOT NULL THEN a.blocked_until - mend_times.ahead
                                 WHEN a.blocked_until <= moment + interval '25 hours' THEN a.blocked_until END,
            burst_until = CASE WHEN a.burst_until <= moment + interval '2 minutes' THEN a.burst_until END,
            burst_off_until = CASE WHEN a.burst_off_until <= moment + interval '1 hour' THEN a.burst_off_until END,
            discovered_at = boxoffice.past(a.discovered_at),
            troubled_at = LEAST(a.troubled_at, moment)
        WHERE a.blocked_until > moment + CASE WHEN mend_times.ahead IS NULL THEN interval '25 hours' ELSE interval '0' END
           OR a.burst_until > moment + interval '2 minutes' OR a.burst_off_until > moment + interval '1 hour'
           OR a.discovered_at > moment OR a.troubled_at > moment;
    GET DIAGNOSTICS more = ROW_COUNT;
    mended := mended + more;
    IF mend_times.ahead IS NOT NULL THEN
        -- What was really synchronised, by the right clock.
        UPDATE boxoffice.ticket_platforms t SET
                last_sync_at = CASE WHEN t.last_sync_at > moment THEN t.last_sync_at - mend_times.ahead ELSE t.last_sync_at END,
                last_full_sync_at = CASE WHEN t.last_full_sync_at > moment THEN t.last_full_sync_at - mend_times.ahead ELSE t.last_full_sync_at END,
                last_attempt_at = boxoffice.past(t.last_attempt_at), last_full_attempt_at = boxoffice.past(t.last_full_attempt_at),
                tickets_swept_at = CASE WHEN t.tickets_swept_at > moment THEN t.tickets_swept_at - mend_times.ahead ELSE t.tickets_swept_at END
            WHERE GREATEST(t.last_sync_at, t.last_full_sync_at, t.last_attempt_at, t.last_full_attempt_at, t.tickets_swept_at) > moment;
        GET DIAGNOSTICS more = ROW_COUNT;
        mended := mended + more;
    END IF;
    DELETE FROM boxoffice.account_calls c WHERE c.minute > moment + interval '1 minute';
    -- A delivery is tried again after seven hours and a fifth at most.
    UPDATE boxoffice.webhook_logs l SET next_attempt_at = moment
        WHERE l.next_attempt_at > moment + interval '8 hours';
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN mended + more;
END
$$;
COMMENT ON FUNCTION boxoffice.mend_times(interval) IS 'Puts right what a clock that was ahead has left behind: times to wait for that are later than any wait can be. ahead: how far it was, when that is known. Says how many rows it changed.';

-- Hints of changes: which are worth a call, and lists in the place of many.

CREATE FUNCTION boxoffice.has_heard_of(platform text, kind text, resource_id text, external_event_id text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    SELECT CASE kind
        WHEN 'order' THEN EXISTS (SELECT FROM boxoffice.order_states o
            WHERE o.platform = has_heard_of.platform AND o.platform_order_id = has_heard_of.resource_id)
        WHEN 'event' THEN EXISTS (SELECT FROM boxoffice.ticket_platforms t
            WHERE t.platform = has_heard_of.platform AND t.external_event_id = has_heard_of.resource_id)
        -- Attendees cannot be found by their own ids without reading all of them.
        WHEN 'attendee' THEN EXISTS (SELECT FROM boxoffice.ticket_platforms t
            WHERE t.platform = has_heard_of.platform AND t.external_event_id = has_heard_of.external_event_id AND t.event_id IS NOT NULL)
        ELSE false END
$$;
COMMENT ON FUNCTION boxoffice.has_heard_of(text, text, text, text) IS 'Whether what a hint is about is known here: an order or event that is here, or an attendee of a linked event. Whoever has the secret of the webhook URL can make up as many others as they like.';

CREATE FUNCTION boxoffice.room_for_doubtful(platform text, account text) RETURNS integer
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    SELECT GREATEST(1000 - count(*), 0)::integer FROM boxoffice.fetch_jobs j
    WHERE j.platform = room_for_doubtful.platform AND j.account = room_for_doubtful.account AND j.status = 'waiting' AND j.priority = 6
$$;
COMMENT ON FUNCTION boxoffice.room_for_doubtful(text, text) IS 'How many more hints of what nobody has heard of may wait: a thousand in all.';

CREATE FUNCTION boxoffice.hold_hints(a boxoffice.platform_accounts, moment timestamptz, threshold integer) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    orders integer;
    attendees integer;
    leftover integer;
    oldest timestamptz;
    run bigint;
    scopes text[];
BEGIN
    IF cardinality(a.organization_ids) = 0 OR a.burst_off_until BETWEEN moment AND moment + interval '1 hour' OR a.status <> 'active' THEN
        -- Until all are sorted those that are not have to wait: the ones that matter may be among the last.
        RETURN boxoffice.sift_hints(a, moment) = 50000;
    END IF;
    -- What a list has not shown once is not asked for by another list of that kind: it may never show it.
    SELECT count(*) FILTER (WHERE j.kind = 'order'), count(*) FILTER (WHERE j.kind = 'attendee'),
           count(*) FILTER (WHERE j.kind = 'attendee' AND j.restarts > 0)
        INTO orders, attendees, leftover
        FROM boxoffice.fetch_jobs j
        WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
          AND j.due_at <= moment AND j.purpose = 'hint' AND ((j.kind = 'order' AND j.restarts = 0) OR (j.kind = 'attendee' AND j.restarts < 2));
    scopes := CASE WHEN orders > threshold THEN ARRAY['orders'] ELSE '{}'::text[] END
        -- The lists of orders show their attendees too; those that they did not show have a list of their own.
        || CASE WHEN leftover > threshold OR (orders <= threshold AND attendees > threshold)
                THEN ARRAY['attendees'] ELSE '{}'::text[] END;
    IF cardinality(scopes) = 0 THEN
        RETURN false;
    END IF;
    INSERT INTO boxoffice.sync_history (platform, account, mode, reason, priority)
        VALUES (a.platform, a.name, 'burst', 'burst', 1) RETURNING id INTO run;
    WITH covered AS (
        UPDATE boxoffice.fetch_jobs u SET status = 'covered', run_id = run
        FROM (SELECT j.id FROM boxoffice.fetch_jobs j
              WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
                AND j.due_at <= moment AND j.purpose = 'hint' AND ((j.kind = 'order' AND j.restarts = 0 AND 'orders' = ANY (scopes))
                    OR (j.kind = 'attendee' AND j.restarts < CASE WHEN 'attendees' = ANY (scopes) THEN 2 ELSE 1 END))
              -- As many as one call can deal with in time; the list shows what is real among the others as well.
              ORDER BY j.id LIMIT 50000 FOR UPDATE SKIP LOCKED) k
        WHERE u.id = k.id RETURNING u.created_at)
    SELECT LEAST(min(created_at), moment) INTO oldest FROM covered;
    IF oldest IS NULL THEN
        DELETE FROM boxoffice.sync_history h WHERE h.id = run;
        RETURN false;
    END IF;
    -- Clocks differ, and a hint takes a while: what is missed by this is asked for by itself afterwards.
    IF (SELECT sum(boxoffice.add_lists(run, 'organization ' || scope, organization, oldest - interval '2 minutes', NULL, false))
        FROM unnest(scopes) scope, unnest(a.organization_ids) organization) = 0 THEN
        PERFORM boxoffice.fail_run(run, 'there is no list that can be asked for');
        RETURN false;
    END IF;
    UPDATE boxoffice.platform_accounts p SET burst_until = moment + interval '60 seconds'
        WHERE p.platform = a.platform AND p.name = a.name;
    RETURN true;
END
$$;
COMMENT ON FUNCTION boxoffice.hold_hints(boxoffice.platform_accounts, timestamptz, integer) IS 'Whether hints of orders and attendees wait for a list. Begins one when more than the threshold wait; where there is no list, sorts out those of what nobody has heard of.';

CREATE FUNCTION boxoffice.uncover(run bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    threshold integer;
    room integer;
BEGIN
    UPDATE boxoffice.fetch_jobs j SET status = 'done', finished_at = clock_timestamp()
        FROM (SELECT 'order' AS kind, o AS resource_id FROM boxoffice.sync_pages g, unnest(g.order_ids) o WHERE g.run_id = run
              UNION
              SELECT 'attendee', t FROM boxoffice.sync_pages g, unnest(g.attendee_ids) t WHERE g.run_id = run) shown
        WHERE j.run_id = run AND j.status = 'covered' AND j.kind = shown.kind AND j.resource_id = shown.resource_id;
    SELECT COALESCE(p.burst_threshold, 20), boxoffice.room_for_doubtful(h.platform, h.account) INTO threshold, room
        FROM boxoffice.sync_history h LEFT JOIN boxoffice.platform_accounts p ON p.platform = h.platform AND p.name = h.account
        WHERE h.id = run;
    -- A few of what nobody has heard of are asked for at once, like all others. Of many the newest are, after everything else: an
    -- order that has just been placed would have been in the list.
    WITH left_over AS MATERIALIZED (
        SELECT j.id, boxoffice.has_heard_of(j.platform, j.kind, j.resource_id, j.external_event_id) AS heard
        FROM boxoffice.fetch_jobs j WHERE j.run_id = run AND j.status = 'covered'
    ), sorted AS MATERIALIZED (
        SELECT o.id, o.heard, NOT o.heard AND count(*) FILTER (WHERE NOT o.heard) OVER () > threshold AS one_of_many,
               row_number() OVER (PARTITION BY o.heard ORDER BY o.id DESC) AS place
        FROM left_over o
    ), dropped AS (
        UPDATE boxoffice.fetch_jobs u SET status = 'dropped', finished_at = clock_timestamp(), run_id = NULL, doubtful = true,
               last_error = 'nobody has heard of it here, and the list of what has changed does not show it'
        FROM sorted s WHERE u.id = s.id AND s.one_of_many AND s.place > room
    ), back AS (
        DELETE FROM boxoffice.fetch_jobs u USING sorted s WHERE u.id = s.id AND NOT (s.one_of_many AND s.place > room)
        RETURNING u.*, s.heard, s.one_of_many
    )
    INSERT INTO boxoffice.fetch_jobs AS w (platform, account, path, kind, resource_id, external_event_id, purpose, priority, attempts, doubtful,
            restarts, created_at)
        SELECT b.platform, b.account, b.path, b.kind, b.resource_id, b.external_event_id, b.purpose,
               CASE WHEN b.one_of_many THEN 6 ELSE b.priority END, b.attempts, b.doubtful OR NOT b.heard, b.restarts + 1, b.created_at
        FROM back b ORDER BY b.platform, b.path, b.account
        ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL
        DO UPDATE SET due_at = LEAST(w.due_at, excluded.due_at), priority = LEAST(w.priority, excluded.priority), purpose = 'hint';
END
$$;
COMMENT ON FUNCTION boxoffice.uncover(bigint) IS 'Ends the stand-in of a list for hints: what it has shown is done, what it has not is fetched by itself, unless it is one of too many that nobody has heard of.';

CREATE FUNCTION boxoffice.sift_hints(a boxoffice.platform_accounts, moment timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    sorted integer;
BEGIN
    WITH fresh AS MATERIALIZED (
        SELECT j.id, boxoffice.has_heard_of(j.platform, j.kind, j.resource_id, j.external_event_id) AS heard
        FROM boxoffice.fetch_jobs j
        WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
          AND j.due_at <= moment AND j.purpose = 'hint' AND ((j.kind = 'order' AND j.restarts = 0) OR (j.kind = 'attendee' AND j.restarts < 2))
        ORDER BY j.id LIMIT 50000 FOR UPDATE SKIP LOCKED
    ), sorted AS MATERIALIZED (
        SELECT f.id, f.heard, NOT f.heard AND row_number() OVER (PARTITION BY f.heard ORDER BY f.id DESC) > boxoffice.room_for_doubtful(a.platform, a.name) AS too_many
        FROM fresh f
    )
    UPDATE boxoffice.fetch_jobs u SET
        -- Those that are known are fetched one by one from now on.
        restarts = GREATEST(u.restarts, CASE u.kind WHEN 'order' THEN 1 ELSE 2 END), priority = CASE WHEN s.heard THEN 0 ELSE 6 END,
        doubtful = u.doubtful OR NOT s.heard,
        status = CASE WHEN s.too_many THEN 'dropped' ELSE u.status END,
        finished_at = CASE WHEN s.too_many THEN clock_timestamp() END,
        last_error = CASE WHEN s.too_many THEN 'one of too many that nobody has heard of here' ELSE u.last_error END
    FROM sorted s WHERE u.id = s.id;
    GET DIAGNOSTICS sorted = ROW_COUNT;
    RETURN sorted;
END
$$;
COMMENT ON FUNCTION boxoffice.sift_hints(boxoffice.platform_accounts, timestamptz) IS 'Puts waiting hints of what nobody has heard of behind everything else, and drops those that are too many; 50,000 in one call. Used where no list can stand in for them. Says how many it has dealt with.';

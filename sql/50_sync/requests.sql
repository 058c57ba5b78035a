-- Synchronisation on request.

CREATE FUNCTION boxoffice.begin_for_event(event_id text, mode text, dry_run boolean) RETURNS SETOF bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p boxoffice.ticket_platforms;
BEGIN
    IF event_id IS NULL THEN
        RAISE EXCEPTION 'event_id must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF NOT EXISTS (SELECT FROM boxoffice.ticket_platforms t WHERE t.event_id = begin_for_event.event_id) THEN
        RAISE EXCEPTION 'event "%" is not linked to an event of a platform', event_id
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM boxoffice.link_suggestions shows what it could be linked to; link_event() links.';
    END IF;
    FOR p IN SELECT * FROM boxoffice.ticket_platforms t WHERE t.event_id = begin_for_event.event_id ORDER BY t.platform, t.external_event_id LOOP
        PERFORM boxoffice.require_account(p.platform, boxoffice.account_of(p.platform, p.external_event_id));
        RETURN NEXT boxoffice.begin_event_sync(p.platform, p.external_event_id, mode, 'manual', 2, dry_run);
    END LOOP;
    PERFORM pg_catalog.pg_notify('boxoffice_fetch', '');
END
$$;
COMMENT ON FUNCTION boxoffice.begin_for_event(text, text, boolean) IS 'Begins a synchronisation of each platform''s event that one of ours is linked to. Use sync_event() or reconcile_event().';

CREATE FUNCTION boxoffice.sync_event(event_id text) RETURNS SETOF bigint
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT boxoffice.begin_for_event(event_id, 'full', false) $$;
COMMENT ON FUNCTION boxoffice.sync_event(text) IS 'Asks for everything that the platforms know of one of our events, soon. Returns the numbers of the runs; sync_runs shows their progress.';

CREATE FUNCTION boxoffice.sync_platform(platform text) RETURNS SETOF bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    a boxoffice.platform_accounts;
    p boxoffice.ticket_platforms;
BEGIN
    PERFORM boxoffice.require_account(platform);
    FOR a IN SELECT * FROM boxoffice.platform_accounts t WHERE t.platform = sync_platform.platform AND boxoffice.is_held(t.announced_at)
             ORDER BY t.name LOOP
        RETURN NEXT boxoffice.begin_discovery(a.platform, a.name, 'manual', 2);
    END LOOP;
    FOR p IN SELECT * FROM boxoffice.ticket_platforms t
             WHERE t.platform = sync_platform.platform AND t.event_id IS NOT NULL
               -- Nobody could read what no account can.
               AND EXISTS (SELECT FROM boxoffice.platform_accounts k
                   WHERE k.platform = t.platform AND k.name = boxoffice.account_of(t.platform, t.external_event_id)
                     AND boxoffice.is_held(k.announced_at))
             ORDER BY t.external_event_id LOOP
        RETURN NEXT boxoffice.begin_event_sync(p.platform, p.external_event_id, 'full', 'manual', 2, false);
    END LOOP;
    PERFORM pg_catalog.pg_notify('boxoffice_fetch', '');
END
$$;
COMMENT ON FUNCTION boxoffice.sync_platform(text) IS 'Asks for the events of a platform''s accounts, and for everything of those that are linked. Returns the numbers of the runs.';

CREATE FUNCTION boxoffice.sync_all() RETURNS SETOF bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    p text;
BEGIN
    FOR p IN SELECT DISTINCT a.platform FROM boxoffice.platform_accounts a WHERE boxoffice.is_held(a.announced_at) ORDER BY 1 LOOP
        RETURN QUERY SELECT r FROM boxoffice.sync_platform(p) r;
    END LOOP;
    IF p IS NULL THEN
        RAISE EXCEPTION 'no worker has announced a credential'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Start the worker with a credential: platforms.credential_variable names the variables.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.sync_all() IS 'sync_platform() for each platform that a worker holds a credential for.';

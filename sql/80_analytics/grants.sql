-- Rights to the figures.

CREATE FUNCTION boxoffice._grant_figures(role_name name) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA boxoffice TO %I', role_name);
    EXECUTE pg_catalog.format('GRANT SELECT ON boxoffice.sales_days, boxoffice.sheet_marks, boxoffice.sheet_coverage, boxoffice.sale_history, '
        'boxoffice.show_settings, boxoffice.console_settings, boxoffice.payouts, boxoffice._sale_versions, boxoffice._version_facts, boxoffice.sale_facts, '
        'boxoffice._platform_events, boxoffice._sale_days, boxoffice._show_members, boxoffice.shows, boxoffice._buyers, boxoffice.access_grants TO %I', role_name);
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I',
        (SELECT pg_catalog.string_agg(p.oid::pg_catalog.regprocedure::text, ', ') FROM pg_catalog.pg_proc p
         WHERE p.pronamespace = 'boxoffice'::pg_catalog.regnamespace AND p.proname = ANY (ARRAY[
             '_zone', '_local_days', '_days_from_rows', '_days', '_days_of_span', '_capacity', '_require_event', '_require_show', '_require_span', '_require_zone',
             '_require_platform', '_event_zone', '_organisation_zone', '_likeness', '_the_show', '_curves', '_forecast', '_shares_of_day', '_versions_at',
             'event_totals', 'organisation_totals', 'sales_timeline', 'sales_velocity', 'platform_breakdown', 'ticket_type_breakdown', 'refund_summary',
             'net_revenue', 'buying_hours', 'customer_summary', 'comparable_shows', 'sales_pace', 'sales_forecast', 'forecast_accuracy', 'sales_as_of',
             'sales_explained', 'order_history', 'settlement', 'payout_reconciliation', 'attendance', 'no_shows', 'duplicate_attendees',
             'check_analytics', 'tonight', 'needs_attention'])), role_name);
END
$$;
COMMENT ON FUNCTION boxoffice._grant_figures(name) IS 'Gives a role what the functions of analytics need beside the tables of sales and attendees.';

CREATE FUNCTION boxoffice.grant_analyst(role_name name, event_id text DEFAULT '*') RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    readable record;
BEGIN
    PERFORM boxoffice.require_role(role_name);
    IF grant_analyst.event_id IS NULL OR grant_analyst.event_id = '' THEN
        RAISE EXCEPTION 'event_id must not be null or empty'
            USING ERRCODE = 'null_value_not_allowed', DETAIL = 'It says which rows the role may read.', HINT = '* means all events.';
    END IF;
    PERFORM boxoffice._grant_figures(role_name);
    EXECUTE pg_catalog.format('GRANT SELECT ON boxoffice.ticket_events, boxoffice.ticket_sales_analytics, boxoffice.attendee_checkin_status, '
        'boxoffice.sync_status, boxoffice.sync_plan, boxoffice.sync_runs, boxoffice.sync_drift, boxoffice.reconciliation_reports, boxoffice.sync_history, boxoffice.reconciliation_differences, '
        'boxoffice.platform_accounts, boxoffice.deliveries_noted, boxoffice.webhook_activity TO %I', role_name);
    -- Neither whom it is about, nor the documents that say so.
    FOR readable IN
        SELECT t.name, t.hidden FROM (VALUES
            ('boxoffice.ticket_sales', ARRAY['customer_name', 'customer_email', 'customer_phone', 'raw_data']),
            ('boxoffice.attendees', ARRAY['name', 'first_name', 'last_name', 'email', 'phone', 'barcode', 'platform_data']),
            ('boxoffice.ticket_platforms', ARRAY['platform_data']),
            ('boxoffice.webhook_logs', ARRAY['headers', 'body', 'payload'])) t (name, hidden)
    LOOP
        EXECUTE pg_catalog.format('GRANT SELECT (%s) ON %s TO %I',
            (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = readable.name::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (readable.hidden)),
            readable.name, role_name);
    END LOOP;
    INSERT INTO boxoffice.access_grants (grantee, event_id) VALUES (role_name, grant_analyst.event_id) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION boxoffice.grant_analyst(name, text) IS 'Lets a role read the figures of one event, or of all (*), and the columns of sales and attendees that say nothing about a person. Rights that it has already stay; revoke_reader() takes the rows back.';

-- What you have added to the tables of boxoffice, as SQL, because pg_dump leaves it out: it takes only the rows of an
-- extension's tables. Run it beside each dump, and its output after each restore; docs/OPERATING.md shows how:
--
--   psql -XAtq -f docs/own-definitions.sql service=boxoffice > boxoffice-own.sql
--
-- Not in it: columns that you have added (the dump cannot be restored with them), comments, settings of functions.
SET search_path = '';
WITH ours (name) AS (
    -- What the extension itself has, which comes back with CREATE EXTENSION: indexes, constraints; table and trigger, table
    -- and policy.
    SELECT pg_catalog.unnest(ARRAY[
        'attendees_event_idx', 'fetch_jobs_due_idx', 'fetch_jobs_lease_idx', 'fetch_jobs_leased_idx', 'fetch_jobs_run_idx',
        'fetch_jobs_waiting_idx', 'sync_history_event_idx', 'sync_history_open_idx', 'sync_history_running_idx',
        'ticket_platforms_event_id_idx', 'ticket_sales_event_idx', 'ticket_sales_void_idx', 'sales_days_day_idx', 'sale_history_event_idx', 'webhook_logs_created_at_idx', 'webhook_logs_due_idx',
        'fetch_jobs_kind_known', 'fetch_jobs_path_bounded', 'fetch_jobs_path_is_a_path', 'fetch_jobs_purpose_known',
        'fetch_jobs_status_known', 'platform_accounts_limits_sensible', 'platform_accounts_name_is_a_name',
        'platform_accounts_status_known', 'platform_settings_authentication_known', 'platform_settings_encoding_known',
        'platform_settings_signature_header_is_a_name', 'platform_settings_signed_content_known',
        'platform_settings_timestamp_header_is_a_name', 'platform_settings_tolerance_sensible', 'reconciliation_differences_known',
        'sync_history_failure_known', 'sync_history_mode_known', 'sync_history_status_known', 'task_lock_is_one_row',
        'console_settings_is_one_row', 'payouts_are_for_something', 'sale_history_is_over', 'show_settings_money_has_currency',
        'deliveries_noted_one_row', 'ready_probe_has_one_row', 'sync_history_open_event_idx', 'ready_probe fillfactor=10',
        'webhook_rejections fillfactor=25', 'ticket_events_ends_after_start', 'webhook_rejections_body_bounded',
        'webhook_rejections_slot_bounded', 'webhook_secrets_kind_known',
        'platform_settings settings_changed', 'webhook_secrets settings_changed',
        'ticket_events readers', 'ticket_platforms readers', 'ticket_sales readers', 'attendees readers',
        'sales_days readers', 'sheet_marks readers', 'sheet_coverage readers', 'sale_history readers', 'show_settings readers', 'payouts readers',
        'access_grants own', 'webhook_logs readers', 'platform_accounts readers', 'sync_history readers', 'reconciliation_differences readers'])
), tables AS (
    SELECT c.oid, c.relname, c.oid::pg_catalog.regclass AS name, c.relreplident, c.relforcerowsecurity, c.reloptions, t.reloptions AS toast_options
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'boxoffice'
    JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'r'
    LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
      AND d.deptype = 'e'
), columns AS (
    SELECT t.name AS relation, a.*, y.typstorage FROM tables t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
), statements (part, object, statement) AS (
    SELECT 1, x.relname, pg_catalog.pg_get_indexdef(i.indexrelid)
        FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
          AND x.relname NOT IN (TABLE ours)
    UNION ALL
    -- Keys before the foreign keys that refer to them.
    SELECT CASE k.contype WHEN 'f' THEN 3 ELSE 2 END, k.conname, pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', t.name, k.conname, pg_catalog.pg_get_constraintdef(k.oid))
        FROM tables t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid
        WHERE k.contype IN ('c', 'u', 'x', 'f') AND k.conname NOT IN (TABLE ours)
    UNION ALL
    SELECT 4, g.tgname, pg_catalog.pg_get_triggerdef(g.oid) || CASE g.tgenabled WHEN 'O' THEN '' ELSE
               pg_catalog.format('; ALTER TABLE %s %s TRIGGER %I', t.name, CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, g.tgname) END
        FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid
        WHERE NOT g.tgisinternal AND pg_catalog.concat_ws(' ', t.relname, g.tgname) NOT IN (TABLE ours)
    UNION ALL
    SELECT 5, r.rulename, pg_catalog.rtrim(pg_catalog.pg_get_ruledef(r.oid), ';') || CASE r.ev_enabled WHEN 'O' THEN '' ELSE
               pg_catalog.format('; ALTER TABLE %s %s RULE %I', t.name, CASE r.ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, r.rulename) END
        FROM tables t JOIN pg_catalog.pg_rewrite r ON r.ev_class = t.oid
    UNION ALL
    SELECT 6, p.polname, pg_catalog.concat_ws(' ', pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, t.name,
               CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
               CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
               (SELECT pg_catalog.string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o)) END, ', ') FROM pg_catalog.unnest(p.polroles) o)),
               'USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', 'WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')')
        FROM tables t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid WHERE pg_catalog.concat_ws(' ', t.relname, p.polname) NOT IN (TABLE ours)
    UNION ALL
    SELECT 7, t.name::name, pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t.name) FROM tables t WHERE t.relforcerowsecurity
    UNION ALL
    -- pg_dump 18 keeps membership in publications: then it is there already.
    SELECT 8, p.pubname, pg_catalog.format('DO %L', pg_catalog.format(
               'BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid '
               'WHERE p.pubname = %L AND r.prrelid = %L::pg_catalog.regclass) THEN %s; END IF; END', p.pubname, t.name,
               pg_catalog.concat_ws(' ', pg_catalog.format('ALTER PUBLICATION %I ADD TABLE ONLY %s', p.pubname, t.name),
               (SELECT '(' || pg_catalog.string_agg(pg_catalog.quote_ident(c.attname), ', ' ORDER BY c.attnum) || ')' FROM columns c WHERE c.attrelid = t.oid AND c.attnum = ANY (r.prattrs)),
               'WHERE (' || pg_catalog.pg_get_expr(r.prqual, r.prrelid) || ')')))
        FROM tables t JOIN pg_catalog.pg_publication_rel r ON r.prrelid = t.oid JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
    UNION ALL
    SELECT 9, s.stxname, pg_catalog.pg_get_statisticsobjdef(s.oid)
        FROM tables t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.oid
    UNION ALL
    SELECT 10, c.attname, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', c.relation, c.attname, c.attstattarget)
        FROM columns c WHERE c.attstattarget >= 0
    UNION ALL
    SELECT 11, c.attname, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE %s', c.relation, c.attname,
               CASE c.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
        FROM columns c WHERE c.attstorage <> c.typstorage
    UNION ALL
    SELECT 12, t.name::name, pg_catalog.format('ALTER TABLE %s SET (%s)', t.name,
               (SELECT pg_catalog.string_agg(pg_catalog.format('%s=%L', pg_catalog.split_part(o, '=', 1), pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ')
                FROM pg_catalog.unnest(t.options) o))
        FROM (SELECT t.relname, t.name, ARRAY(SELECT o FROM (SELECT pg_catalog.unnest(t.reloptions) UNION ALL SELECT 'toast.' || pg_catalog.unnest(t.toast_options)) x (o)
                                              WHERE pg_catalog.concat_ws(' ', t.relname, o) NOT IN (TABLE ours)) AS options FROM tables t) t
        WHERE t.options <> '{}'
    UNION ALL
    SELECT 13, t.name::name, pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY %s', t.name,
               CASE t.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
                    ELSE (SELECT pg_catalog.format('USING INDEX %I', x.relname) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                          WHERE i.indrelid = t.oid AND i.indisreplident) END)
        FROM tables t WHERE t.relreplident <> 'd'
    UNION ALL
    SELECT 14, x.relname, pg_catalog.format('ALTER TABLE %s CLUSTER ON %I', t.name, x.relname)
        FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid AND i.indisclustered JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
)
SELECT statement || ';' FROM statements ORDER BY part, object, statement;

-- Rights and dumps, after everything exists.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA boxoffice FROM PUBLIC;
-- The policies call it for whoever reads. It shows own grants only.
GRANT EXECUTE ON FUNCTION boxoffice.readable_events(name), boxoffice._platforms() TO PUBLIC;

-- Default privileges (ALTER DEFAULT PRIVILEGES … ON SCHEMAS) may have let others create here. What is created in the schema of
-- an extension keeps it from being dropped and is lost or doubled by dumps of the schema; and its owner's functions would stand
-- where ours are looked for.
DO $$
DECLARE
    other record;
BEGIN
    FOR other IN
        SELECT a.grantee, pg_catalog.pg_get_userbyid(a.grantee) AS name
        FROM pg_catalog.pg_namespace n CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
        WHERE n.nspname OPERATOR(pg_catalog.=) 'boxoffice' AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE'
          AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner
    LOOP
        EXECUTE CASE WHEN other.grantee OPERATOR(pg_catalog.=) 0 THEN 'REVOKE CREATE ON SCHEMA boxoffice FROM PUBLIC'
                     ELSE pg_catalog.format('REVOKE CREATE ON SCHEMA boxoffice FROM %I', other.name) END;
    END LOOP;
END
$$;

SELECT pg_catalog.pg_extension_config_dump('boxoffice.ticket_events', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.ticket_platforms', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.ticket_sales', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.attendees', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.order_states', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.webhook_logs', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.webhook_logs_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.webhook_rejections', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.fetch_jobs', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.fetch_jobs_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.fetch_lease_seq', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.platform_accounts', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.account_calls', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.sync_history', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.sync_history_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.sync_pages', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.reconciliation_differences', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.deliveries_noted', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.platform_settings', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.access_grants', '');
-- boxoffice.webhook_secrets is left out on purpose.

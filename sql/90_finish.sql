-- Rights and dumps, after everything exists.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA boxoffice FROM PUBLIC;
-- The policies call it for whoever reads.
GRANT EXECUTE ON FUNCTION boxoffice.readable_events(name) TO PUBLIC;

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

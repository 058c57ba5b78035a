-- What `make up` sets in its database; can be run again at any time. Values come from the environment.
SET log_min_error_statement = panic; -- no secret in the server's log
\getenv owner_password OWNER_PASSWORD
\getenv ingress_password INGRESS_PASSWORD
\getenv humanitix_secret HUMANITIX_WEBHOOK_SECRET
\getenv eventbrite_secret EVENTBRITE_WEBHOOK_SECRET
\getenv eventbrite_token EVENTBRITE_PATH_TOKEN

ALTER ROLE boxoffice_owner PASSWORD :'owner_password';
SELECT 'CREATE ROLE boxoffice_ingress LOGIN'
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'boxoffice_ingress') \gexec
ALTER ROLE boxoffice_ingress PASSWORD :'ingress_password';
SELECT boxoffice.grant_ingress('boxoffice_ingress');

-- public first: what the owner creates without a schema belongs there, not among what belongs to the extension.
ALTER DATABASE boxoffice SET search_path = public, boxoffice;

SELECT boxoffice.set_webhook_secret('humanitix', :'humanitix_secret');
SELECT boxoffice.set_path_token('eventbrite', :'eventbrite_token');
SELECT boxoffice.set_webhook_secret('eventbrite', :'eventbrite_secret') WHERE :'eventbrite_secret' <> '';

-- What `make clean` would delete: how much, and since when. A database without the extension, or of an earlier version, is
-- no error.
SET statement_timeout = '60s';
SELECT to_regclass('boxoffice.ticket_sales') IS NOT NULL AND to_regclass('boxoffice.webhook_logs') IS NOT NULL AS here \gset
\if :here
SELECT to_char(s.count, 'FM999G999G999G999') || CASE s.count WHEN 1 THEN ' sale and ' ELSE ' sales and ' END
       || to_char(l.count, 'FM999G999G999G999') || CASE l.count WHEN 1 THEN ' delivery' ELSE ' deliveries' END
       || format(', since %s', to_char(LEAST(s.first, l.first), 'YYYY-MM-DD HH24:MI TZ'))
       || format(', the last of %s', to_char(GREATEST(s.last, l.last), 'YYYY-MM-DD HH24:MI TZ'))
FROM (SELECT count(*), min(created_at) AS first, max(updated_at) AS last FROM boxoffice.ticket_sales) s,
     (SELECT count(*), min(created_at) AS first, max(created_at) AS last FROM boxoffice.webhook_logs) l;
\else
SELECT 'no sales and no deliveries: the extension is not installed';
\endif

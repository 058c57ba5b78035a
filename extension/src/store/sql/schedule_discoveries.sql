-- Accounts whose events are to be listed: once an hour; after a failure every ten minutes, or half hours when some can never be.
SELECT a.platform, a.name, a.discovered_at IS NULL FROM boxoffice.platform_accounts a
WHERE a.status <> 'stopped' AND boxoffice.is_held(a.announced_at)
  AND (a.discovered_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()) IS NOT TRUE
  AND NOT EXISTS (SELECT FROM boxoffice.sync_history h
      WHERE h.platform = a.platform AND h.account = a.name AND h.mode = 'discovery'
      AND (h.status IN ('running', 'finishing') OR h.started_at BETWEEN
           clock_timestamp() - CASE WHEN a.discovery_error IS NULL THEN interval '10 minutes' ELSE interval '30 minutes' END
           AND clock_timestamp()))

-- The changes of many events of an organization are two lists, not two for each of them.
SELECT d.platform, d.account, array_agg(d.external_event_id::text) FROM boxoffice.sync_plan d
JOIN boxoffice.platform_accounts a ON a.platform = d.platform AND a.name = d.account AND a.status <> 'stopped'
    AND boxoffice.is_held(a.announced_at) AND cardinality(a.organization_ids) > 0
-- Only what was found in the account's listing is certain to be in its organizations.
JOIN boxoffice.ticket_platforms p ON p.platform = d.platform AND p.external_event_id = d.external_event_id AND p.account = d.account
    -- One that is refused by itself is asked about by itself.
    AND p.sync_failures = 0
WHERE d.due_mode = 'changes' AND d.last_sync_at > clock_timestamp() - interval '1 day'
  AND NOT EXISTS (SELECT FROM boxoffice.sync_history h
      WHERE h.platform = d.platform AND h.account = d.account AND h.mode = 'changes' AND h.external_event_id IS NULL
        AND h.status = 'failed' AND h.finished_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp())
GROUP BY d.platform, d.account HAVING count(*) > 4

-- Events that are due, the longest waiting first.
SELECT d.platform, d.external_event_id, d.due_mode FROM boxoffice.sync_plan d
JOIN boxoffice.platform_accounts a ON a.platform = d.platform AND a.name = d.account AND a.status <> 'stopped'
    AND boxoffice.is_held(a.announced_at)
WHERE d.due_mode IS NOT NULL
  AND (d.due_mode <> 'changes' OR NOT EXISTS (SELECT FROM boxoffice.sync_history h
      WHERE h.platform = d.platform AND h.account = d.account AND h.mode = 'changes' AND h.external_event_id IS NULL
        AND h.status = 'running'))
ORDER BY d.due_at NULLS FIRST, d.platform, d.external_event_id LIMIT 50

-- Many hints, one job: a resource that is already waited for needs no second job. Whose account it is: of the registration
-- that sent the hint, of the event, the default one, the first; as account_of() has it, which would be a call for each hint.
-- $1 platforms, $2 paths, $3 kinds, $4 resources, $5 events, $6 registrations
INSERT INTO boxoffice.fetch_jobs (platform, account, path, kind, resource_id, external_event_id, created_at, due_at)
SELECT k.platform, COALESCE(
        (SELECT a.name FROM boxoffice.platform_accounts a
         WHERE a.platform = k.platform AND k.webhook_id = ANY (a.webhook_ids) ORDER BY a.name LIMIT 1),
        (SELECT p.account FROM boxoffice.ticket_platforms p
         WHERE p.platform = k.platform AND p.external_event_id = k.event_id),
        (SELECT a.name FROM boxoffice.platform_accounts a WHERE a.platform = k.platform
         ORDER BY a.announced_at IS NULL, a.name <> 'default', a.name LIMIT 1),
        'default'),
    k.path, k.kind, k.resource_id, k.event_id, clock_timestamp(), clock_timestamp()
FROM (SELECT unnest($1) AS platform, unnest($2) AS path, unnest($3) AS kind, unnest($4) AS resource_id,
             unnest($5) AS event_id, unnest($6) AS webhook_id) k
ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL DO NOTHING RETURNING 1

-- What was asked for before anybody had a credential, under a name that nobody has.
UPDATE boxoffice.fetch_jobs j SET account = boxoffice.account_of(j.platform, j.external_event_id)
WHERE j.status = 'waiting' AND j.run_id IS NULL
  AND NOT EXISTS (SELECT FROM boxoffice.platform_accounts a
                  WHERE a.platform = j.platform AND a.name = j.account AND a.announced_at IS NOT NULL)
  AND NOT EXISTS (SELECT FROM boxoffice.fetch_jobs k WHERE k.platform = j.platform AND k.path = j.path
                  AND k.account = boxoffice.account_of(j.platform, j.external_event_id) AND k.status = 'waiting' AND k.run_id IS NULL)

-- Lets jobs that were given up begin anew. $1 platform (NULL: all)
WITH dead AS (
    DELETE FROM boxoffice.fetch_jobs j
    WHERE j.status = 'dead' AND j.run_id IS NULL AND ($1 IS NULL OR j.platform = $1)
    RETURNING j.*)
INSERT INTO boxoffice.fetch_jobs (platform, account, path, kind, resource_id, external_event_id, purpose, priority, last_error)
    SELECT d.platform, d.account, d.path, d.kind, d.resource_id, d.external_event_id, d.purpose, d.priority, d.last_error
    FROM dead d ORDER BY d.platform, d.path, d.account
    ON CONFLICT DO NOTHING

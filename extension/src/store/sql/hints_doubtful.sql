-- Hints of what nobody has heard of that wait already. $1 platform, $2 account, $3 their priority
SELECT count(*) FROM boxoffice.fetch_jobs j
WHERE j.platform = $1 AND j.account = $2 AND j.status = 'waiting' AND j.priority = $3

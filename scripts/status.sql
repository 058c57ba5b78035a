-- What `make status` says about the data; each line stands alone, so that a database of an earlier version still shows the
-- others.
SET statement_timeout = '5s';
SELECT format('deliveries: %s %s', rpad(platform, 10),
              CASE WHEN received = 0 THEN 'none in 24 hours'
                   ELSE concat_ws(', ', received || ' in 24 hours', processed || ' processed', NULLIF(queued, 0) || ' queued', NULLIF(ignored, 0) || ' ignored',
                                  NULLIF(failed + dead + invalid, 0) || ' not applied') END
              || COALESCE('; the last ' || date_trunc('second', silent_for) || ' ago', ''))
FROM boxoffice.webhook_health ORDER BY platform;
SELECT format('fetches:    %s wait, the oldest since %s', sum(fetches_waiting), date_trunc('second', clock_timestamp() - min(oldest_fetch_at)))
FROM boxoffice.webhook_health HAVING sum(fetches_waiting) > 0;
SELECT format('credential: %s/%s, %s%s, %s of %s calls in the last hour', a.platform, a.name, a.status,
              COALESCE(': ' || CASE WHEN a.status = 'active' THEN a.last_error ELSE a.stopped_reason END, ''),
              COALESCE(sum(c.calls), 0), a.calls_per_hour)
FROM boxoffice.platform_accounts a
LEFT JOIN boxoffice.account_calls c ON c.platform = a.platform AND c.name = a.name AND c.minute > now() - interval '1 hour'
GROUP BY a.platform, a.name ORDER BY a.platform, a.name;
SELECT 'events:     ' || string_agg(count || ' ' || state, ', ' ORDER BY state) || COALESCE('; stalest ' || justify_interval(date_trunc('second', max(age))), '')
FROM (SELECT state, count(*), max(age) FILTER (WHERE sync_interval IS NOT NULL) AS age FROM boxoffice.sync_status GROUP BY state) s
HAVING count(*) > 0;

-- What somebody should look at, and where. The same as the alerts in docs/OPERATING.md, without what reads everything.
SELECT 'attention:  ' || platform || ': ' || what
FROM boxoffice.webhook_health h
CROSS JOIN LATERAL (VALUES
    (accounts_stopped > 0, 'a credential is refused: put a valid one into .boxoffice/env, then make up'),
    (failed + dead + invalid > 0, 'deliveries that were not applied, ' || failed + dead + invalid || ': SELECT status, error_code, error_message FROM webhook_logs WHERE status IN (''failed'', ''dead'', ''invalid'')'),
    (accounts_troubled > 0, 'the platform is out of reach: SELECT name, troubled_at, last_error FROM platform_accounts'),
    (accounts_unheld > 0, 'no worker holds a credential that is needed: add it to .boxoffice/env, then make up'),
    (accounts_unlisted > 0, 'events cannot be listed: SELECT name, discovery_error FROM platform_accounts'),
    (hints_dropped > 0, 'made-up hints were dropped, ' || hints_dropped || ': somebody knows the secret of the webhook URL, see "Rotating secrets" in docs/OPERATING.md'),
    (fetches_dead > 0, 'fetches that were given up, ' || fetches_dead || ': SELECT path, last_error FROM fetch_jobs WHERE status = ''dead'''),
    (oldest_fetch_at < clock_timestamp() - interval '15 minutes', 'hints wait: SELECT name, status, blocked_until, last_error FROM platform_accounts'),
    (events_late > 0, 'events that are not fresh, ' || events_late || ': SELECT event_title, state, last_sync_error FROM sync_status'),
    (silence IN ('unusual', 'never'), 'no delivery, where ' || COALESCE(usual_in_silence, found_in_silence) || ' were to be expected: look at the sender and at the proxy'),
    (last_rejected_at > clock_timestamp() - interval '1 hour', 'deliveries are turned away: SELECT reason, count, last_at FROM webhook_rejections ORDER BY last_at DESC')
) v (is_so, what)
WHERE is_so ORDER BY platform;

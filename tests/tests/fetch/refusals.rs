//! What the platforms refuse: a credential, or only one thing that it may not see. The test is the worker.

use anyhow::Context as _;
use boxoffice_tests::Result;
use boxoffice_tests::payloads::{eventbrite_attendee, eventbrite_order};
use boxoffice_tests::pump::{Call, account, claim, complete, complete_with, hint, one, open, time_passes};
use boxoffice_tests::sql::{line, lines};
use serde_json::{Value, json};
use tokio_postgres::Client;

const HTML: &[u8] = b"<html><head><title>403 Forbidden</title></head><body>cloudfront</body></html>";

/// What Eventbrite says about something that the credential may not see.
fn not_yours() -> Value {
    json!({"status_code": 403, "error": "NOT_AUTHORIZED",
        "error_description": "You do not have permission to access the resource you requested."})
}

fn forbidden() -> Value {
    json!({"statusCode": 403, "error": "Forbidden", "message": "You do not have permission to do this."})
}

fn no_auth() -> Value {
    json!({"status_code": 401, "error": "NO_AUTH", "error_description": "An OAuth token is required for all requests"})
}

fn orders(ids: &[&str]) -> Value {
    json!({"orders": ids.iter().map(|id| order(id)).collect::<Vec<_>>(), "pagination": {"has_more_items": false}})
}

fn order(id: &str) -> Value {
    let attendee = eventbrite_attendee(id, &format!("{id}-a"), "2026-03-01T10:00:00Z", 2500, json!({}));
    serde_json::from_str(&eventbrite_order(id, "2026-03-01T10:00:00Z", 2500, &[attendee], json!({})))
        .unwrap_or_default()
}

fn events(ids: &[&str]) -> Value {
    let event =
        |id: &&str| json!({"id": id, "name": {"text": "Friday"}, "changed": "2026-03-01T10:00:00Z", "status": "live"});
    json!({"events": ids.iter().map(event).collect::<Vec<_>>(), "pagination": {"has_more_items": false}})
}

/// The call whose path contains this; the others are not needed.
fn about<'c>(calls: &'c [Call], text: &str) -> Result<&'c Call> {
    calls.iter().find(|call| call.path.contains(text)).with_context(|| format!("nothing about {text} in {calls:?}"))
}

async fn link(client: &Client, platform: &str, event: &str) -> Result {
    client.execute("SELECT link_event($1, $2, $2)", &[&platform, &event]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_refused_fails_alone_and_says_which_and_why() -> Result {
    let (_db, client) = open().await?;
    for (platform, refused, readable, body) in
        [("eventbrite", "902", "901", not_yours()), ("humanitix", "refused", "readable", forbidden())]
    {
        link(&client, platform, refused).await?;
        link(&client, platform, readable).await?;
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        let calls = claim(&client, 10).await?;
        let call = about(&calls, refused)?;
        assert_eq!(complete(&client, call, 403, &body).await?, "dead");
        assert_eq!(account(&client, platform).await?, "active - 0 false", "the credential is good");
        let path = call.path.split('?').next().unwrap_or_default();
        let code = if platform == "eventbrite" { "NOT_AUTHORIZED" } else { "Forbidden" };
        let why = format!("HTTP 403 {code} at {path}");
        let state = format!(
            "SELECT s.state, s.last_sync_error, (SELECT r.status || ' ' || r.error FROM sync_runs r WHERE r.external_event_id = '{refused}')
             FROM sync_status s WHERE s.external_event_id = '{refused}'"
        );
        assert_eq!(line(&client, &state).await?, format!("failed|{why}|failed {why}"));
        let job = format!("SELECT last_error FROM fetch_jobs WHERE status = 'dead' AND path = '{}'", call.path);
        assert_eq!(line(&client, &job).await?, why);
        let message =
            format!("SELECT 1 FROM sync_status WHERE last_sync_error ~ '[?&=]' AND external_event_id = '{refused}'");
        assert_eq!(lines(&client, &message).await?, [""; 0], "no query");
        // The other one goes on.
        let list = about(&calls, readable)?;
        let page =
            if platform == "eventbrite" { orders(&["1"]) } else { json!({"total": 0, "orders": [], "tickets": []}) };
        assert_eq!(complete(&client, list, 200, &page).await?, "done");
        // It is not asked for at once, but by a schedule, more and more seldom.
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        let left: Vec<Call> =
            claim(&client, 10).await?.into_iter().filter(|call| call.path.contains(refused)).collect();
        assert_eq!(left, [], "not hot");
    }
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "1");
    assert!(line(&client, "SELECT sum(events_late) FROM webhook_health").await?.parse::<i64>()? >= 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_again_and_again_is_asked_for_by_a_schedule_that_grows_to_an_hour() -> Result {
    let (_db, client) = open().await?;
    link(&client, "eventbrite", "902").await?;
    let wait = "SELECT round(extract(epoch FROM due_at - now()) / 60)::integer, due_mode FROM sync_plan";
    let mut waits = Vec::new();
    for _ in 0..5 {
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        let call = one(&client).await?;
        assert_eq!(complete(&client, &call, 403, &not_yours()).await?, "dead");
        waits.push(line(&client, wait).await?);
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        assert_eq!(claim(&client, 10).await?, [], "not before its time");
        client
            .execute(
                "UPDATE ticket_platforms SET last_full_attempt_at = last_full_attempt_at - interval '61 minutes'",
                &[],
            )
            .await?;
    }
    assert_eq!(waits, ["15|-", "30|-", "60|-", "60|-", "60|-"]);
    // Once it was readable, its changes are asked for like that as well.
    let read = "UPDATE ticket_platforms SET last_full_sync_at = now(), last_sync_at = now(), last_attempt_at = now()";
    client.execute(read, &[]).await?;
    assert_eq!(line(&client, wait).await?, "60|-", "every five minutes otherwise");
    client.execute("UPDATE ticket_platforms SET last_attempt_at = now() - interval '2 hours', last_sync_at = now() - interval '2 hours'", &[]).await?;
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    for call in claim(&client, 10).await? {
        complete(&client, &call, 200, &json!({"orders": [], "attendees": [], "pagination": {"has_more_items": false}}))
            .await?;
    }
    let state = "SELECT sync_failures, last_sync_error FROM ticket_platforms";
    assert_eq!(line(&client, state).await?, "0|-", "a success ends it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn single_things_that_are_refused_end_alone() -> Result {
    let (_db, client) = open().await?;
    let denied = json!({"status_code": 403, "error": "NOT_AUTHORIZED", "denied_permissions": ["event.orders:read"]});
    for (action, path, body) in [
        ("order.placed", "orders/666/", not_yours()),
        ("attendee.updated", "events/902/attendees/667/", not_yours()),
        ("event.updated", "events/902/", denied),
        ("event.created", "series/903/", not_yours()),
    ] {
        hint(&client, action, path).await?;
        let call = one(&client).await?;
        assert_eq!(complete(&client, &call, 403, &body).await?, "dead", "{path}");
        assert_eq!(account(&client, "eventbrite").await?, "active - 0 false", "{path}");
    }
    let errors = "SELECT kind, last_error FROM fetch_jobs ORDER BY id";
    assert_eq!(
        lines(&client, errors).await?,
        [
            "order|HTTP 403 NOT_AUTHORIZED at /v3/orders/666/",
            "attendee|HTTP 403 NOT_AUTHORIZED at /v3/events/902/attendees/667/",
            "event|HTTP 403 NOT_AUTHORIZED (denied: event.orders:read) at /v3/events/902/",
            "events|HTTP 403 NOT_AUTHORIZED at /v3/series/903/events/",
        ]
    );
    // Later hints go on, also about the same thing.
    hint(&client, "order.updated", "orders/666/").await?;
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 200, &order("666")).await?, "done");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_firewall_is_no_verdict() -> Result {
    let (_db, client) = open().await?;
    link(&client, "eventbrite", "901").await?;
    hint(&client, "order.placed", "orders/1/").await?;
    for (body, word) in [(HTML, "html"), (&b""[..], "nothing"), (&b"{\"message\":\"Forbidden\"}"[..], "a gateway")] {
        let call = one(&client).await?;
        assert_eq!(complete_with(&client, &call, Some(403), &json!({}), body).await?, "retry", "{word}");
        time_passes(&client).await?;
    }
    // Three in a row: it is not only this one, and no try is counted any more.
    for _ in 0..20 {
        let call = one(&client).await?;
        assert_eq!(complete_with(&client, &call, Some(403), &json!({}), HTML).await?, "retry");
        time_passes(&client).await?;
    }
    assert!(account(&client, "eventbrite").await?.starts_with("active - 23"));
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 200, &order("1")).await?, "done");
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");
    // Nor when it stands before the account's own calls.
    client.execute("UPDATE platform_accounts SET discovered_at = NULL", &[]).await?;
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    let own = claim(&client, 10).await?;
    let list = about(&own, "/organizations/7001/events/")?;
    assert_eq!(complete_with(&client, list, Some(403), &json!({}), HTML).await?, "retry");
    assert!(account(&client, "eventbrite").await?.starts_with("active - 1"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_stops_when_its_own_calls_are_refused() -> Result {
    let (_db, client) = open().await?;
    let cases = [
        ("eventbrite", "'{}'", "/v3/users/me/organizations/", not_yours()),
        ("eventbrite", "'{7001}'", "/v3/organizations/7001/events/", not_yours()),
        ("humanitix", "'{}'", "/v1/events", forbidden()),
    ];
    for (platform, organizations, path, body) in cases {
        let fresh = format!(
            "DELETE FROM fetch_jobs; DELETE FROM sync_history; UPDATE platform_accounts SET status = 'active', organization_ids = {organizations}
             WHERE platform = '{platform}'"
        );
        client.batch_execute(&fresh).await?;
        line(&client, &format!("SELECT begin_discovery('{platform}', 'default', 'manual', 2)")).await?;
        let call = one(&client).await?;
        assert!(call.path.starts_with(path), "{call:?}");
        assert_eq!(complete(&client, &call, 403, &body).await?, "stopped", "{path}");
        let stopped = account(&client, platform).await?;
        assert!(stopped.starts_with("stopped HTTP 403") && stopped.contains(&format!(" at {path}")), "{stopped}");
        assert_eq!(
            line(&client, &format!("SELECT accounts_stopped FROM webhook_health WHERE platform = '{platform}'"))
                .await?,
            "1"
        );
        // It is let go on, and the same list is asked for, at once.
        client.execute("SELECT resume_account($1)", &[&platform]).await?;
        let call = one(&client).await?;
        assert!(call.path.starts_with(path), "{call:?}");
        let list = if platform == "humanitix" { json!({"total": 0, "events": []}) } else { events(&[]) };
        let answer = if path.contains("users/me") { json!({"organizations": [{"id": "7001"}]}) } else { list };
        assert_eq!(complete(&client, &call, 200, &answer).await?, "done");
        assert_eq!(account(&client, platform).await?, "active - 0 false");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_organization_of_two_that_is_refused_leaves_the_other() -> Result {
    let (_db, client) = open().await?;
    client.execute("SELECT configure_account('eventbrite', organization_ids => '{7001,7002}')", &[]).await?;
    line(&client, "SELECT begin_discovery('eventbrite', 'default', 'manual', 2)").await?;
    let call = one(&client).await?;
    assert!(call.path.starts_with("/v3/organizations/7001/events/"), "{call:?}");
    assert_eq!(complete(&client, &call, 403, &not_yours()).await?, "dead");
    let call = one(&client).await?;
    assert!(call.path.starts_with("/v3/organizations/7002/events/"), "{call:?}");
    assert_eq!(complete(&client, &call, 200, &events(&["901"])).await?, "done");
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");
    assert_eq!(line(&client, "SELECT external_event_id, account FROM ticket_platforms").await?, "901|default");
    let why = "HTTP 403 NOT_AUTHORIZED at /v3/organizations/7001/events/";
    assert_eq!(line(&client, "SELECT status, error FROM sync_runs").await?, format!("failed|{why}"));
    let account_says = "SELECT discovery_error, discovered_at > now() - interval '1 minute' FROM platform_accounts WHERE platform = 'eventbrite'";
    assert_eq!(line(&client, account_says).await?, format!("{why}|t"));
    assert_eq!(line(&client, "SELECT accounts_unlisted FROM webhook_health WHERE platform = 'eventbrite'").await?, "1");
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    assert_eq!(claim(&client, 10).await?, [], "not again before its hour");

    // When both are refused it is the credential.
    line(&client, "SELECT begin_discovery('eventbrite', 'default', 'manual', 2)").await?;
    for expected in ["dead", "stopped"] {
        let call = one(&client).await?;
        assert_eq!(complete(&client, &call, 403, &not_yours()).await?, expected);
    }
    assert!(account(&client, "eventbrite").await?.starts_with("stopped"));
    // A listing that succeeds ends the alarm.
    client.execute("SELECT configure_account('eventbrite', organization_ids => '{7002}')", &[]).await?;
    client.execute("SELECT resume_account('eventbrite')", &[]).await?;
    for call in claim(&client, 10).await? {
        complete(&client, &call, 200, &events(&[])).await?;
    }
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_region_that_is_refused_leaves_the_own_one() -> Result {
    let (_db, client) = open().await?;
    client.execute("SELECT configure_account('humanitix', locations => '{NZ}')", &[]).await?;
    line(&client, "SELECT begin_discovery('humanitix', 'default', 'manual', 2)").await?;
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 200, &json!({"total": 0, "events": []})).await?, "done");
    let call = one(&client).await?;
    assert!(call.path.contains("overrideLocation=NZ"), "{call:?}");
    assert_eq!(complete(&client, &call, 403, &forbidden()).await?, "dead");
    assert_eq!(account(&client, "humanitix").await?, "active - 0 false");
    assert_eq!(line(&client, "SELECT status, error FROM sync_runs").await?, "failed|HTTP 403 Forbidden at /v1/events");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_an_organization_that_are_refused_give_everything_back() -> Result {
    let (_db, client) = open().await?;
    client.execute("SELECT configure_account('eventbrite', burst_threshold => 3)", &[]).await?;
    for number in 0..5 {
        // Known here, as far as the pump is concerned.
        let known = format!(
            "INSERT INTO order_states (platform, platform_order_id, state) VALUES ('eventbrite', '8{number}', '')"
        );
        client.execute(&known, &[]).await?;
        hint(&client, "order.updated", &format!("orders/8{number}/")).await?;
    }
    let list = one(&client).await?;
    assert!(list.path.starts_with("/v3/organizations/7001/orders/"), "{list:?}");
    assert_eq!(complete(&client, &list, 403, &not_yours()).await?, "dead");
    let calls = claim(&client, 10).await?;
    assert!(calls.len() == 4 && calls.iter().all(|call| call.path.starts_with("/v3/orders/8")), "{calls:?}");
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");

    // Nor does a refused list of changes stop anything: each event is asked about by itself then.
    client.batch_execute("DELETE FROM fetch_jobs; DELETE FROM sync_history").await?;
    for event in 901..907 {
        link(&client, "eventbrite", &event.to_string()).await?;
    }
    let due = "UPDATE ticket_platforms SET account = 'default', last_full_sync_at = now(), last_sync_at = now() - interval '2 hours'";
    client.execute(due, &[]).await?;
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    let calls = claim(&client, 10).await?;
    assert!(calls.len() == 2 && calls.iter().all(|call| call.path.contains("/organizations/7001/")), "{calls:?}");
    assert_eq!(complete(&client, about(&calls, "/orders/")?, 403, &not_yours()).await?, "dead");
    assert_eq!(complete(&client, about(&calls, "/attendees/")?, 200, &json!({"attendees": []})).await?, "done");
    let run = "SELECT status, error FROM sync_runs";
    assert_eq!(line(&client, run).await?, "failed|HTTP 403 NOT_AUTHORIZED at /v3/organizations/7001/orders/");
    assert_eq!(
        line(&client, "SELECT count(*) FROM ticket_platforms WHERE last_sync_at > now() - interval '1 hour'").await?,
        "0"
    );
    client.execute("UPDATE ticket_platforms SET last_attempt_at = now() - interval '2 hours'", &[]).await?;
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    let calls = claim(&client, 10).await?;
    assert!(calls.len() == 4 && calls.iter().all(|call| call.path.starts_with("/v3/events/90")), "{calls:?}");
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_job_never_undoes_a_resumption() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/666/").await?;
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 401, &no_auth()).await?, "stopped");
    client.execute("SELECT resume_account('eventbrite')", &[]).await?;
    time_passes(&client).await?;
    let probe = one(&client).await?;
    assert!(
        probe.path.starts_with("/v3/organizations/7001/events/"),
        "what every credential may see goes first: {probe:?}"
    );
    assert_eq!(complete(&client, &probe, 200, &events(&[])).await?, "done");
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");

    // It is refused once more, though the credential is good: that is asked about, and the account stays.
    let call = one(&client).await?;
    assert!(call.path.contains("/orders/666/"), "{call:?}");
    assert_eq!(complete(&client, &call, 401, &no_auth()).await?, "retry");
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");
    let probe = one(&client).await?;
    assert!(probe.path.starts_with("/v3/organizations/7001/events/"), "{probe:?}");
    assert_eq!(complete(&client, &probe, 200, &events(&[])).await?, "done");
    time_passes(&client).await?;
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 401, &no_auth()).await?, "dead", "it is this one");
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");
    let error = "SELECT last_error FROM fetch_jobs WHERE resource_id = '666'";
    assert_eq!(line(&client, error).await?, "HTTP 401 NO_AUTH at /v3/orders/666/");

    // A credential that has really ended stops it, whichever job finds out.
    hint(&client, "order.placed", "orders/667/").await?;
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 401, &no_auth()).await?, "stopped");
    client.execute("SELECT resume_account('eventbrite')", &[]).await?;
    let probe = one(&client).await?;
    assert_eq!(complete(&client, &probe, 401, &no_auth()).await?, "stopped");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_from_before_a_resumption_does_not_undo_it() -> Result {
    let (_db, client) = open().await?;
    for number in 0..3 {
        hint(&client, "order.placed", &format!("orders/{number}/")).await?;
    }
    let calls = claim(&client, 10).await?;
    assert_eq!(complete(&client, &calls[0], 401, &no_auth()).await?, "stopped");
    client.execute("SELECT resume_account('eventbrite')", &[]).await?;
    // The other calls were on their way all the time.
    assert_eq!(complete(&client, &calls[1], 401, &no_auth()).await?, "retry");
    assert!(account(&client, "eventbrite").await?.starts_with("probing"));
    line(&client, "SELECT announce_accounts('{eventbrite/default}')").await?;
    assert_eq!(complete(&client, &calls[2], 401, &no_auth()).await?, "retry");
    let probe = one(&client).await?;
    assert_eq!(complete(&client, &probe, 200, &events(&[])).await?, "done");
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");
    assert_eq!(claim(&client, 10).await?.len(), 3, "and they are asked for again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_used_up_pause_the_account_as_long_as_the_platform_says() -> Result {
    let (_db, client) = open().await?;
    let pause = "SELECT round(extract(epoch FROM blocked_until - clock_timestamp())) FROM platform_accounts WHERE platform = 'eventbrite'";
    let near = async |expected: f64| {
        let seconds: f64 = line(&client, pause).await?.parse()?;
        anyhow::ensure!((seconds - expected).abs() < 5.0, "{seconds} s and not {expected}");
        Result::Ok(())
    };
    let counters = |token: &str, key: &str| json!({"x-rate-limit": format!("token: {token}, key: {key}")});
    for number in 0..4 {
        hint(&client, "order.placed", &format!("orders/{number}/")).await?;
    }
    // Not used up: nothing happens.
    let call = &claim(&client, 1).await?[0];
    let few = counters("1999/2000 reset=3000s", "17/2000 reset=3000s");
    assert_eq!(complete_with(&client, call, Some(200), &few, order("0").to_string().as_bytes()).await?, "done");
    assert_eq!(line(&client, pause).await?, "-");
    // With an answer that is good.
    let call = &claim(&client, 1).await?[0];
    let full = counters("2000/2000 reset=1822s", "17/2000 reset=3000s");
    assert_eq!(complete_with(&client, call, Some(200), &full, order("1").to_string().as_bytes()).await?, "done");
    near(1822.0).await?;
    assert_eq!(claim(&client, 10).await?, []);
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "2", "the answer counts");
    // With a 404, and with a 429 without Retry-After; several counters: the longest of those that are full.
    time_passes(&client).await?;
    let call = &claim(&client, 1).await?[0];
    let both = counters("2000/2000 reset=100s", "2003/2000 reset=400s");
    assert_eq!(complete_with(&client, call, Some(404), &both, b"{\"error\":\"NOT_FOUND\"}").await?, "retry");
    near(400.0).await?;
    time_passes(&client).await?;
    let call = &claim(&client, 1).await?[0];
    let limit = b"{\"status_code\":429,\"error\":\"HIT_RATE_LIMIT\"}";
    let attempts = line(&client, &format!("SELECT attempts - 1 FROM fetch_jobs WHERE lease_id = {}", call.id)).await?;
    assert_eq!(
        complete_with(&client, call, Some(429), &counters("2000/2000 reset=900s", "2/2000 reset=900s"), limit).await?,
        "retry"
    );
    near(900.0).await?;
    let tries = "SELECT max(attempts) FROM fetch_jobs WHERE last_error LIKE 'HTTP 429%'";
    assert_eq!(line(&client, tries).await?, attempts, "no try is counted against the job");
    // Nothing of the header is kept.
    let kept = "SELECT count(*) FROM webhook_logs WHERE headers::text LIKE '%rate-limit%'";
    assert_eq!(line(&client, kept).await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_refused_is_due_when_the_credential_works_again() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    hint(&client, "order.placed", "orders/2/").await?;
    hint(&client, "order.placed", "orders/3/").await?;
    let calls = claim(&client, 3).await?;
    assert_eq!(calls.len(), 3);
    // A time-out of the platform's begins like a refusal, and is none: it waits as long as any trouble.
    assert_eq!(complete(&client, &calls[0], 408, &json!({"error": "TIMEOUT"})).await?, "retry");
    client.execute("UPDATE fetch_jobs SET due_at = now() + interval '1 hour' WHERE status = 'waiting'", &[]).await?;
    assert_eq!(complete(&client, &calls[1], 401, &json!({"error": "INVALID_AUTH"})).await?, "stopped");
    client.execute("SELECT resume_account('eventbrite')", &[]).await?;
    let waits = "SELECT resource_id, refused, due_at > now() + interval '1 minute' FROM fetch_jobs
        WHERE status = 'waiting' AND kind = 'order' ORDER BY resource_id";
    assert_eq!(lines(&client, waits).await?, ["1|f|t", "2|t|t"]);
    let order: Value = json!({"status_code": 404, "error": "NOT_FOUND"});
    complete(&client, &calls[2], 404, &order).await?;
    assert_eq!(lines(&client, waits).await?[..2], ["1|f|t", "2|t|f"]);
    Ok(())
}

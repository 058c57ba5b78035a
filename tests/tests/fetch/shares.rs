//! Somebody who knows the secret of the webhook URL makes up ids. What is real, what somebody asks for and what the schedule
//! asks for goes on all the same.

use boxoffice_tests::Result;
use boxoffice_tests::fake::{EventSpec, Fake, ORGANIZATION, Person, Platform, PurchaseSpec, clock};
use boxoffice_tests::payloads::{eventbrite_attendee, eventbrite_order};
use boxoffice_tests::pump::{Puller, claim, complete, hint, one, open, time_passes};
use boxoffice_tests::shown::differences;
use boxoffice_tests::sql::{line, lines};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Forged ids in a flood.
const FLOOD: i64 = 100_000;

/// What that many forged hints of orders leave behind, as `ingest_webhooks` would.
async fn flood(client: &Client, from: i64, count: i64) -> Result {
    let add = "INSERT INTO fetch_jobs (platform, path, kind, resource_id, created_at, due_at)
        SELECT 'eventbrite', '/v3/orders/' || n || '/?expand=attendees,refund_requests', 'order', n::text, clock_timestamp(), clock_timestamp()
        FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) n";
    client.execute(add, &[&from, &count]).await?;
    Ok(())
}

/// An order that was here before.
async fn known(client: &Client, order: &str) -> Result {
    let attendee = eventbrite_attendee(order, "a", "2026-03-01T10:00:00Z", 2500, json!({}));
    let body = eventbrite_order(order, "2026-03-01T10:00:00Z", 2500, &[attendee], json!({}));
    boxoffice_tests::sql::apply(client, "eventbrite", "order", &body, None).await?;
    Ok(())
}

fn not_found() -> Value {
    json!({"status_code": 404, "error": "NOT_FOUND"})
}

/// Claims and answers until nothing is handed out: 404 for orders, empty lists. The paths, in their order.
async fn drain(client: &Client) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    loop {
        let calls = claim(client, 16).await?;
        if calls.is_empty() {
            return Ok(paths);
        }
        for call in calls {
            let list = json!({"orders": [], "attendees": [], "events": [], "total": 0, "pagination": {"has_more_items": false}});
            let is_list = !call.path.starts_with("/v3/orders/");
            complete(client, &call, if is_list { 200 } else { 404 }, &if is_list { list } else { not_found() }).await?;
            paths.push(call.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_hundred_thousand_forged_ids_everything_real_goes_on() -> Result {
    let fake = Fake::builder().clock_offset(-2 * 60 * clock::MINUTE).start().await?;
    let (_db, client) = open().await?;
    client
        .execute("SELECT configure_account('eventbrite', organization_ids => ARRAY[$1::text])", &[&ORGANIZATION])
        .await?;
    let event = fake.create_event(Platform::Eventbrite, EventSpec::new("Friday Night"))?;
    let orders = fake.bulk_orders(&event, 60, 2)?;
    client.execute("SELECT link_event('eventbrite', $1, $1)", &[&event]).await?;
    let mut puller = Puller::new(&fake);
    puller.tick(&client).await?;
    assert_eq!(differences(&client, Platform::Eventbrite, &fake.truth(Platform::Eventbrite)).await?, [""; 0]);

    let before = line(&client, "SELECT max(id) FROM sync_runs").await?;
    fake.set_clock_offset(0);
    fake.take_hints();
    flood(&client, 1, FLOOD).await?;
    // Behind all of them: a change of a known order, a new order, what a person asks for, what the schedule asks for.
    let truth = fake.truth_of_event(&event);
    let standing =
        truth.iter().find(|order| order.valid_quantity > 0).map(|order| order.order_id.clone()).unwrap_or_default();
    fake.change_buyer(&standing, &Person::new("Ada", "Changed"))?;
    let new = fake.purchase(&event, PurchaseSpec::new(Person::new("Ada", "New"), 2))?;
    for order in [&standing, &new] {
        hint(&client, "order.updated", &format!("orders/{order}/")).await?;
    }
    client.execute("UPDATE platform_accounts SET discovered_at = NULL WHERE platform = 'eventbrite'", &[]).await?;
    fake.clear_requests();
    puller.calls = 0;
    // The first claims only: a worker that goes on like this for an hour is not needed to see it.
    for _ in 0..6 {
        for call in claim(&client, 8).await? {
            puller.fetch(&client, &call).await?;
        }
    }
    assert_eq!(
        differences(&client, Platform::Eventbrite, &fake.truth(Platform::Eventbrite)).await?,
        [""; 0],
        "both are here"
    );
    line(&client, &format!("SELECT sync_event('{event}')")).await?;
    for _ in 0..8 {
        client.query("SELECT * FROM run_due_tasks()", &[]).await?;
        for call in claim(&client, 8).await? {
            puller.fetch(&client, &call).await?;
        }
    }
    let runs = format!("SELECT mode, reason, status FROM sync_runs WHERE id > {before} AND mode <> 'burst' ORDER BY 1");
    assert_eq!(lines(&client, &runs).await?, ["discovery|first|done", "full|manual|done"]);
    let forged = fake.requests().iter().filter(|seen| seen.path.starts_with("/v3/orders/")).count();
    assert!(puller.calls < 80 && forged < 60, "{forged} of {} calls for forged ids", puller.calls);
    // The next lists stand in for the rest.
    for _ in 0..3 {
        client.execute("UPDATE platform_accounts SET burst_until = NULL", &[]).await?;
        client.execute("UPDATE fetch_jobs SET due_at = now() WHERE status = 'waiting' AND priority = 0", &[]).await?;
        for call in claim(&client, 8).await? {
            puller.fetch(&client, &call).await?;
        }
    }
    // Those that are left are few, come last, and are known to be doubtful; the operator is told.
    let left = "SELECT count(*) <= 1100, min(priority), bool_and(doubtful) FROM fetch_jobs WHERE status = 'waiting' AND purpose = 'hint'";
    assert_eq!(line(&client, left).await?, "t|6|t");
    let dropped = "SELECT hints_dropped BETWEEN 98000 AND 99000 FROM webhook_health WHERE platform = 'eventbrite'";
    assert_eq!(line(&client, dropped).await?, "t");
    // What is said again does not become more urgent by that.
    client.execute("UPDATE fetch_jobs SET due_at = now() + interval '5 minutes' WHERE status = 'waiting'", &[]).await?;
    let again =
        line(&client, "SELECT resource_id FROM fetch_jobs WHERE status = 'waiting' AND priority = 6 LIMIT 1").await?;
    hint(&client, "order.updated", &format!("orders/{again}/")).await?;
    let urgency = format!(
        "SELECT priority, due_at <= now() FROM fetch_jobs WHERE status = 'waiting' AND resource_id = '{again}'"
    );
    assert_eq!(line(&client, &urgency).await?, "6|t");
    assert!(!orders.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_to_read_forged_ids_have_a_quarter_of_the_calls_and_come_last() -> Result {
    let (_db, client) = open().await?;
    client.execute("UPDATE platform_accounts SET organization_ids = '{}'", &[]).await?;
    client.execute("SELECT configure_account('eventbrite', calls_per_hour => 100)", &[]).await?;
    known(&client, "7000001").await?;
    // More than are sorted at a time.
    flood(&client, 1, 60_000).await?;
    hint(&client, "order.updated", "orders/7000001/").await?;
    line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
    line(&client, "SELECT sync_event('ours')").await?;
    let paths = drain(&client).await?;
    let place = |start: &str| paths.iter().position(|path| path.starts_with(start)).unwrap_or(usize::MAX);
    assert_eq!(place("/v3/events/901/orders/"), 0, "what somebody has asked for: {paths:?}");
    assert!(place("/v3/orders/7000001/") < 5, "with the first or second claim: {paths:?}");
    let forged = paths.iter().filter(|path| path.starts_with("/v3/orders/") && !path.contains("7000001")).count();
    assert_eq!(forged, 25, "{paths:?}");
    let counted =
        "SELECT sum(calls), sum(hint_calls), sum(doubtful_calls) FROM account_calls WHERE platform = 'eventbrite'";
    assert_eq!(line(&client, counted).await?, "27|26|25");
    // There are calls for what comes now.
    hint(&client, "order.updated", "orders/7000001/").await?;
    line(&client, "SELECT sync_event('ours')").await?;
    client.execute("UPDATE platform_accounts SET discovered_at = NULL WHERE platform = 'eventbrite'", &[]).await?;
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    let mut paths: Vec<String> =
        drain(&client).await?.into_iter().map(|path| path.split('?').next().unwrap_or_default().to_owned()).collect();
    paths.sort();
    assert_eq!(paths, ["/v3/events/901/orders/", "/v3/orders/7000001/", "/v3/users/me/organizations/"]);
    // A new order is one of many that nobody has heard of; the next reading of its event brings it.
    assert_eq!(
        line(&client, "SELECT count(*) FROM fetch_jobs WHERE status = 'waiting' AND priority = 6").await?,
        "1000"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_heard_of_is_asked_for_four_times_and_leaves_no_trace() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/424242/").await?;
    let logged = line(&client, "SELECT count(*) FROM webhook_logs").await?;
    let mut tries = 0;
    loop {
        let call = one(&client).await?;
        tries += 1;
        let outcome = complete(&client, &call, 404, &not_found()).await?;
        if outcome == "gone" {
            break;
        }
        // As much time goes by as it is to wait.
        let wait = "UPDATE fetch_jobs SET created_at = created_at - (due_at - clock_timestamp()), due_at = clock_timestamp() WHERE status = 'waiting'";
        client.execute(wait, &[]).await?;
    }
    assert_eq!(tries, 4);
    assert_eq!(line(&client, "SELECT doubtful, status FROM fetch_jobs").await?, "t|gone");
    assert_eq!(line(&client, "SELECT count(*) FROM order_states").await?, "0", "ids can be made up");
    assert_eq!(line(&client, "SELECT count(*) FROM webhook_logs").await?, logged);
    // One that is known is asked for as often as it takes, and its 404 is remembered.
    known(&client, "7000001").await?;
    hint(&client, "order.updated", "orders/7000001/").await?;
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 404, &not_found()).await?, "retry");
    assert_eq!(line(&client, "SELECT doubtful FROM fetch_jobs WHERE status = 'waiting'").await?, "f");
    time_passes(&client).await?;
    let call = one(&client).await?;
    client.execute("UPDATE fetch_jobs SET created_at = created_at - interval '6 minutes'", &[]).await?;
    complete(&client, &call, 404, &not_found()).await?;
    let kept = "SELECT count(*) FROM webhook_logs WHERE headers->>':status' = '404'";
    assert_eq!(line(&client, kept).await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_leave_a_fifth_to_what_is_asked_for_and_scheduled() -> Result {
    let (_db, client) = open().await?;
    client.execute("SELECT configure_account('eventbrite', calls_per_hour => 50, max_in_flight => 64, burst_threshold => 1000)", &[]).await?;
    for number in 0..100 {
        let state = format!(
            "INSERT INTO order_states (platform, platform_order_id, state) VALUES ('eventbrite', '{number}', '')"
        );
        client.execute(&state, &[]).await?;
        hint(&client, "order.updated", &format!("orders/{number}/")).await?;
    }
    line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
    assert_eq!(claim(&client, 64).await?.len(), 40);
    assert_eq!(claim(&client, 64).await?.len(), 0, "the other sixty wait");
    line(&client, "SELECT sync_event('ours')").await?;
    let call = one(&client).await?;
    assert!(call.path.starts_with("/v3/events/901/orders/"), "{call:?}");
    // The schedule yields when four fifths are used; but a tenth is its own, for each kind of what it asks for.
    for (number, priority) in [3, 3, 4, 4, 5, 5].into_iter().enumerate() {
        let add = format!(
            "INSERT INTO fetch_jobs (platform, path, kind, purpose, priority) VALUES ('eventbrite', '/v3/{number}/', 'events', 'again', {priority})"
        );
        client.execute(&add, &[]).await?;
    }
    let calls: Vec<String> = claim(&client, 64).await?.into_iter().map(|call| call.path).collect();
    assert_eq!(calls, ["/v3/0/", "/v3/1/", "/v3/2/", "/v3/3/", "/v3/4/"]);
    assert_eq!(claim(&client, 64).await?.len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_share_is_used_up_a_few_that_wait_are_enough_for_a_list() -> Result {
    let (_db, client) = open().await?;
    client.execute("SELECT configure_account('eventbrite', calls_per_hour => 100, max_in_flight => 64)", &[]).await?;
    client
        .execute(
            "INSERT INTO account_calls VALUES ('eventbrite', 'default', date_trunc('minute', now()), 30, 30, 30)",
            &[],
        )
        .await?;
    hint(&client, "order.placed", "orders/1/").await?;
    known(&client, "7000001").await?;
    hint(&client, "order.updated", "orders/7000001/").await?;
    let call = one(&client).await?;
    assert!(call.path.starts_with("/v3/orders/7000001/"), "{call:?}");
    client.execute("UPDATE fetch_jobs SET created_at = created_at - interval '31 seconds'", &[]).await?;
    let call = one(&client).await?;
    assert!(call.path.starts_with("/v3/organizations/7001/orders/"), "{call:?}");
    let attendee = eventbrite_attendee("1", "b", "2026-03-01T10:00:00Z", 2500, json!({}));
    let order: Value =
        serde_json::from_str(&eventbrite_order("1", "2026-03-01T10:00:00Z", 2500, &[attendee], json!({})))?;
    assert_eq!(
        complete(&client, &call, 200, &json!({"orders": [order], "pagination": {"has_more_items": false}})).await?,
        "done"
    );
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales WHERE platform_order_id = '1'").await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attendee_is_found_by_its_event() -> Result {
    let (_db, client) = open().await?;
    let page = json!({"attendees": [eventbrite_attendee("1", "a", "2026-03-01T10:00:00Z", 2500, json!({"event_id": "901"})),
        eventbrite_attendee("2", "b", "2026-03-01T10:00:00Z", 2500, json!({"event_id": "902"}))]});
    boxoffice_tests::sql::apply(&client, "eventbrite", "attendees", &page.to_string(), None).await?;
    line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
    for (event, attendee) in [("901", "a"), ("902", "b"), ("901", "b"), ("903", "c")] {
        hint(&client, "attendee.updated", &format!("events/{event}/attendees/{attendee}/")).await?;
        let call = one(&client).await?;
        client.execute("UPDATE fetch_jobs SET created_at = created_at - interval '6 minutes'", &[]).await?;
        boxoffice_tests::pump::claimed(&client, &call, "25 minutes").await?;
        complete(&client, &call, 404, &not_found()).await?;
    }
    let kept = "SELECT platform_order_id, headers->>':resource' FROM webhook_logs WHERE headers->>':status' = '404' ORDER BY 1";
    assert_eq!(lines(&client, kept).await?, ["1|a", "2|b"], "linked or not; not those that its event does not have");
    Ok(())
}

//! What Eventbrite's webhooks may point to, and events whose numbers cannot be.

use boxoffice_tests::Result;
use boxoffice_tests::payloads::{eventbrite_attendee, eventbrite_order};
use boxoffice_tests::pump::{claim, complete, hint, one, open, time_passes};
use boxoffice_tests::sql::{Receipt, apply, ingest, line, lines};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn deliver(client: &Client, action: &str, api_url: &str) -> Result<Receipt> {
    let body = json!({
        "config": {"action": action, "user_id": "1", "endpoint_url": "https://example.org", "webhook_id": "5"},
        "api_url": api_url,
    });
    ingest(client, "eventbrite", &json!({":path-token": "token-of-the-pump-tests"}), body.to_string().as_bytes()).await
}

fn event(id: &str, capacity: Value) -> Value {
    json!({"id": id, "name": {"text": format!("Night {id}")}, "changed": "2026-03-01T10:00:00Z", "status": "live", "capacity": capacity,
        "start": {"timezone": "Australia/Sydney", "utc": "2026-12-09T08:30:00Z"}, "end": {"timezone": "Australia/Sydney", "utc": "2026-12-09T11:00:00Z"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_series_is_read_as_its_events() -> Result {
    let (_db, client) = open().await?;
    for action in ["event.created", "event.published", "event.updated", "series.created"] {
        let receipt = deliver(&client, action, "https://www.eventbriteapi.com/v3/series/408150000001/").await?;
        assert_eq!((receipt.outcome.as_str(), receipt.http_status), ("queued", 200), "{action}: {receipt:?}");
    }
    assert_eq!(line(&client, "SELECT invalid, queued FROM webhook_health WHERE platform = 'eventbrite'").await?, "0|4");
    let call = one(&client).await?;
    assert_eq!(call.path, "/v3/series/408150000001/events/?expand=venue");
    let page = |ids: &[&str], more: bool| json!({"events": ids.iter().map(|id| event(id, json!(100))).collect::<Vec<_>>(), "pagination": {"has_more_items": more, "continuation": "c"}});
    assert_eq!(complete(&client, &call, 200, &page(&["11", "12"], true)).await?, "done");
    let call = one(&client).await?;
    assert_eq!(call.path, "/v3/series/408150000001/events/?expand=venue&continuation=c");
    assert_eq!(complete(&client, &call, 200, &page(&["13"], false)).await?, "done");
    let found = "SELECT external_event_id, external_title, account FROM ticket_platforms ORDER BY 1";
    assert_eq!(lines(&client, found).await?, ["11|Night 11|default", "12|Night 12|default", "13|Night 13|default"]);

    // One that is not there (any more) is no trouble.
    hint(&client, "event.created", "series/408150000002/").await?;
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 404, &json!({"error": "NOT_FOUND"})).await?, "retry", "replicas lag");
    time_passes(&client).await?;
    let call = one(&client).await?;
    client.execute("UPDATE fetch_jobs SET created_at = created_at - interval '6 minutes'", &[]).await?;
    assert_eq!(complete(&client, &call, 404, &json!({"error": "NOT_FOUND"})).await?, "gone");
    assert_eq!(line(&client, "SELECT fetches_dead FROM webhook_health WHERE platform = 'eventbrite'").await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn new_forms_are_read_or_ignored_and_hostile_ones_refused() -> Result {
    let (_db, client) = open().await?;
    let host = "https://www.eventbriteapi.com";
    let order = "/v3/orders/34/?expand=attendees,refund_requests";
    let cases = [
        // Whatever leads to something that is kept.
        ("attendee.updated", "/v3/orders/34/attendees/56/", Some(order)),
        ("order.placed", "/v3/organizations/7/orders/34/", Some(order)),
        ("order.placed", "/v4/orders/34/", Some(order)),
        ("event.updated", "/v3/series/9/events/12/", Some("/v3/events/12/?expand=venue")),
        ("ticket_class.created", "/v3/events/12/ticket_classes/", Some("/v3/events/12/?expand=venue")),
        ("event.updated", "/v3/events/12/inventory_tiers/5/", Some("/v3/events/12/?expand=venue")),
        // What may come one day.
        ("barcode.checked_in", "/v3/barcodes/99/", None),
        ("attendee.updated", "/v3/attendees/56/", None),
        ("order.placed", "/v3/checkouts/34/", None),
        ("organizer.updated", "/v3/organizers/12/", None),
    ];
    for (action, path, fetched) in cases {
        client.execute("DELETE FROM fetch_jobs", &[]).await?;
        let receipt = deliver(&client, action, &format!("{host}{path}")).await?;
        let outcome = if fetched.is_some() { "queued" } else { "ignored" };
        assert_eq!((receipt.outcome.as_str(), receipt.http_status), (outcome, 200), "{action} {path}: {receipt:?}");
        assert_eq!(
            lines(&client, "SELECT path FROM fetch_jobs").await?,
            fetched.map(str::to_owned).into_iter().collect::<Vec<_>>(),
            "{path}"
        );
    }
    assert_eq!(
        line(&client, "SELECT count(*) FROM webhook_logs WHERE status = 'ignored' AND notes IS NULL").await?,
        "0",
        "a note says why"
    );
    client.execute("DELETE FROM fetch_jobs", &[]).await?;
    for api_url in [
        "https://evil.example/v3/series/408150000001/",
        "https://www.eventbriteapi.com.evil.example/v3/series/1/",
        "http://www.eventbriteapi.com/v3/series/1/",
        "https://www.eventbriteapi.com:8443/v3/series/1/",
        "https://a@www.eventbriteapi.com/v3/series/1/",
        "https://www.eventbriteapi.com/v3/series/../users/me/",
        "https://www.eventbriteapi.com/v3/series/1/?token=x",
        "https://www.eventbriteapi.com/v3/series/a_b/",
        "https://www.eventbriteapi.com/v3/series//",
        "https://www.eventbriteapi.com/admin/orders/1/",
        "https://www.eventbriteapi.com/v3/orders/{id}/",
        "https://www.eventbriteapi.com/",
    ] {
        let receipt = deliver(&client, "event.created", api_url).await?;
        assert_eq!((receipt.outcome.as_str(), receipt.http_status), ("invalid", 400), "{api_url}: {receipt:?}");
    }
    assert_eq!(line(&client, "SELECT count(*) FROM fetch_jobs").await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capacity_that_cannot_be_is_unknown_and_takes_nothing_with_it() -> Result {
    let (_db, client) = open().await?;
    for id in ["11", "12", "13"] {
        line(&client, &format!("SELECT link_event('eventbrite', '{id}', 'e{id}')")).await?;
    }
    line(&client, "SELECT link_event('humanitix', 'h1', 'eh1')").await?;
    line(&client, "SELECT begin_discovery('eventbrite', 'default', 'manual', 2)").await?;
    let call = one(&client).await?;
    let odd = [
        event("11", json!(-1)),
        event("12", json!("99999999999999999999")),
        event("13", json!(2_147_483_647_i64)),
        event("14", json!(-5.0)),
    ];
    let page = json!({"events": odd, "pagination": {"has_more_items": false}});
    assert_eq!(complete(&client, &call, 200, &page).await?, "done");
    assert_eq!(line(&client, "SELECT status, problems FROM sync_runs").await?, "done|4");
    let here = "SELECT external_event_id, external_title, external_capacity FROM ticket_platforms WHERE platform = 'eventbrite' ORDER BY 1";
    assert_eq!(lines(&client, here).await?, ["11|Night 11|-", "12|Night 12|-", "13|Night 13|-", "14|Night 14|-"]);
    assert_eq!(line(&client, "SELECT title, capacity FROM ticket_events WHERE event_id = 'e11'").await?, "Night 11|-");
    let humanitix = json!({"_id": "h1", "name": "Late", "currency": "AUD", "totalCapacity": -20, "updatedAt": "2026-03-01T10:00:00.000Z"});
    let notes = apply(&client, "humanitix", "event", &humanitix.to_string(), None).await?;
    assert_eq!(notes, ["totalCapacity is negative and counts as unknown"]);
    assert_eq!(line(&client, "SELECT title, capacity FROM ticket_events WHERE event_id = 'eh1'").await?, "Late|-");
    // An order that brings its event along is an order all the same.
    hint(&client, "order.placed", "orders/1/").await?;
    let attendee = eventbrite_attendee("1", "a", "2026-03-01T10:00:00Z", 2500, json!({"event_id": "11"}));
    let body = eventbrite_order(
        "1",
        "2026-03-01T10:00:00Z",
        2500,
        &[attendee],
        json!({"event_id": "11", "event": event("11", json!(-1))}),
    );
    let call = &claim(&client, 10).await?[0];
    assert_eq!(complete(&client, call, 200, &serde_json::from_str(&body)?).await?, "done");
    assert_eq!(line(&client, "SELECT event_id, total_amount FROM ticket_sales").await?, "e11|25.00");
    // What people have written stays, and what is sensible comes.
    let later = |capacity: Value| {
        let mut later = event("11", capacity);
        later["changed"] = json!("2026-03-02T10:00:00Z");
        later.to_string()
    };
    apply(&client, "eventbrite", "event", &later(json!(120)), None).await?;
    assert_eq!(line(&client, "SELECT capacity FROM ticket_events WHERE event_id = 'e11'").await?, "120");
    Ok(())
}

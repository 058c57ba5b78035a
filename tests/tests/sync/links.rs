//! Events of the platforms and ours: linked before the first sale, after it, to another event, and not any more.

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{apply, deliver, line, lines, open_humanitix};
use boxoffice_tests::{Database, Result};
use serde_json::json;
use tokio_postgres::Client;

const PEOPLE: &str = r#"[{"id": "a1", "name": "Ada"}]"#;

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    Ok((db, client))
}

async fn sell(client: &Client, order: &str) -> Result {
    let people = serde_json::from_str::<serde_json::Value>(PEOPLE)?;
    let body = envelope("order.created", order, "2026-03-01T10:00:00Z", json!({"attendees": people, "tickets": null}));
    assert_eq!(deliver(client, &body).await?.outcome, "processed");
    Ok(())
}

/// Event ids of sales and of attendees.
async fn shown(client: &Client) -> Result<Vec<String>> {
    let query = "SELECT s.platform_order_id, s.event_id, a.event_id FROM ticket_sales s
        JOIN attendees a USING (platform, platform_order_id) ORDER BY 1";
    lines(client, query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_registers_itself_and_can_be_linked_later() -> Result {
    let (_db, client) = open().await?;
    sell(&client, "o1").await?;
    let query = "SELECT platform, external_event_id, event_id, external_title, external_venue, external_starts_at = '2026-03-06T19:30:00Z',
        source_version, linked_at FROM ticket_platforms";
    assert_eq!(line(&client, query).await?, "humanitix|evt_1|-|Friday Night|The Cellar|t|-|-");
    assert_eq!(shown(&client).await?, ["o1|-|-"]);

    assert_eq!(line(&client, "SELECT link_event('humanitix', 'evt_1', 'our-friday')").await?, "our-friday");
    sell(&client, "o2").await?;
    assert_eq!(shown(&client).await?, ["o1|our-friday|our-friday", "o2|our-friday|our-friday"]);
    let query = "SELECT event_id, title, venue, starts_at = '2026-03-06T19:30:00Z' FROM ticket_events";
    assert_eq!(line(&client, query).await?, "our-friday|Friday Night|The Cellar|t");
    let query = "SELECT event_title, total_orders, total_tickets_sold, gross_revenue, humanitix_orders FROM ticket_sales_analytics";
    assert_eq!(line(&client, query).await?, "Friday Night|2|2|100.00|2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_made_before_the_first_sale_counts_from_the_first_sale() -> Result {
    let (_db, client) = open().await?;
    let made = line(&client, "SELECT link_event('humanitix', 'evt_1')").await?;
    assert_eq!(line(&client, &format!("SELECT ('{made}'::uuid)::text = '{made}'")).await?, "t");
    // Linking again without naming an event changes nothing.
    assert_eq!(line(&client, "SELECT link_event('humanitix', 'evt_1')").await?, made);
    sell(&client, "o1").await?;
    assert_eq!(shown(&client).await?, [format!("o1|{made}|{made}")]);
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_events").await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn links_can_be_changed_and_taken_back() -> Result {
    let (_db, client) = open().await?;
    sell(&client, "o1").await?;
    for event in ["first", "second"] {
        line(&client, &format!("SELECT link_event('humanitix', 'evt_1', '{event}')")).await?;
        assert_eq!(shown(&client).await?, [format!("o1|{event}|{event}")]);
    }
    assert_eq!(line(&client, "SELECT unlink_event('humanitix', 'evt_1')").await?, "second");
    assert_eq!(shown(&client).await?, ["o1|-|-"]);
    sell(&client, "o2").await?;
    assert_eq!(shown(&client).await?, ["o1|-|-", "o2|-|-"]);
    // Nothing is deleted: both of our events are still there.
    assert_eq!(line(&client, "SELECT count(*), count(linked_at) FROM ticket_events, ticket_platforms").await?, "2|0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_other_events_and_platforms_are_left_alone() -> Result {
    let (_db, client) = open().await?;
    sell(&client, "o1").await?;
    apply(&client, "eventbrite", "order", payloads::SAMPLE_ORDER, None).await?;
    line(&client, "SELECT link_event('eventbrite', 'evt_1', 'other')").await?;
    line(&client, "SELECT link_event('humanitix', '234567890123', 'another')").await?;
    assert_eq!(shown(&client).await?, ["345678901234|-|-", "o1|-|-"]);
    line(&client, "SELECT link_event('eventbrite', '234567890123', 'shared')").await?;
    line(&client, "SELECT link_event('humanitix', 'evt_1', 'shared')").await?;
    assert_eq!(shown(&client).await?, ["345678901234|shared|shared", "o1|shared|shared"]);
    let query = "SELECT currency, total_orders, humanitix_orders, eventbrite_orders FROM ticket_sales_analytics
        WHERE event_id = 'shared' ORDER BY 1";
    assert_eq!(lines(&client, query).await?, ["AUD|1|1|0", "USD|1|0|1"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_says_of_an_event_is_kept_and_an_older_copy_changes_nothing() -> Result {
    let (_db, client) = open().await?;
    let event = |name: &str, updated: &str| {
        json!({"_id": "evt_1", "name": name, "currency": "AUD", "timezone": "Australia/Perth", "totalCapacity": 90, "published": true,
            "startDate": "2026-03-06T19:30:00.000Z", "endDate": "2026-03-06T22:00:00.000Z", "url": "https://example.org/e",
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": updated, "eventLocation": {"venueName": "The Cellar"}})
        .to_string()
    };
    apply(&client, "humanitix", "event", &event("New name", "2026-02-02T00:00:00.000Z"), None).await?;
    apply(&client, "humanitix", "event", &event("Old name", "2026-02-01T00:00:00.000Z"), None).await?;
    sell(&client, "o1").await?;
    let query = "SELECT external_title, external_capacity, external_time_zone, currency, external_event_url FROM ticket_platforms";
    assert_eq!(line(&client, query).await?, "New name|90|Australia/Perth|AUD|https://example.org/e");
    line(&client, "SELECT link_event('humanitix', 'evt_1', 'ours')").await?;
    assert_eq!(
        line(&client, "SELECT title, capacity, time_zone, ends_at - starts_at FROM ticket_events").await?,
        "New name|90|Australia/Perth|02:30:00"
    );
    let query = "SELECT capacity, capacity_utilization_percent FROM ticket_sales_analytics";
    assert_eq!(line(&client, query).await?, "90|1.11");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_of_theirs_never_contradicts_one_of_ours() -> Result {
    let (_db, client) = open().await?;
    let ours = "INSERT INTO ticket_events (event_id, starts_at, ends_at) \
        VALUES ('late', '2026-12-01Z', NULL), ('over', NULL, '2026-01-01Z'), ('early', '2026-03-01Z', NULL)";
    client.batch_execute(ours).await?;
    let event = |updated: &str| {
        json!({"_id": "evt_1", "name": "Theirs", "startDate": "2026-03-06T19:30:00.000Z", "endDate": "2026-03-06T22:00:00.000Z",
            "updatedAt": updated})
        .to_string()
    };
    let read = "SELECT event_id, starts_at AT TIME ZONE 'UTC', ends_at AT TIME ZONE 'UTC', title FROM ticket_events ORDER BY 1";
    let expected = [
        "early|2026-03-01 00:00:00|2026-03-06 22:00:00|Theirs",
        "late|2026-12-01 00:00:00|-|Theirs",
        "over|-|2026-01-01 00:00:00|Theirs",
    ];
    // Linked when the platform's event is known already.
    apply(&client, "humanitix", "event", &event("2026-02-01T00:00:00.000Z"), None).await?;
    for id in ["late", "over", "early"] {
        line(&client, &format!("SELECT link_event('humanitix', 'evt_1', '{id}')")).await?;
    }
    assert_eq!(lines(&client, read).await?, expected);
    // Linked before anything is known of it.
    client.batch_execute("DELETE FROM ticket_events; DELETE FROM ticket_platforms").await?;
    client.batch_execute(ours).await?;
    for (number, id) in ["late", "over", "early"].into_iter().enumerate() {
        line(&client, &format!("SELECT link_event('humanitix', 'evt_1', '{id}')")).await?;
        apply(&client, "humanitix", "event", &event(&format!("2026-02-0{}T00:00:00.000Z", number + 2)), None).await?;
    }
    assert_eq!(lines(&client, read).await?, expected);
    assert_eq!(line(&client, "SELECT count(*) FROM webhook_logs WHERE status = 'failed'").await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_waits_for_deliveries_in_flight_and_they_for_it() -> Result {
    let (db, client) = open().await?;
    let (seller, linker) = (db.client().await?, db.client().await?);
    // The event is known, so that nobody waits for its row.
    sell(&client, "o0").await?;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    // A sale that is written, but not committed, when the event is linked.
    seller.batch_execute("BEGIN").await?;
    sell(&seller, "o1").await?;
    let link = tokio::spawn(async move { line(&linker, "SELECT link_event('humanitix', 'evt_1', 'ours')").await });
    while line(&client, waiting).await? != "1" {
        assert!(!link.is_finished(), "linked past a delivery in flight");
        tokio::task::yield_now().await;
    }
    seller.batch_execute("COMMIT").await?;
    assert_eq!(link.await??, "ours");
    assert_eq!(shown(&client).await?, ["o0|ours|ours", "o1|ours|ours"]);

    // A delivery that comes while the event is being linked elsewhere.
    let linker = db.client().await?;
    linker.batch_execute("BEGIN; SELECT link_event('humanitix', 'evt_1', 'theirs')").await?;
    let sale = tokio::spawn(async move { sell(&seller, "o2").await });
    while line(&client, waiting).await? != "1" {
        assert!(!sale.is_finished(), "sold past a link in the making");
        tokio::task::yield_now().await;
    }
    linker.batch_execute("COMMIT").await?;
    sale.await??;
    assert_eq!(shown(&client).await?, ["o0|theirs|theirs", "o1|theirs|theirs", "o2|theirs|theirs"]);
    Ok(())
}

//! Lists that never end.

use boxoffice_tests::Result;
use boxoffice_tests::payloads::{eventbrite_attendee, eventbrite_order};
use boxoffice_tests::pump::{account, claim, complete, hint, one, open};
use boxoffice_tests::sql::{line, lines};
use serde_json::{Value, json};
use tokio_postgres::Client;

fn order(id: &str) -> Value {
    let attendee = eventbrite_attendee(id, &format!("{id}-a"), "2026-03-01T10:00:00Z", 2500, json!({}));
    serde_json::from_str(&eventbrite_order(id, "2026-03-01T10:00:00Z", 2500, &[attendee], json!({})))
        .unwrap_or_default()
}

/// Answers the only call again and again until it is followed by no other; how often. `page`: by its number.
async fn read(client: &Client, page: impl Fn(usize) -> Value) -> Result<usize> {
    for number in 1..10_000 {
        let call = one(client).await?;
        assert_eq!(complete(client, &call, 200, &page(number)).await?, "done");
        if line(client, "SELECT count(*) FROM fetch_jobs WHERE status = 'waiting' AND due_at < 'infinity'").await?
            == "0"
        {
            return Ok(number);
        }
    }
    anyhow::bail!("it never ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_goes_on_for_ever_is_given_up_with_a_clear_error() -> Result {
    let (_db, client) = open().await?;
    for platform in ["eventbrite", "humanitix"] {
        line(&client, &format!("SELECT link_event('{platform}', '901', '{platform}')")).await?;
    }
    // Tokens that change, and a total that grows with each page.
    line(&client, "SELECT sync_event('eventbrite')").await?;
    let pages = read(&client, |number| {
        json!({"orders": [order("1")], "pagination": {"has_more_items": true, "continuation": format!("c{number}"), "object_count": 3 + number}})
    })
    .await?;
    let error = |pages: usize| {
        format!("the list does not end: {pages} pages of it were read, more than its first page can mean")
    };
    assert_eq!(pages, 30, "twice what the first page has announced, and twenty");
    let state = "SELECT r.status, r.error = s.last_sync_error, r.error FROM sync_runs r JOIN sync_status s USING (platform, external_event_id) ORDER BY r.id DESC LIMIT 1";
    assert_eq!(line(&client, state).await?, format!("failed|t|{}", error(pages)));
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "1", "what was read stays");
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");

    // Without a total.
    line(&client, "SELECT sync_event('eventbrite')").await?;
    let more = |number: usize| json!({"orders": [order("1")], "pagination": {"has_more_items": true, "continuation": format!("c{number}")}});
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 200, &more(1)).await?, "done");
    assert_eq!(
        line(&client, "SELECT list_pages, list_limit FROM fetch_jobs WHERE status = 'waiting'").await?,
        "2|2000"
    );
    client.execute("UPDATE fetch_jobs SET list_pages = 1990 WHERE status = 'waiting'", &[]).await?;
    assert_eq!(read(&client, |number| more(number + 1)).await?, 11);
    assert_eq!(line(&client, state).await?, format!("failed|t|{}", error(2000)));

    // Counted pages, as at Humanitix.
    line(&client, "SELECT sync_event('humanitix')").await?;
    client
        .execute("UPDATE fetch_jobs SET due_at = 'infinity' WHERE status = 'waiting' AND kind = 'tickets'", &[])
        .await?;
    let pages = read(&client, |number| {
        let order = json!({"_id": format!("o{number}"), "eventId": "901", "currency": "AUD", "status": "complete", "updatedAt": "2026-03-01T10:00:00.000Z"});
        json!({"total": 100 * (number + 1), "orders": [order]})
    })
    .await?;
    assert_eq!(pages, 422);
    assert_eq!(line(&client, state).await?, format!("failed|t|{}", error(pages)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_list_in_the_place_of_hints_gives_them_back_and_leaves_the_others() -> Result {
    let (_db, client) = open().await?;
    client
        .execute("SELECT configure_account('eventbrite', burst_threshold => 2, organization_ids => '{7001,7002}')", &[])
        .await?;
    for number in 0..4 {
        hint(&client, "order.placed", &format!("orders/{number}/")).await?;
    }
    let lists = claim(&client, 10).await?;
    assert_eq!(lists.len(), 2);
    let endless = |number: usize| json!({"orders": [order("0")], "pagination": {"has_more_items": true, "continuation": format!("c{number}"), "object_count": 1}});
    assert_eq!(complete(&client, &lists[0], 200, &endless(0)).await?, "done");
    assert_eq!(read(&client, endless).await?, 23);
    assert_eq!(line(&client, "SELECT status, open_lists FROM sync_history").await?, "running|1");
    assert_eq!(
        complete(&client, &lists[1], 200, &json!({"orders": [order("1")], "pagination": {"has_more_items": false}}))
            .await?,
        "done"
    );
    let run = line(&client, "SELECT status, error FROM sync_runs").await?;
    assert!(run.starts_with("failed|the list does not end: 24 pages"), "{run}");
    let jobs = "SELECT resource_id, status FROM fetch_jobs WHERE kind = 'order' ORDER BY 1";
    assert_eq!(lines(&client, jobs).await?, ["0|done", "1|done", "2|waiting", "3|waiting"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_belong_to_nobody_end_as_well() -> Result {
    let (_db, client) = open().await?;
    let add = "INSERT INTO fetch_jobs (platform, path, kind, purpose) VALUES ('eventbrite', '/v3/orders/1/attendees/', 'attendees', 'again')";
    client.execute(add, &[]).await?;
    let pages = read(&client, |number| {
        let attendee = eventbrite_attendee("1", &format!("a{number}"), "2026-03-01T10:00:00Z", 2500, json!({}));
        json!({"attendees": [attendee], "pagination": {"has_more_items": true, "continuation": format!("c{number}")}})
    })
    .await?;
    assert_eq!(pages, 200);
    assert_eq!(line(&client, "SELECT count(*) FROM attendees").await?, "200");
    Ok(())
}

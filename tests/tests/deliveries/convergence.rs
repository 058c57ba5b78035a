//! The same facts end in the same rows: in any order, doubled, in batches, and from many sessions at once.

mod facts;

use std::sync::Arc;

use boxoffice_tests::payloads;
use boxoffice_tests::random::Random;
use boxoffice_tests::sql::{apply, deliver, ingest_many, line, lines, open_humanitix, signed};
use boxoffice_tests::{Database, Result};
use facts::{Observation, history};
use serde_json::json;
use tokio_postgres::Client;

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    link(&client).await?;
    Ok((db, client))
}

async fn link(client: &Client) -> Result {
    lines(client, "SELECT link_event('humanitix', 'evt_1', 'ours'), link_event('eventbrite', '2000000000001', 'ours')")
        .await?;
    Ok(())
}

/// Says these things in this order; envelopes that follow each other travel in batches of random size.
async fn tell(client: &Client, history: &[Observation], order: &[usize], random: &mut Random) -> Result {
    let mut batch: Vec<&Observation> = Vec::new();
    for (i, &at) in order.iter().enumerate() {
        let observation = &history[at];
        match observation.kind {
            None => batch.push(observation),
            Some(kind) => {
                apply(client, observation.platform, kind, &observation.body, observation.fetched_at).await?;
            }
        }
        if !batch.is_empty() && (i + 1 == order.len() || random.below(3) == 0) {
            let items: Vec<_> = batch.drain(..).map(|o| (o.platform, signed(&o.body), o.body.as_bytes())).collect();
            for receipt in ingest_many(client, &items).await? {
                assert!(matches!(receipt.outcome.as_str(), "processed" | "duplicate" | "ignored"), "{receipt:?}");
            }
        }
    }
    Ok(())
}

/// All rows but for the times at which we wrote them.
async fn rows(client: &Client) -> Result<Vec<String>> {
    let query = "SELECT 'sale', to_jsonb(s) - '{created_at,updated_at}'::text[] FROM ticket_sales s
        UNION ALL SELECT 'attendee', to_jsonb(a) - '{created_at,updated_at}'::text[] FROM attendees a ORDER BY 1, 2";
    lines(client, query).await
}

async fn forget(client: &Client) -> Result {
    Ok(client.batch_execute("TRUNCATE ticket_sales, attendees, order_states, webhook_logs").await?)
}

/// What must come out, worked out by hand from the merge rules.
async fn assert_is_right(client: &Client) -> Result {
    assert_eq!(lines(client, "SELECT * FROM check_consistency()").await?, [""; 0]);
    let sales = "SELECT platform_order_id, total_amount, refund_status, refund_amount, refund_method, ticket_quantity, valid_quantity, event_id
        FROM ticket_sales ORDER BY 1";
    assert_eq!(
        lines(client, sales).await?,
        [
            "e1|101.07|partial|33.69|costs|3|1|ours",
            "e2|30.00|partial|5.00|requests|-|-|ours",
            "e3|-|none|-|-|-|-|ours",
            "e4|10.00|cancelled|0.00|-|-|0|ours",
            "h1|74.90|partial|35.00|platform|2|1|ours",
            "h2|50.00|partial|25.00|envelope|2|2|ours",
            "h3|-|none|-|-|-|-|ours",
            "h4|60.00|none|0.00|-|2|0|ours",
        ]
    );
    let people = "SELECT platform_order_id, platform_attendee_id, status, refunded, checked_in_at AT TIME ZONE 'UTC' FROM attendees ORDER BY 1, 2";
    assert_eq!(
        lines(client, people).await?,
        [
            "e1|1|cancelled|t|-",
            "e1|2|checked_in|f|2026-03-06 19:00:00",
            "e1|3|cancelled|f|-",
            "e2|8|registered|f|-",
            "e2|9|checked_in|f|2026-03-02 10:00:00",
            "e3|7|registered|f|-",
            "h1|t1|checked_in|f|2026-03-06 19:00:00",
            "h1|t2|cancelled|f|-",
            "h2|p1|registered|f|-",
            "h2|p2|cancelled|f|-",
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_ends_in_the_same_rows() -> Result {
    let (_db, client) = open().await?;
    let history = history();
    let in_order: Vec<usize> = (0..history.len()).collect();
    tell(&client, &history, &in_order, &mut Random::new(0)).await?;
    assert_is_right(&client).await?;
    let expected = rows(&client).await?;
    for seed in 1..=60 {
        forget(&client).await?;
        let mut random = Random::new(seed);
        let order = random.positions(history.len());
        tell(&client, &history, &order, &mut random).await?;
        assert_eq!(rows(&client).await?, expected, "permutation {seed}: {order:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sessions_at_once_end_in_the_same_rows() -> Result {
    let (db, client) = open().await?;
    let history = Arc::new(history());
    let in_order: Vec<usize> = (0..history.len()).collect();
    tell(&client, &history, &in_order, &mut Random::new(0)).await?;
    let expected = rows(&client).await?;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Arc::new(db.client().await?));
    }
    for round in 0..40 {
        forget(&client).await?;
        // Each thing is said once or twice in all: what one session loses no other makes good.
        let order = Random::new(1_000 + round).positions(history.len());
        let mut sessions = Vec::new();
        for (session, client) in clients.iter().enumerate() {
            let (client, history) = (Arc::clone(client), Arc::clone(&history));
            let part: Vec<usize> = order.iter().copied().skip(session).step_by(clients.len()).collect();
            sessions.push(tokio::spawn(async move { tell(&client, &history, &part, &mut Random::new(round)).await }));
        }
        for session in sessions {
            session.await??;
        }
        assert_eq!(rows(&client).await?, expected, "round {round}: {order:?}");
    }
    // Not one of them was told to come again: no deadlock, no serialisation failure.
    let query = "SELECT deadlocks, (SELECT string_agg(DISTINCT status || ' ' || error_message, '; ') FROM webhook_logs
            WHERE status NOT IN ('processed', 'duplicate'))
        FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(line(&client, query).await?, "0|-");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn linking_while_sales_arrive_misses_none() -> Result {
    let (db, client) = open().await?;
    let history = Arc::new(history());
    for round in 0..10 {
        forget(&client).await?;
        client.batch_execute("TRUNCATE ticket_platforms").await?;
        let mut sessions = Vec::new();
        for session in 0..4 {
            let (client, history) = (db.client().await?, Arc::clone(&history));
            sessions.push(tokio::spawn(async move {
                let mut random = Random::new(5_000 * round + session);
                let order = random.positions(history.len());
                tell(&client, &history, &order, &mut random).await
            }));
        }
        // As soon as something is there, link in the middle of it.
        while line(&client, "SELECT count(*) > 2 FROM ticket_sales").await? == "f" {
            tokio::task::yield_now().await;
        }
        link(&client).await?;
        for session in sessions {
            session.await??;
        }
        assert_is_right(&client).await?;
        let lost = "SELECT (SELECT count(*) FROM attendees WHERE event_id IS DISTINCT FROM 'ours'), (SELECT count(*) FROM attendees)";
        assert_eq!(line(&client, lost).await?, "0|10", "round {round}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_session_learns_meanwhile_is_not_lost_to_another() -> Result {
    let (db, client) = open().await?;
    let (one, two) = (db.client().await?, db.client().await?);
    let said = |event: &str, timestamp: &str, changes| payloads::envelope(event, "o", timestamp, changes);
    deliver(&client, &said("order.created", "2026-03-01T10:00:00Z", json!({}))).await?;
    one.batch_execute("BEGIN").await?;
    deliver(&one, &said("order.refunded", "2026-03-01T11:00:00Z", json!({"refund_amount": 20}))).await?;
    let update = said("order.updated", "2026-03-01T12:00:00Z", json!({"total_amount": 60}));
    let second = tokio::spawn(async move { deliver(&two, &update).await });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while line(&client, waiting).await? != "1" {
        assert!(!second.is_finished(), "written past a delivery about the same order");
        tokio::task::yield_now().await;
    }
    one.batch_execute("COMMIT").await?;
    assert_eq!(second.await??.outcome, "processed");
    let query = "SELECT total_amount, refund_amount, refund_status FROM ticket_sales";
    assert_eq!(line(&client, query).await?, "60.00|20.00|partial");
    Ok(())
}

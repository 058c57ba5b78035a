//! Who sees which figures: the owner, readers of all, of one event and of none, analysts; on a streaming replica as well.

use boxoffice_tests::payloads::envelope;
use boxoffice_tests::sql::{deliver, line, lines, refusal};
use boxoffice_tests::{Cluster, Database, Result};
use serde_json::json;
use tokio_postgres::Client;

use super::input::OF_EVENT;
use super::scene::{of_event, open};

const ALL: &str = "SELECT orders, tickets, kept FROM organisation_totals(include_unlinked => true)";
const PERSONAL: [&str; 6] = ["Ada", "Lovelace", "ada@example.org", "+61491570156", "secret-code", "Augusta"];

/// Calls that only read, for an event.
fn reads() -> Vec<&'static str> {
    OF_EVENT.into_iter().filter(|call| !call.starts_with("rebuild") && !call.starts_with("configure")).collect()
}

/// Two events of ours with a sale each, and one that is not linked.
async fn fill(client: &Client) -> Result {
    for (event, orders) in [("evt_1", 1), ("evt_2", 2), ("evt_3", 3)] {
        for n in 0..orders {
            let people =
                json!([{"id": "x", "name": "Augusta Ada", "barcode": "secret-code", "ticket_type_name": "General"}]);
            let sale = envelope(
                "order.created",
                &format!("{event}-{n}"),
                "2026-03-01T10:00:00Z",
                json!({"attendees": people}),
            );
            deliver(client, &of_event(&sale, event)?).await?;
        }
    }
    line(client, "SELECT link_event('humanitix', 'evt_2', 'other')").await?;
    line(client, "UPDATE ticket_events SET starts_at = '2026-03-07T09:00:00Z' WHERE event_id = 'other' RETURNING 1")
        .await?;
    Ok(())
}

/// Every function as this role: its event is answered, the other one does not exist.
async fn sees_one(client: &Client, who: &str, personal: bool) -> Result {
    for call in reads() {
        let own = format!("SELECT * FROM {}", call.replace("{}", "'ours'"));
        if !personal && call.starts_with("duplicate_attendees") {
            assert_eq!(refusal(client, &own).await?.code, "42501", "{who}: {call}");
            continue;
        }
        let rows = lines(client, &own).await?.join("\n");
        if !personal {
            for word in PERSONAL {
                assert!(!rows.contains(word), "{who}: {call} shows {word}");
            }
        }
        let (other, none) = (call.replace("{}", "'other'"), call.replace("{}", "'nowhere'"));
        let refused = refusal(client, &format!("SELECT * FROM {other}")).await?;
        let mut unknown = refusal(client, &format!("SELECT * FROM {none}")).await?;
        unknown.message = unknown.message.replace("nowhere", "other");
        assert_eq!(refused, unknown, "{who}: {call}");
    }
    assert_eq!(line(client, ALL).await?, "1|2|50.00", "{who}");
    assert_eq!(line(client, "SELECT string_agg(event_id, ' ') FROM shows").await?, "ours", "{who}");
    assert_eq!(lines(client, "SELECT * FROM check_analytics()").await?, [""; 0], "{who}");
    assert_eq!(line(client, "SELECT count(*) FROM needs_attention() WHERE what LIKE 'Sales of%'").await?, "0", "{who}");
    lines(client, "SELECT * FROM tonight()").await?;
    lines(client, "SELECT * FROM payout_reconciliation()").await?;
    lines(client, "SELECT * FROM order_history('humanitix', 'evt_1-0')").await?;
    assert_eq!(refusal(client, "SELECT * FROM order_history('humanitix', 'evt_2-0')").await?.code, "22023", "{who}");
    Ok(())
}

async fn roles(db: &Database, owner: &Client) -> Result<Vec<(String, Client)>> {
    let mut roles = Vec::new();
    for (who, grant) in [
        ("reader of all", "SELECT grant_reader($1::text::name)"),
        ("reader of one", "SELECT grant_reader($1::text::name, 'ours')"),
        ("analyst of all", "SELECT grant_analyst($1::text::name)"),
        ("analyst of one", "SELECT grant_analyst($1::text::name, 'ours')"),
        ("reader of nothing", "SELECT grant_reader($1::text::name, 'gone')"),
    ] {
        let role = db.role().await?;
        owner.execute(grant, &[&role.name]).await?;
        roles.push((who.to_owned(), db.client_as(&role).await?));
    }
    Ok(roles)
}

async fn see(roles: &[(String, Client)]) -> Result {
    for (who, client) in roles {
        match who.as_str() {
            "reader of one" => sees_one(client, who, true).await?,
            "analyst of one" => sees_one(client, who, false).await?,
            "reader of nothing" => {
                assert_eq!(line(client, ALL).await?, "0|0|0", "{who}");
                for call in reads() {
                    let refused = refusal(client, &format!("SELECT * FROM {}", call.replace("{}", "'ours'"))).await?;
                    assert_eq!(refused.code, "22023", "{who}: {call}");
                }
            }
            _ => {
                assert_eq!(line(client, ALL).await?, "6|12|300.00", "{who}");
                assert_eq!(lines(client, "SELECT * FROM check_analytics()").await?, [""; 0], "{who}");
                assert_eq!(
                    line(client, "SELECT buyers, returning_buyers FROM customer_summary()").await?,
                    "1|1",
                    "{who}"
                );
            }
        }
        if who.starts_with("analyst") {
            for column in
                ["ticket_sales (customer_email)", "attendees (name)", "attendees (barcode)", "ticket_sales (raw_data)"]
            {
                let (table, column) = column.split_once(' ').unwrap_or_default();
                let column = column.trim_matches(['(', ')']);
                let read = format!("SELECT {column} FROM {table}");
                assert_eq!(refusal(client, &read).await?.code, "42501", "{who}: {read}");
            }
            let columns = "SELECT platform_order_id, total_amount, kept_amount, purchase_date FROM ticket_sales";
            assert!(!lines(client, columns).await?.is_empty(), "{who}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_they_may_read() -> Result {
    let (db, owner) = open().await?;
    fill(&owner).await?;
    let roles = roles(&db, &owner).await?;
    see(&roles).await?;
    line(&owner, "SELECT fold_sales()").await?;
    see(&roles).await?;
    let stranger = db.client_as(&db.role().await?).await?;
    for call in reads() {
        let refused = refusal(&stranger, &format!("SELECT * FROM boxoffice.{}", call.replace("{}", "'ours'"))).await?;
        assert_eq!(refused.code, "42501", "a stranger: {call}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_answers_the_same_and_goes_on_when_it_is_promoted() -> Result {
    let primary = Cluster::start(&[]).await?;
    let db = Database::create_on(&primary).await?;
    let owner = db.client().await?;
    boxoffice_tests::sql::open_humanitix(&owner).await?;
    line(&owner, "SELECT link_event('humanitix', 'evt_1', 'ours'), link_event('eventbrite', '2000000000001', 'ours')")
        .await?;
    line(&owner, "UPDATE ticket_events SET starts_at = '2026-03-06T19:30:00Z' RETURNING 1").await?;
    fill(&owner).await?;
    line(&owner, "SELECT fold_sales()").await?;
    // Something that is not folded yet.
    deliver(
        &owner,
        &envelope(
            "order.refunded",
            "evt_1-0",
            "2026-03-02T10:00:00Z",
            json!({"status": "refunded", "refund_amount": 50}),
        ),
    )
    .await?;
    let role = db.role().await?;
    owner.execute("SELECT grant_reader($1::text::name, 'ours')", &[&role.name]).await?;

    let replica = primary.replica().await?;
    let reader = replica.client_as(db.name(), &role.name, &role.password).await?;
    for call in reads() {
        let own = format!("SELECT * FROM boxoffice.{}", call.replace("{}", "'ours'"));
        lines(&reader, &own).await?;
    }
    let totals = "SELECT orders, refunds, kept FROM boxoffice.event_totals('ours')";
    assert_eq!(line(&reader, totals).await?, "0|50.00|0.00");
    // What happens on the primary is seen as soon as it has arrived.
    deliver(&owner, &of_event(&envelope("order.created", "new", "2026-03-01T10:00:00Z", json!({})), "evt_1")?).await?;
    primary.replica_has_caught_up(&replica).await?;
    assert_eq!(line(&reader, totals).await?, "1|50.00|50.00");
    let standby = replica.connect(db.name()).await?;
    assert_eq!(line(&standby, "SELECT count(*) FROM boxoffice.check_analytics()").await?, "0");
    line(&standby, "SELECT pg_promote()").await?;
    let promoted = replica.connect(db.name()).await?;
    assert_eq!(line(&promoted, totals).await?, "1|50.00|50.00");
    line(&promoted, "SELECT boxoffice.fold_sales()").await?;
    assert_eq!(line(&promoted, totals).await?, "1|50.00|50.00");
    assert_eq!(line(&promoted, "SELECT count(*) FROM boxoffice.check_analytics()").await?, "0");
    Ok(())
}

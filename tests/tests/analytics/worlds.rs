//! Sheets and rows are the facts, and the facts are what a naive sum says: after every step, folded or not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use boxoffice_tests::payloads::envelope;
use boxoffice_tests::random::Random;
use boxoffice_tests::sql::{deliver, line, lines};
use boxoffice_tests::{Cluster, Database, Result, Stop};
use serde_json::json;
use tokio_postgres::Client;

use super::scene::{happen, of_event, open};

/// Worlds, and steps in each.
const WORLDS: u64 = 200;
const STEPS: usize = 12;

/// What everybody agrees on: of each event and currency orders that stand, tickets, kept and net.
async fn naive(client: &Client) -> Result<BTreeMap<String, String>> {
    let rows = "SELECT COALESCE(event_id, 'unlinked') || ' ' || COALESCE(currency, ''), payment_status, refund_status,
            ticket_quantity, valid_quantity, kept_amount * 10000, net_amount * 10000 FROM ticket_sales";
    let mut sums: BTreeMap<String, [i64; 4]> = BTreeMap::new();
    for line in lines(client, rows).await? {
        let cells: Vec<&str> = line.split('|').collect();
        let number = |i: usize| cells[i].parse::<f64>().ok().map(|n: f64| n.round() as i64);
        if cells[1] == "unpaid" {
            continue;
        }
        let stands = !["refunded", "cancelled"].contains(&cells[2]);
        let tickets = number(4).or(if stands { number(3) } else { None }).unwrap_or(0);
        let sum = sums.entry(cells[0].to_owned()).or_default();
        let add = [i64::from(stands), tickets, number(5).unwrap_or(0), number(6).unwrap_or(0)];
        sum.iter_mut().zip(add).for_each(|(s, a)| *s += a);
    }
    Ok(sums.into_iter().map(|(key, sum)| (key, format!("{sum:?}"))).collect())
}

async fn summed(client: &Client, from: &str, currency: &str) -> Result<BTreeMap<String, String>> {
    let query = format!(
        "SELECT COALESCE(event_id, 'unlinked') || ' ' || {currency}, format('[%s, %s, %s, %s]', sum(orders), sum(tickets),
             round(sum(kept) * 10000), round(sum(net) * 10000)) FROM {from} GROUP BY 1 HAVING bool_or(sold_orders > 0)"
    );
    Ok(lines(client, &query)
        .await?
        .into_iter()
        .filter_map(|line| line.split_once('|').map(|(k, v)| (k.to_owned(), v.to_owned())))
        .collect())
}

async fn agree(client: &Client) -> Result {
    assert_eq!(lines(client, "SELECT * FROM check_analytics()").await?, [""; 0]);
    let naive = naive(client).await?;
    assert_eq!(summed(client, "sale_facts", "COALESCE(currency, '')").await?, naive, "sale_facts");
    assert_eq!(summed(client, "_sale_days", "currency").await?, naive, "day sheets");
    // The documented view and the functions are the same sums.
    let wrong = "SELECT a.event_id, a.currency, t.* FROM ticket_sales_analytics a
        JOIN LATERAL event_totals(a.event_id) t ON t.currency IS NOT DISTINCT FROM a.currency
        WHERE (a.total_orders, a.total_tickets_sold, a.gross_revenue, a.total_refunds, a.net_revenue, a.total_fees, a.total_tax, a.total_discounts,
               a.refunded_orders, a.cancelled_orders, a.orders_without_quantity, a.pending_orders, a.pending_tickets, a.capacity_utilization_percent)
            IS DISTINCT FROM
              (t.orders, t.tickets, t.kept, t.refunds, t.net, t.fees, t.tax, t.discounts,
               t.refunded_orders, t.cancelled_orders, t.orders_without_quantity, t.pending_orders, t.pending_tickets, t.used_percent)
          OR t.gross - t.refunds - t.cancelled - t.fees <> t.net OR t.gross - t.refunds - t.cancelled <> t.kept
          OR COALESCE(t.average_order, 0) <> a.average_order_value
          OR a.sold_orders > 0 AND (a.first_sale_date, a.last_sale_date) IS DISTINCT FROM (t.first_sale, t.last_sale)";
    assert_eq!(lines(client, wrong).await?, [""; 0], "ticket_sales_analytics and event_totals");
    // No day is lost or counted twice, whatever the zone.
    for bucket in ["day", "week", "month"] {
        let wrong = format!(
            "SELECT e.event_id, t.currency, sum(t.tickets), f.tickets FROM ticket_events e
             CROSS JOIN LATERAL sales_timeline(e.event_id, bucket => '{bucket}') t
             JOIN LATERAL (SELECT currency, sum(tickets) AS tickets, sum(kept) AS kept, bool_or(occurred_at IS NULL AND kind <> 'pending') AS undated
                   FROM sale_facts f WHERE f.event_id = e.event_id GROUP BY 1) f
                 ON f.currency IS NOT DISTINCT FROM t.currency AND NOT f.undated
             GROUP BY 1, 2, f.tickets, f.kept HAVING (sum(t.tickets), sum(t.kept)) <> (f.tickets, f.kept)"
        );
        assert_eq!(lines(client, &wrong).await?, [""; 0], "sales_timeline by {bucket}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sheets_facts_and_rows_agree_after_every_step() -> Result {
    let (_db, client) = open().await?;
    for seed in 0..WORLDS {
        let mut random = Random::new(seed);
        let empty = "TRUNCATE ticket_sales, attendees, order_states, webhook_logs, sale_history";
        client.batch_execute(empty).await?;
        line(&client, "SELECT rebuild_analytics()").await?;
        for step in 0..STEPS {
            happen(&client, &mut random).await?;
            let wrong = lines(&client, "SELECT * FROM check_analytics()").await?;
            assert!(wrong.is_empty(), "world {seed}, step {step}: {wrong:#?}");
        }
        agree(&client).await?;
    }
    Ok(())
}

/// Without its mark a change is not seen: the check can fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_mark_and_a_row_changed_by_hand_are_found() -> Result {
    let (_db, client) = open().await?;
    deliver(&client, &envelope("order.created", "a", "2026-03-01T10:00:00Z", json!({}))).await?;
    line(&client, "SELECT fold_sales()").await?;
    agree(&client).await?;
    deliver(&client, &envelope("order.created", "b", "2026-03-01T10:00:00Z", json!({}))).await?;
    agree(&client).await?;
    client.batch_execute("DELETE FROM sheet_marks").await?;
    let found = "SELECT measure, rolled_up, recomputed FROM check_analytics('ours') WHERE measure IN ('orders', 'net')";
    assert_eq!(lines(&client, found).await?, ["net|50.00|100.00", "orders|1|2"]);
    client.batch_execute("UPDATE sheet_coverage SET checked_at = NULL").await?;
    line(&client, "SELECT items FROM run_due_tasks() WHERE task = 'check_analytics'").await?;
    let told = line(&client, "SELECT what, what_to_do FROM needs_attention() WHERE what LIKE 'Figures%'").await?;
    assert_eq!(told, "Figures differ from the rows: ours|SELECT boxoffice.rebuild_analytics('ours')");
    line(&client, "SELECT rebuild_analytics('ours')").await?;
    agree(&client).await?;
    assert_eq!(lines(&client, "SELECT * FROM needs_attention() WHERE what LIKE 'Figures%'").await?, [""; 0]);
    // A reconciliation that heals a row marks it, so it needs no rebuilding.
    client
        .batch_execute(
            "UPDATE ticket_sales SET total_amount = 1, kept_amount = 1, net_amount = 1 WHERE platform_order_id = 'b'",
        )
        .await?;
    assert_ne!(lines(&client, "SELECT * FROM check_analytics()").await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_comes_back_finds_no_old_sheet() -> Result {
    let (_db, client) = open().await?;
    deliver(&client, &envelope("order.created", "a", "2026-03-01T10:00:00Z", json!({}))).await?;
    line(&client, "SELECT fold_sales()").await?;
    client.batch_execute("UPDATE ticket_events SET time_zone = 'America/Los_Angeles' WHERE event_id = 'ours'").await?;
    deliver(
        &client,
        &envelope("order.created", "b", "2026-03-01T10:30:00Z", json!({"created_at": "2026-03-01T10:30:00Z"})),
    )
    .await?;
    // Folds nothing new of an event whose sheets have another zone.
    line(&client, "SELECT fold_sales(0)").await?;
    client.batch_execute("UPDATE ticket_events SET time_zone = 'Australia/Sydney' WHERE event_id = 'ours'").await?;
    agree(&client).await?;
    assert_eq!(line(&client, "SELECT orders FROM event_totals('ours')").await?, "2");
    // A word that is no zone is none.
    client.batch_execute("UPDATE ticket_events SET time_zone = 'Nowhere/Here' WHERE event_id = 'ours'").await?;
    agree(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn links_move_sums_by_our_event_and_leave_those_by_the_platforms() -> Result {
    let (_db, client) = open().await?;
    let body = envelope("order.created", "a", "2026-03-01T10:00:00Z", json!({}));
    deliver(&client, &of_event(&body, "evt_2")?).await?;
    let ours = "SELECT COALESCE(event_id, '-'), sum(kept) FROM _sale_days GROUP BY 1";
    let theirs = "SELECT external_event_id, sum(kept) FROM _sale_days GROUP BY 1";
    for folded in [false, true] {
        for (change, shown) in [
            ("SELECT link_event('humanitix', 'evt_2', 'ours')", "ours|50.00"),
            ("SELECT unlink_event('humanitix', 'evt_2')", "-|50.00"),
            ("SELECT link_event('humanitix', 'evt_2', 'other')", "other|50.00"),
            ("SELECT unlink_event('humanitix', 'evt_2')", "-|50.00"),
        ] {
            if folded {
                line(&client, "SELECT fold_sales()").await?;
            }
            line(&client, change).await?;
            assert_eq!(lines(&client, ours).await?, [shown], "{change}");
            assert_eq!(lines(&client, theirs).await?, ["evt_2|50.00"], "{change}");
        }
    }
    agree(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sheets_can_only_be_folded_at_read_committed_and_one_at_a_time() -> Result {
    let (db, client) = open().await?;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let refused = boxoffice_tests::sql::refusal(&client, "SELECT fold_sales()").await?;
    assert_eq!((refused.code.as_str(), refused.detail.is_some(), refused.hint.is_some()), ("25000", true, true));
    client.batch_execute("ROLLBACK; BEGIN").await?;
    line(&client, "SELECT fold_sales()").await?;
    let other = db.client().await?;
    deliver(&other, &envelope("order.created", "a", "2026-03-01T10:00:00Z", json!({}))).await?;
    assert_eq!(line(&other, "SELECT fold_sales()").await?, "0");
    assert_eq!(boxoffice_tests::sql::refusal(&other, "SELECT rebuild_analytics()").await?.code, "55P03");
    agree(&other).await?;
    client.batch_execute("COMMIT").await?;
    assert_ne!(line(&other, "SELECT fold_sales()").await?, "0");
    agree(&other).await
}

async fn busy(db: Arc<Database>, seed: u64, stop: Arc<AtomicBool>) -> Result<u32> {
    let client = db.client().await?;
    client.batch_execute("SET timezone = 'UTC'; SET lock_timeout = '5s'; SET deadlock_timeout = '100ms'").await?;
    let mut random = Random::new(seed);
    let mut done = 0;
    while !stop.load(Ordering::Relaxed) {
        // Links wait two seconds at most for deliveries, then say so; a killed server ends it all.
        match happen(&client, &mut random).await {
            Ok(()) => done += 1,
            Err(_) if client.is_closed() => break,
            Err(_) => {}
        }
    }
    Ok(done)
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_right_while_sales_are_written_and_after_a_kill() -> Result {
    let cluster = Cluster::start(&[]).await?;
    let db = Arc::new(Database::create_on(&cluster).await?);
    let client = db.client().await?;
    boxoffice_tests::sql::open_humanitix(&client).await?;
    line(&client, "SELECT link_event('humanitix', 'evt_1', 'ours'), link_event('eventbrite', '2000000000001', 'ours')")
        .await?;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8).map(|seed| tokio::spawn(busy(Arc::clone(&db), seed, Arc::clone(&stop)))).collect();
    let deadline = Instant::now() + Duration::from_secs(15);
    let mut checks = 0;
    while Instant::now() < deadline {
        assert_eq!(lines(&client, "SELECT * FROM check_analytics()").await?, [""; 0], "check {checks}");
        checks += 1;
    }
    cluster.stop(Stop::Kill)?;
    stop.store(true, Ordering::Relaxed);
    let mut done = 0;
    for writer in writers {
        done += writer.await??;
    }
    assert!(checks > 5 && done > 50, "{checks} checks, {done} changes");
    cluster.start_again().await?;
    let client = db.client().await?;
    client.batch_execute("SET timezone = 'UTC'").await?;
    agree(&client).await?;
    line(&client, "SELECT fold_sales()").await?;
    agree(&client).await
}

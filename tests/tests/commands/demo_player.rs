//! The player of `make demo`: its season has everything that it promises, and it notices when the tables are wrong.

use std::process::Output;

use boxoffice_tests::scene::{SECRET, TOKEN};
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Result, Scene};

/// The program, as `scripts/demo` runs it.
async fn demo(scene: &Scene) -> Result<Output> {
    let role = scene.db.ingress_role().await?;
    let (database, ingress_url) = (scene.db.url(), scene.db.url_as(&role));
    let run = move || {
        std::process::Command::new(env!("CARGO_BIN_EXE_demo"))
            .env_clear()
            .envs(std::env::var("BOXOFFICE_TEST_INGRESS").map(|worker| ("BOXOFFICE_TEST_INGRESS", worker)))
            .envs([
                ("DATABASE_URL", database.as_str()),
                ("INGRESS_DATABASE_URL", &ingress_url),
                ("HUMANITIX_WEBHOOK_SECRET", SECRET),
                ("EVENTBRITE_PATH_TOKEN", TOKEN),
            ])
            .output()
    };
    Ok(tokio::task::spawn_blocking(run).await??)
}

/// What the season promises: each is true of it.
const SEASON: [(&str, &str); 13] = [
    ("nights that are over", "SELECT count(*) >= 8 FROM ticket_events WHERE ends_at < now()"),
    ("nights to come", "SELECT count(*) >= 7 FROM ticket_events WHERE starts_at > now()"),
    ("two currencies", "SELECT array_agg(DISTINCT currency ORDER BY currency)::text = '{AUD,NZD}' FROM ticket_sales"),
    (
        "weeks of sales",
        "SELECT count(DISTINCT date_trunc('week', purchase_date)) >= 8 FROM ticket_sales",
    ),
    (
        "a night on both platforms",
        "SELECT count(*) > 0 FROM ticket_sales_analytics WHERE humanitix_orders > 10 AND eventbrite_orders > 10",
    ),
    (
        "several dates in one event",
        "SELECT count(DISTINCT external_session_id) >= 6 FROM attendees WHERE event_id = 'new-faces'",
    ),
    (
        "people who come again",
        "SELECT count(*) > 50 FROM (SELECT FROM ticket_sales GROUP BY customer_email HAVING count(DISTINCT event_id) >= 3) x",
    ),
    (
        "refunds, whole and in part and asked for, on both",
        "SELECT count(DISTINCT (platform, refund_status)) = 5 FROM ticket_sales WHERE refund_status IN ('refunded', 'partial', 'requested')",
    ),
    (
        "refunds with the fees kept",
        "SELECT count(*) > 0 FROM ticket_sales WHERE refund_status = 'refunded' AND refund_amount < total_amount",
    ),
    ("comps", "SELECT count(*) > 20 FROM attendees WHERE ticket_price = 0"),
    ("reservations", "SELECT count(*) > 0 FROM ticket_sales WHERE payment_status = 'unpaid'"),
    (
        "no-shows, but not many",
        "SELECT count(*) FILTER (WHERE status = 'registered') BETWEEN 10 AND count(*) / 4 FROM attendees a JOIN ticket_events e USING (event_id)
         WHERE e.ends_at < now() AND status <> 'cancelled'",
    ),
    ("an event that nobody has linked", "SELECT count(*) > 0 FROM ticket_sales WHERE event_id IS NULL"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_season_is_whole_and_is_played_into_an_empty_database_only() -> Result {
    let scene = Scene::open().await?;
    let first = demo(&scene).await?;
    let (told, complaint) = (String::from_utf8_lossy(&first.stdout), String::from_utf8_lossy(&first.stderr));
    assert!(first.status.success(), "{told}{complaint}");
    for word in ["found ", "read ", "got lost", "forged ", ": 401", "broken ", ": 400", "put right", "checked "] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    for (what, query) in SEASON {
        assert_eq!(line(&scene.client, query).await?, "t", "there are no {what}");
    }
    let refused = "SELECT string_agg(reason, ',') FROM webhook_rejections";
    assert_eq!(line(&scene.client, refused).await?, "signature_mismatch");
    for empty in ["webhook_logs WHERE status = 'failed'", "sync_history WHERE status <> 'done'", "check_consistency()"]
    {
        assert_eq!(scene.count(empty).await?, 0, "{empty}");
    }
    let healed = "SELECT count(*) >= 19, sum(healed) > 0 FROM reconciliation_reports";
    assert_eq!(line(&scene.client, healed).await?, "t|t");

    // It is not played into a database that is in use, whoever uses it.
    let everything = "SELECT (SELECT md5(string_agg(s::text, '' ORDER BY s::text)) FROM ticket_sales s), (SELECT count(*) FROM webhook_logs), \
        (SELECT md5(string_agg(a::text, '' ORDER BY a::text)) FROM platform_accounts a)";
    let before = lines(&scene.client, everything).await?;
    let again = demo(&scene).await?;
    let complaint = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && complaint.contains("is in use"), "{complaint}");
    assert_eq!(lines(&scene.client, everything).await?, before);
    scene.logs_are_clean()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_notices_what_is_wrong() -> Result {
    let scene = Scene::open().await?;
    scene
        .client
        .batch_execute(
            "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN NEW.refund_amount := NEW.refund_amount + 0.01; RETURN NEW; END';
             CREATE TRIGGER spoil BEFORE INSERT OR UPDATE ON boxoffice.ticket_sales FOR EACH ROW
                 WHEN (NEW.refund_status = 'partial') EXECUTE FUNCTION public.spoil()",
        )
        .await?;
    let wrong = demo(&scene).await?;
    assert!(!wrong.status.success());
    let complaint = String::from_utf8_lossy(&wrong.stderr);
    assert!(
        complaint.contains("are not what the platforms know") && complaint.contains("expected Some(Sums"),
        "{complaint}"
    );
    Ok(())
}

//! `make demo`: it works, it can be run again, and it notices when the tables are wrong.

use std::collections::BTreeSet;
use std::process::Output;

use boxoffice_tests::scene::{SECRET, TOKEN};
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Result, Scene};

/// The program, as `scripts/demo` runs it.
async fn demo(scene: &Scene, ingress_url: &str) -> Result<Output> {
    let (url, database, ingress_url) = (scene.worker.url(""), scene.db.url(), ingress_url.to_owned());
    let run = move || {
        std::process::Command::new(env!("CARGO_BIN_EXE_demo"))
            .env_clear()
            .envs(std::env::var("BOXOFFICE_TEST_INGRESS").map(|worker| ("BOXOFFICE_TEST_INGRESS", worker)))
            .envs([
                ("BOXOFFICE_URL", url.as_str()),
                ("DATABASE_URL", &database),
                ("INGRESS_DATABASE_URL", &ingress_url),
                ("HUMANITIX_WEBHOOK_SECRET", SECRET),
                ("EVENTBRITE_PATH_TOKEN", TOKEN),
            ])
            .output()
    };
    Ok(tokio::task::spawn_blocking(run).await??)
}

/// Everything that a second run must leave as it is.
async fn state(scene: &Scene) -> Result<BTreeSet<String>> {
    let query = "SELECT to_jsonb(s)::text FROM ticket_sales s UNION ALL SELECT to_jsonb(a)::text FROM attendees a \
        UNION ALL SELECT to_jsonb(e)::text FROM ticket_events e UNION ALL SELECT to_jsonb(p)::text FROM ticket_platforms p \
        UNION ALL SELECT to_jsonb(o)::text FROM order_states o UNION ALL SELECT to_jsonb(c)::text FROM platform_accounts c";
    Ok(lines(&scene.client, query).await?.into_iter().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_runs_twice_and_notices_what_is_wrong() -> Result {
    let scene = Scene::open().await?;
    let role = scene.db.ingress_role().await?;
    let ingress_url = scene.db.url_as(&role);
    // Somebody else's account and what waits for it, which the demo must leave alone.
    scene
        .client
        .batch_execute(
            "SELECT configure_account('eventbrite', 'ours', webhook_ids => '{42}');
             UPDATE platform_accounts SET discovered_at = now();
             INSERT INTO fetch_jobs (platform, path, kind, resource_id)
                 VALUES ('humanitix', '/v1/events/1/orders/2', 'order', '2'), ('eventbrite', '/v3/orders/3/', 'order', '3')",
        )
        .await?;
    let others = "SELECT string_agg(account || ' ' || path || ' ' || status, ',' ORDER BY path) FROM fetch_jobs \
        WHERE status <> 'done'";
    let waiting = line(&scene.client, others).await?;
    let accounts = "SELECT string_agg(platform || '/' || name, ',') FROM platform_accounts";

    let first = demo(&scene, &ingress_url).await?;
    let (told, complaint) = (String::from_utf8_lossy(&first.stdout), String::from_utf8_lossy(&first.stderr));
    assert!(first.status.success(), "{told}{complaint}");
    for word in
        ["processed", "duplicate", "queued", "rejected", "invalid", "synchronised: ", "reconciled: ", "checked: "]
    {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    assert_eq!(line(&scene.client, others).await?, waiting);
    assert_eq!(line(&scene.client, accounts).await?, "eventbrite/ours");
    let refused = "SELECT string_agg(reason, ',') FROM webhook_rejections";
    assert_eq!(line(&scene.client, refused).await?, "signature_mismatch");
    assert_eq!(scene.count("webhook_logs WHERE status = 'failed'").await?, 0);
    assert_eq!(scene.count("sync_history WHERE status <> 'done'").await?, 0);
    assert_eq!(scene.count("check_consistency()").await?, 0);
    let healed = "SELECT count(*), min(healed) > 0 FROM reconciliation_reports";
    assert_eq!(line(&scene.client, healed).await?, "5|t");
    let kinds = "SELECT count(DISTINCT (platform, refund_status)) >= 8, count(DISTINCT currency) FROM ticket_sales";
    assert_eq!(line(&scene.client, kinds).await?, "t|3");

    let before = state(&scene).await?;
    let again = demo(&scene, &ingress_url).await?;
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let after = state(&scene).await?;
    let changed: Vec<_> = before.difference(&after).take(3).collect();
    assert!(changed.is_empty() && after.len() > before.len(), "a second run has changed {changed:#?}");

    scene
        .client
        .batch_execute(
            "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN NEW.refund_amount := NEW.refund_amount + 0.01; RETURN NEW; END';
             CREATE TRIGGER spoil BEFORE INSERT OR UPDATE ON ticket_sales FOR EACH ROW
                 WHEN (NEW.refund_status = 'partial') EXECUTE FUNCTION public.spoil()",
        )
        .await?;
    let wrong = demo(&scene, &ingress_url).await?;
    assert!(!wrong.status.success());
    let complaint = String::from_utf8_lossy(&wrong.stderr);
    assert!(complaint.contains("are not what the platforms know") && complaint.contains("-harbour"), "{complaint}");
    assert_eq!(line(&scene.client, accounts).await?, "eventbrite/ours");
    scene.logs_are_clean()
}

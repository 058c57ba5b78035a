//! `make demo`: it works, it can be run again, and it notices when the analytics are wrong.

use std::process::Output;

use boxoffice_tests::scene::{SECRET, TOKEN};
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Result, Scene};

/// The program, as `scripts/demo` runs it.
async fn demo(scene: &Scene) -> Result<Output> {
    let (url, database) = (scene.worker.url(""), scene.db.url());
    let run = move || {
        std::process::Command::new(env!("CARGO_BIN_EXE_demo"))
            .env_clear()
            .envs([
                ("BOXOFFICE_URL", url.as_str()),
                ("DATABASE_URL", &database),
                ("HUMANITIX_WEBHOOK_SECRET", SECRET),
                ("EVENTBRITE_PATH_TOKEN", TOKEN),
            ])
            .output()
    };
    Ok(tokio::task::spawn_blocking(run).await??)
}

/// Everything that a second run must leave as it is.
async fn state(scene: &Scene) -> Result<Vec<String>> {
    let query = "SELECT (to_jsonb(s) - 'raw_data')::text FROM ticket_sales s \
        UNION ALL SELECT (to_jsonb(a) - 'platform_data')::text FROM attendees a \
        UNION ALL SELECT to_jsonb(e)::text FROM ticket_events e \
        UNION ALL SELECT to_jsonb(p)::text FROM ticket_platforms p ORDER BY 1";
    lines(&scene.client, query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_runs_twice_and_notices_a_wrong_sum() -> Result {
    let scene = Scene::open().await?;
    let first = demo(&scene).await?;
    let (told, complaint) = (String::from_utf8_lossy(&first.stdout), String::from_utf8_lossy(&first.stderr));
    assert!(first.status.success(), "{told}{complaint}");
    for word in ["processed", "duplicate", "queued", "rejected", "invalid", "checked: "] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    let refused = "SELECT string_agg(reason, ',') FROM webhook_rejections";
    assert_eq!(line(&scene.client, refused).await?, "signature_mismatch");
    assert_eq!(scene.count("webhook_logs WHERE status = 'failed'").await?, 0);
    assert_eq!(scene.count("fetch_jobs WHERE status <> 'done'").await?, 0);
    let kinds = "SELECT count(DISTINCT (platform, refund_status)) >= 8, count(DISTINCT currency) FROM ticket_sales";
    assert_eq!(line(&scene.client, kinds).await?, "t|3");

    let before = state(&scene).await?;
    let again = demo(&scene).await?;
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let after = state(&scene).await?;
    let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).take(3).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "a second run has changed {changed:#?}");

    scene
        .client
        .batch_execute("UPDATE ticket_sales SET refund_amount = refund_amount + 0.01 WHERE refund_status = 'partial'")
        .await?;
    let wrong = demo(&scene).await?;
    assert!(!wrong.status.success());
    assert!(
        String::from_utf8_lossy(&wrong.stderr).contains("demo-harbour"),
        "{}",
        String::from_utf8_lossy(&wrong.stderr)
    );
    scene.logs_are_clean()
}

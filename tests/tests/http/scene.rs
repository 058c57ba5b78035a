//! The promises that every test through HTTP checks by itself: that their checks notice a broken one.

use boxoffice_tests::body::envelope;
use boxoffice_tests::scene::bytes;
use boxoffice_tests::{Result, Scene, http};

/// A scene with one acknowledged delivery.
async fn scene() -> Result<Scene> {
    let scene = Scene::open().await?;
    assert_eq!(scene.signed(bytes(&envelope("order.created", "o1"))).await?.decision(), (200, "processed"));
    Ok(scene)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_delivery_without_its_row_is_noticed() -> Result {
    let scene = scene().await?;
    scene.acknowledged_is_kept().await?;
    scene.client.batch_execute("DELETE FROM webhook_logs").await?;
    assert!(scene.acknowledged_is_kept().await.is_err());
    assert!(scene.close().await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_nobody_was_told_of_and_another_outcome_are_noticed() -> Result {
    for change in [
        "INSERT INTO webhook_logs (platform, status, processed, verified_by, headers, body, created_at) \
         VALUES ('humanitix', 'processed', true, 'signature', '{}', '', now())",
        "UPDATE webhook_logs SET status = 'duplicate'",
        "INSERT INTO webhook_rejections VALUES ('humanitix', 'x', 0, 1, now(), now(), '{}', '')",
        "UPDATE webhook_logs SET error_code = 'XX000'",
    ] {
        let scene = scene().await?;
        scene.client.batch_execute(change).await?;
        assert!(scene.close().await.is_err(), "{change}");
    }
    scene().await?.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_secrets_and_crashes_in_the_log_are_noticed() -> Result {
    for statement in [
        "SELECT 'Wilhelmina'::int",
        "DO $$ BEGIN RAISE WARNING 'humanitix-secret-of-the-scene'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION 'something' USING ERRCODE = 'XX000'; END $$",
        "DO $$ BEGIN RAISE WARNING 'thread panicked'; END $$",
    ] {
        let (noisy, quiet) = (scene().await?, scene().await?);
        let _ = noisy.client.batch_execute(statement).await;
        assert!(noisy.logs_are_clean().is_err(), "{statement}");
        // Another test's noise is not ours.
        quiet.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_no_platform_may_see_are_noticed() -> Result {
    let scene = scene().await?;
    let live = http::get(&scene.worker.url("/live")).await?;
    let right = || http::Response {
        status: 401,
        headers: live.headers.clone(),
        body: r#"{"log_id":null,"message":"m","outcome":"rejected"}"#.into(),
    };
    assert!(scene.keep(&right()).is_ok());
    let with = |status: u16, body: &'static str| http::Response { status, body: body.into(), ..right() };
    let row = r#"{"log_id":null,"message":"m","outcome":"failed"}"#;
    for wrong in [
        with(500, row),
        with(410, row),
        with(302, row),
        with(204, row),
        with(503, row),
        with(200, row),
        with(401, "Unauthorized"),
        with(401, "[]"),
        with(401, r#"{"outcome":"rejected"}"#),
        with(
            400,
            r#"{"log_id":null,"message":"null value in column x violates not-null constraint","outcome":"rejected"}"#,
        ),
        with(400, r#"{"log_id":null,"message":"no ticket for Wilhelmina","outcome":"rejected"}"#),
    ] {
        assert!(scene.keep(&wrong).is_err(), "{wrong:?}");
    }
    Ok(())
}

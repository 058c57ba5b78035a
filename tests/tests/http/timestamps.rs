//! The time of signing, where a platform is configured to send one, through HTTP.

use std::time::{SystemTime, UNIX_EPOCH};

use boxoffice_tests::body::envelope;
use boxoffice_tests::scene::{SECRET, bytes};
use boxoffice_tests::sql::lines;
use boxoffice_tests::{Result, Scene, sign};

const SIGNATURE: &str = "x-humanitix-signature";
const TIME: &str = "x-humanitix-timestamp";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}

async fn scene(signed_content: &str) -> Result<Scene> {
    let scene = Scene::open().await?;
    let configure = "SELECT configure_platform('humanitix', timestamp_header => $1, signed_content => $2)";
    scene.client.execute(configure, &[&TIME, &signed_content]).await?;
    Ok(scene)
}

async fn reasons(scene: &Scene) -> Result<Vec<String>> {
    lines(&scene.client, "SELECT reason, sum(count) FROM webhook_rejections GROUP BY 1 ORDER BY 1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_future_and_malformed_times_are_refused() -> Result {
    let scene = scene("timestamp.body").await?;
    let body = bytes(&envelope("order.created", "o1"));
    let attempt = async |time: &str, signed_time: &str| {
        let signature = sign::hex(SECRET, &[signed_time.as_bytes(), b".", &body].concat());
        Ok::<u16, anyhow::Error>(
            scene.post("/webhooks/humanitix", &[(SIGNATURE, &signature), (TIME, time)], body.clone()).await?.status,
        )
    };
    let now = now();
    // Well inside and well outside the tolerance of 300 s, so that a slow machine changes nothing.
    for (time, status) in [(now, 200), (now - 100, 200), (now + 100, 200), (now - 3600, 401), (now + 3600, 401)] {
        assert_eq!(attempt(&time.to_string(), &time.to_string()).await?, status, "{}", time - now);
    }
    // Milliseconds count as such.
    assert_eq!(attempt(&format!("{now}000"), &format!("{now}000")).await?, 200);
    assert_eq!(reasons(&scene).await?, ["timestamp_future|1", "timestamp_stale|1"]);

    // Other spellings of the same number are not the same text: neither accepted by value nor verified by value.
    for text in [format!("+{now}"), format!("{now}.0"), format!("{now}e0"), "soon".into(), "-1".into(), "NaN".into()] {
        assert_eq!(attempt(&text, &text).await?, 401, "{text}");
    }
    let padded = format!("0{now}");
    assert_eq!(attempt(&padded, &now.to_string()).await?, 401, "verified by value");
    // Limits of the number types do not wrap around.
    for text in ["9223372036854775807", "999999999999999", "99999999999999999999", "0"] {
        assert_eq!(attempt(text, text).await?, 401, "{text}");
    }
    assert_eq!(
        reasons(&scene).await?,
        ["signature_mismatch|1", "timestamp_future|2", "timestamp_malformed|8", "timestamp_stale|2"]
    );
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_is_part_of_what_is_signed() -> Result {
    for (content, separator) in [("timestamp.body", "."), ("timestampbody", "")] {
        let scene = scene(content).await?;
        let (body, time) = (bytes(&envelope("order.created", "o1")), now().to_string());
        let over = |text: &str| sign::hex(SECRET, &[text.as_bytes(), separator.as_bytes(), &body].concat());
        let (right, earlier, alone) = (over(&time), over(&(now() - 50).to_string()), sign::hex(SECRET, &body));
        for (headers, status) in [
            (vec![(SIGNATURE, right.as_str()), (TIME, time.as_str())], 200),
            (vec![(SIGNATURE, &earlier), (TIME, &time)], 401),
            (vec![(SIGNATURE, &alone), (TIME, &time)], 401),
            (vec![(SIGNATURE, &right), (TIME, "")], 401),
            (vec![(SIGNATURE, &right)], 401),
            // Of a repeated header the first counts, for the signature as for the clock.
            (vec![(SIGNATURE, &right), (TIME, "1"), (TIME, &time)], 401),
        ] {
            assert_eq!(scene.post("/webhooks/humanitix", &headers, body.clone()).await?.status, status, "{headers:?}");
        }
        assert_eq!(reasons(&scene).await?, ["signature_mismatch|3", "timestamp_missing|2"], "{content}");
        scene.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forger_does_not_learn_what_our_clock_thinks() -> Result {
    let scene = scene("timestamp.body").await?;
    let body = bytes(&envelope("order.created", "o1"));
    let wrong = sign::hex("another secret", &body);
    let mut messages = Vec::new();
    for time in [now(), now() - 86_400, now() + 86_400] {
        let headers = [(SIGNATURE, wrong.as_str()), (TIME, &time.to_string())];
        messages.push(scene.post("/webhooks/humanitix", &headers, body.clone()).await?);
    }
    assert!(messages.windows(2).all(|two| two[0] == two[1]), "{messages:?}");
    assert_eq!(reasons(&scene).await?, ["signature_mismatch|3"]);
    scene.close().await
}

//! Who is believed, and who is not: signatures, secrets and platforms, through HTTP.

use boxoffice_tests::body::envelope;
use boxoffice_tests::scene::{SECRET, bytes};
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Answer, Database, Result, Scene, sign};

const HEADER: &str = "x-humanitix-signature";
const PATH: &str = "/webhooks/humanitix";

/// Base64 with padding, written out so that no code of the project is used on both sides.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

async fn reasons(scene: &Scene) -> Result<Vec<String>> {
    let query = "SELECT platform, reason, sum(count) FROM webhook_rejections GROUP BY 1, 2 ORDER BY 1, 2";
    lines(&scene.client, query).await
}

async fn post(scene: &Scene, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
    scene.post(PATH, headers, body).await
}

/// A worker that takes any number of forgeries.
async fn unlimited() -> Result<Scene> {
    let settings = [("BOXOFFICE_SOURCE_REJECTED", "0"), ("BOXOFFICE_PLATFORM_REJECTED", "0")];
    Scene::open_with(Database::create().await?, &settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_are_not_believed() -> Result {
    let scene = Scene::open().await?;
    let body = bytes(&envelope("order.created", "o1"));
    let good = sign::hex(SECRET, &body);
    let in_base64 = base64(&sign::mac(SECRET, &body));
    let prefixed = format!("sha256={good}");
    let (short, long, spaced) = (&good[..62], format!("{good}00"), format!("{} {}", &good[..32], &good[32..]));
    let (other_key, other_body) = (sign::hex("another secret", &body), sign::hex(SECRET, b"{}"));
    let no_key = sign::hex("", &body);

    let refused = [
        ("signature_missing", vec![]),
        ("signature_missing", vec![(HEADER, "")]),
        ("signature_missing", vec![(HEADER, "  ")]),
        ("signature_missing", vec![("x-signature", good.as_str()), ("signature", &good), ("authorization", &good)]),
        ("signature_malformed", vec![(HEADER, short)]),
        ("signature_malformed", vec![(HEADER, &good[..63])]),
        ("signature_malformed", vec![(HEADER, &long)]),
        ("signature_malformed", vec![(HEADER, &spaced)]),
        ("signature_malformed", vec![(HEADER, &in_base64)]),
        ("signature_malformed", vec![(HEADER, &prefixed)]),
        ("signature_malformed", vec![(HEADER, "0"), (HEADER, "x"), (HEADER, "\u{e9}")]),
        ("signature_mismatch", vec![(HEADER, &other_key)]),
        ("signature_mismatch", vec![(HEADER, &other_body)]),
        ("signature_mismatch", vec![(HEADER, &no_key)]),
    ];
    for (reason, headers) in &refused {
        let answer = post(&scene, headers, &body).await?;
        assert_eq!(answer.decision(), (401, "rejected"), "{reason}: {headers:?}");
    }
    assert_eq!(
        reasons(&scene).await?,
        ["humanitix|signature_malformed|7", "humanitix|signature_mismatch|3", "humanitix|signature_missing|4"]
    );
    // The very same body is welcome when it is signed.
    assert_eq!(post(&scene, &[(HEADER, &good)], &body).await?.decision(), (200, "processed"));
    assert_eq!(scene.count("ticket_sales").await?, 1);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_byte_anywhere_is_a_forgery() -> Result {
    let scene = unlimited().await?;
    let body = bytes(&envelope("order.created", "o1"));
    let good = sign::hex(SECRET, &body);
    let mut tries = 0;
    for at in (0..body.len()).step_by(7) {
        let mut changed = body.clone();
        changed[at] ^= 1;
        assert_eq!(post(&scene, &[(HEADER, &good)], &changed).await?.decision(), (401, "rejected"), "byte {at}");
        tries += 1;
    }
    let longer = [&body[..], b" "].concat();
    assert_eq!(post(&scene, &[(HEADER, &good)], &longer).await?.status, 401);
    assert_eq!(post(&scene, &[(HEADER, &good)], &body[..body.len() - 1]).await?.status, 401);
    assert_eq!(reasons(&scene).await?, [format!("humanitix|signature_mismatch|{}", tries + 2)]);
    assert_eq!(scene.count("ticket_sales").await?, 0);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_signature_counts_wherever_it_stands() -> Result {
    let scene = Scene::open().await?;
    let other = sign::hex("another secret", b"");
    let mut number = 0;
    let mut accept = async |write: &dyn Fn(&str) -> Vec<String>| -> Result {
        number += 1;
        let body = bytes(&envelope("order.created", &format!("o{number}")));
        let values = write(&sign::hex(SECRET, &body));
        let headers: Vec<(&str, &str)> = values.iter().map(|value| (HEADER, value.as_str())).collect();
        assert_eq!(post(&scene, &headers, &body).await?.decision(), (200, "processed"), "{values:?}");
        Ok(())
    };
    accept(&|good| vec![good.to_uppercase()]).await?;
    accept(&|good| vec![format!("{other},{other}, {good}")]).await?;
    accept(&|good| vec![format!("{good},{other}")]).await?;
    accept(&|good| vec![format!("rubbish ,, {good}")]).await?;
    accept(&|good| vec![format!("{other} {good}")]).await?;
    // One header that is repeated is one list (a proxy may do the same by joining them).
    accept(&|good| vec![other.clone(), String::new(), good.to_owned()]).await?;
    accept(&|good| vec![good.to_owned(), other.clone()]).await?;
    assert_eq!(scene.count("ticket_sales").await?, i64::from(number));
    // The log shows that there was a signature, and keeps it to itself.
    let shown = "webhook_logs WHERE headers::text LIKE '%redacted%' AND headers::text !~ '[0-9a-fA-F]{64}'";
    assert_eq!(scene.count(shown).await?, i64::from(number));
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_previous_secret_is_accepted_until_its_time_is_over() -> Result {
    let scene = Scene::open().await?;
    let attempt = async |secret: &str, order: &str| {
        let body = bytes(&envelope("order.created", order));
        post(&scene, &[(HEADER, &sign::hex(secret, &body))], &body).await
    };
    let rotate = "SELECT set_webhook_secret('humanitix', 'the second secret', now() + interval '1 hour')";
    scene.client.batch_execute(rotate).await?;
    assert_eq!(attempt(SECRET, "o1").await?.status, 200);
    assert_eq!(attempt("the second secret", "o2").await?.status, 200);
    // Its time ends; the reason says that it was right once.
    scene
        .client
        .batch_execute(
            "UPDATE webhook_secrets SET valid_until = now() - interval '1 second' WHERE valid_until IS NOT NULL",
        )
        .await?;
    assert_eq!(attempt(SECRET, "o3").await?.decision(), (401, "rejected"));
    assert_eq!(attempt("the second secret", "o4").await?.status, 200);
    // Without a time, a rotation ends the old one at once.
    scene.client.batch_execute("SELECT set_webhook_secret('humanitix', 'the third secret')").await?;
    assert_eq!(attempt("the second secret", "o5").await?.status, 401);
    assert_eq!(attempt("the third secret", "o6").await?.status, 200);
    assert_eq!(reasons(&scene).await?, ["humanitix|secret_expired|2"]);
    let orders = line(&scene.client, "SELECT string_agg(platform_order_id, ' ' ORDER BY 1) FROM ticket_sales").await?;
    assert_eq!(orders, "o1 o2 o4 o6");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_closed_until_it_is_opened_by_name() -> Result {
    let scene = Scene::open().await?;
    let body = bytes(&envelope("order.created", "o1"));
    scene.client.batch_execute("SELECT remove_webhook_secrets('humanitix')").await?;
    for key in [SECRET, ""] {
        let answer = post(&scene, &[(HEADER, &sign::hex(key, &body))], &body).await?;
        assert_eq!(answer.decision(), (401, "rejected"));
    }
    assert_eq!(post(&scene, &[], &body).await?.decision(), (401, "rejected"));
    assert_eq!(reasons(&scene).await?, ["humanitix|no_secret|3"]);

    // No other word opens it.
    for word in ["open", "None", "false", "", "signature,none"] {
        let set = format!("SELECT configure_platform('humanitix', authentication => '{word}')");
        assert!(scene.client.batch_execute(&set).await.is_err(), "{word}");
        assert_eq!(post(&scene, &[], &body).await?.status, 401, "{word}");
    }
    scene.client.batch_execute("SELECT configure_platform('humanitix', authentication => 'none')").await?;
    assert_eq!(post(&scene, &[], &body).await?.decision(), (200, "processed"));
    assert_eq!(line(&scene.client, "SELECT verified_by FROM webhook_logs").await?, "open");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_platforms_are_404_and_leave_no_names() -> Result {
    let scene = Scene::open().await?;
    let body = bytes(&envelope("order.created", "o1"));
    let good = sign::hex(SECRET, &body);
    let paths = ["/webhooks/tito", "/webhooks/human", "/functions/v1/pretix-webhook", "/webhooks/humanitix-webhook"];
    for path in paths {
        let answer = scene.post(path, &[(HEADER, &good)], body.clone()).await?;
        assert_eq!(answer.decision(), (404, "rejected"), "{path}");
    }
    // Paths that cannot be a platform's are not even handed over.
    for path in ["/webhooks/Humanitix", "/webhooks", "/", "/functions/v1/humanitix", "/webhooks/a/b/c"] {
        assert_eq!(scene.post(path, &[(HEADER, &good)], body.clone()).await?.decision(), (404, "not_found"), "{path}");
    }
    assert_eq!(reasons(&scene).await?, ["(unknown)|unknown_platform|4"]);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_forgeries_does_not_grow_the_database() -> Result {
    let scene = unlimited().await?;
    let forged = vec![b'x'; 5000];
    let wrong = "00".repeat(32);
    for _ in 0..300 {
        assert_eq!(post(&scene, &[(HEADER, &wrong)], &forged).await?.status, 401);
    }
    let bound = "SELECT sum(count), count(*) <= 16, max(length(last_body)) FROM webhook_rejections";
    assert_eq!(line(&scene.client, bound).await?, "300|t|512");
    assert_eq!(scene.count("webhook_logs").await?, 0);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn encoding_prefix_and_header_are_settings() -> Result {
    let scene = Scene::open().await?;
    let configure = "SELECT configure_platform('humanitix', signature_header => 'X-Bridge-Sig', \
        signature_encoding => 'base64', signature_prefix => 'v1,')";
    scene.client.batch_execute(configure).await?;
    let body = bytes(&envelope("order.created", "o1"));
    let right = format!("v1,{}", base64(&sign::mac(SECRET, &body)));
    let later = format!("v0,abc {right}");
    for (header, value, status) in [
        (HEADER, sign::hex(SECRET, &body), 401),
        (HEADER, right.clone(), 401),
        ("x-bridge-sig", format!("v1,{}", sign::hex(SECRET, &body)), 401),
        ("x-bridge-sig", right[3..].to_owned(), 401),
        ("x-bridge-sig", right.trim_end_matches('=').to_owned(), 401),
        ("x-bridge-sig", right.clone(), 200),
        ("X-Bridge-SIG", later, 200),
    ] {
        assert_eq!(post(&scene, &[(header, &value)], &body).await?.status, status, "{header}: {value}");
    }
    let kept = "webhook_logs WHERE headers::text LIKE '%v1,%'";
    assert_eq!(scene.count(kept).await?, 0, "a signature was kept");
    scene.close().await
}

//! Eventbrite's deliveries: the secret in the path, the address that they point to, and what is fetched. Through HTTP.

use boxoffice_tests::body::{hint, order_url};
use boxoffice_tests::scene::{SECRET, TOKEN, bytes};
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Result, Scene, sign};

const JOBS: &str = "SELECT kind, path, resource_id, external_event_id, status FROM fetch_jobs ORDER BY id";

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_asked_for_on_both_paths() -> Result {
    let scene = Scene::open().await?;
    let body = bytes(&hint("order.placed", &order_url("15413130193")));
    let upper = TOKEN.to_uppercase();
    let mut counts = (0, 0);
    for base in ["/webhooks/eventbrite", "/functions/v1/eventbrite-webhook"] {
        for (end, decision) in [
            (format!("/{TOKEN}"), (200, "queued")),
            (format!("/{TOKEN}/"), (200, "queued")),
            (format!("/{TOKEN}?utm_source=x"), (200, "queued")),
            (String::new(), (401, "rejected")),
            ("/".into(), (401, "rejected")),
            (format!("?token={TOKEN}"), (401, "rejected")),
            ("/wrong-token-of-the-scene".into(), (401, "rejected")),
            (format!("/{}", &TOKEN[..TOKEN.len() - 1]), (401, "rejected")),
            (format!("/{TOKEN}x"), (401, "rejected")),
            (format!("/{upper}"), (401, "rejected")),
            (format!("/{TOKEN}%00"), (401, "rejected")),
            (format!("/{TOKEN}/more"), (404, "not_found")),
            (format!("//{TOKEN}"), (404, "not_found")),
        ] {
            let answer = scene.post(&format!("{base}{end}"), &[], body.clone()).await?;
            assert_eq!(answer.decision(), decision, "{base}{end}");
            counts = (counts.0 + u8::from(answer.status == 200), counts.1 + u8::from(answer.status == 401));
        }
        // A header is not the path, whatever it is called.
        for header in [":path-token", "path-token", "x-path-token", "authorization"] {
            if header.starts_with(':') {
                continue; // no client can send it, see http_protocol
            }
            assert_eq!(scene.post(base, &[(header, TOKEN)], body.clone()).await?.status, 401, "{header}");
        }
        counts.1 += 3;
    }
    assert_eq!(line(&scene.client, "SELECT count(*) FROM webhook_logs").await?, counts.0.to_string());
    let reasons = "SELECT reason, sum(count) FROM webhook_rejections GROUP BY 1 ORDER BY 1";
    assert_eq!(lines(&scene.client, reasons).await?, ["token_mismatch|10", "token_missing|12"]);
    assert_eq!(scene.count("webhook_logs WHERE headers::text LIKE '%of-the-scene%'").await?, 0, "a token was kept");
    assert_eq!(scene.count("webhook_rejections WHERE last_headers::text LIKE '%of-the-scene%'").await?, 0);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_can_be_changed() -> Result {
    let scene = Scene::open().await?;
    let body = bytes(&hint("order.placed", &order_url("1")));
    let change = "SELECT set_path_token('eventbrite', 'second-token-of-the-scene', now() + interval '1 hour')";
    scene.client.batch_execute(change).await?;
    let attempt = async |token: &str| {
        Ok::<u16, anyhow::Error>(scene.post(&format!("/webhooks/eventbrite/{token}"), &[], body.clone()).await?.status)
    };
    assert_eq!((attempt(TOKEN).await?, attempt("second-token-of-the-scene").await?), (200, 200));
    scene.client.batch_execute("UPDATE webhook_secrets SET valid_until = now() WHERE valid_until IS NOT NULL").await?;
    assert_eq!((attempt(TOKEN).await?, attempt("second-token-of-the-scene").await?), (401, 200));
    assert_eq!(line(&scene.client, "SELECT reason FROM webhook_rejections").await?, "secret_expired");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fetched_follows_from_the_address() -> Result {
    let scene = Scene::open().await?;
    let api = "https://www.eventbriteapi.com/v3";
    for (action, path, decision) in [
        ("order.placed", "orders/15413130193/", (200, "queued")),
        ("order.updated", "orders/15413130193", (200, "queued")), // the same order: one job
        ("order.refunded", "events/77/orders/15413130194/", (200, "queued")),
        ("attendee.updated", "events/77/attendees/690507907-1/", (200, "queued")),
        ("attendee.checked_in", "events/77/attendees/690507907-1/", (200, "queued")),
        ("barcode.checked_in", "events/77/attendees/690507908-1/", (200, "queued")),
        ("barcode.un_checked_in", "events/77/attendees/690507909-1/", (200, "queued")),
        ("event.published", "events/1996456922398/", (200, "queued")),
        ("ticket_class.deleted", "events/1996456922399/ticket_classes/3/", (200, "queued")),
        ("organizer.updated", "organizers/9/", (200, "ignored")),
        ("venue.updated", "venues/9/", (200, "ignored")),
        ("something.new", "things/9/", (200, "ignored")),
        // What it may send tomorrow; never fetched.
        ("order.placed", "users/me/", (200, "ignored")),
        ("order.placed", "orders/", (200, "ignored")),
        ("order.placed", "orders/15413130193/refund/", (200, "queued")), // the order it belongs to
        ("test", "{api-endpoint-to-fetch-object-details}/", (200, "ignored")),
    ] {
        let answer = scene.eventbrite(bytes(&hint(action, &format!("{api}/{path}")))).await?;
        assert_eq!(answer.decision(), decision, "{action} {path}: {answer:?}");
    }
    assert_eq!(
        lines(&scene.client, JOBS).await?,
        [
            "order|/v3/orders/15413130193/?expand=attendees,refund_requests|15413130193|-|waiting",
            "order|/v3/orders/15413130194/?expand=attendees,refund_requests|15413130194|77|waiting",
            "attendee|/v3/events/77/attendees/690507907-1/|690507907-1|77|waiting",
            "attendee|/v3/events/77/attendees/690507908-1/|690507908-1|77|waiting",
            "attendee|/v3/events/77/attendees/690507909-1/|690507909-1|77|waiting",
            "event|/v3/events/1996456922398/?expand=venue|1996456922398|1996456922398|waiting",
            "event|/v3/events/1996456922399/?expand=venue|1996456922399|1996456922399|waiting",
        ]
    );
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_addresses_are_refused_and_never_fetched() -> Result {
    let scene = Scene::open().await?;
    let long = format!("https://www.eventbriteapi.com/v3/orders/{}/", "1".repeat(65));
    for url in [
        "https://www.eventbriteapi.com@evil.example/v3/orders/1/",
        "https://user:password@www.eventbriteapi.com/v3/orders/1/",
        "https://www.eventbriteapi.com:8443/v3/orders/1/",
        "https://www.eventbriteapi.com:443/v3/orders/1/",
        "https://www.eventbriteapi.com.evil.example/v3/orders/1/",
        "https://evil.example/v3/orders/1/",
        "https://evil.example/www.eventbriteapi.com/v3/orders/1/",
        "https://eventbriteapi.com/v3/orders/1/",
        "https://api.eventbriteapi.com/v3/orders/1/",
        "https://wwwXeventbriteapi.com/v3/orders/1/",
        "https://WWW.EVENTBRITEAPI.COM/v3/orders/1/",
        "https://www.eventbriteapi.com./v3/orders/1/",
        "https://127.0.0.1/v3/orders/1/",
        "https://[::1]/v3/orders/1/",
        "https://169.254.169.254/latest/meta-data/",
        "http://www.eventbriteapi.com/v3/orders/1/",
        "HTTPS://www.eventbriteapi.com/v3/orders/1/",
        "ftp://www.eventbriteapi.com/v3/orders/1/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//www.eventbriteapi.com/v3/orders/1/",
        "/v3/orders/1/",
        "www.eventbriteapi.com/v3/orders/1/",
        "https:/www.eventbriteapi.com/v3/orders/1/",
        "https:\\\\www.eventbriteapi.com\\v3\\orders\\1",
        "https://www.eventbriteapi.com\\@evil.example/v3/orders/1/",
        "https://www.eventbriteapi.com/v3/orders/1/../../users/me/",
        "https://www.eventbriteapi.com/v3/../v3/orders/1/",
        "https://www.eventbriteapi.com/v3/orders/../users/",
        "https://www.eventbriteapi.com/v3/orders/%2e%2e/",
        "https://www.eventbriteapi.com/v3/orders/1%2f..%2f2/",
        "https://www.eventbriteapi.com/v3/orders/1/?expand=attendees",
        "https://www.eventbriteapi.com/v3/orders/1?token=x",
        "https://www.eventbriteapi.com/v3/orders/1/#x",
        "https://www.eventbriteapi.com/v3/orders/1/\r\nx-injected: 1",
        "https://www.eventbriteapi.com/v3/orders/1 /",
        " https://www.eventbriteapi.com/v3/orders/1\u{a0}/",
        "https://www.eventbriteapi.com/v3/orders/\u{661}/",
        "https://www.eventbriteapi.com/v3/orders/1'--/",
        "https://www.eventbriteapi.com/v3/orders//",
        "",
        &long,
    ] {
        let answer = scene.eventbrite(bytes(&hint("order.placed", url))).await?;
        assert_eq!(answer.decision(), (400, "invalid"), "{url}: {answer:?}");
        assert!(!answer.message.contains("evil") && !answer.message.contains("passw"), "{answer:?}");
    }
    assert_eq!(scene.count("fetch_jobs").await?, 0);
    assert_eq!(scene.count("webhook_logs WHERE error_message IS NULL OR error_message LIKE '%evil%'").await?, 0);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_registered_webhooks_where_a_list_is_set() -> Result {
    let scene = Scene::open().await?;
    scene.client.batch_execute("SELECT configure_platform('eventbrite', webhook_ids => '{15905335,7}')").await?;
    let mut body = hint("order.placed", &order_url("1"));
    assert_eq!(scene.eventbrite(bytes(&body)).await?.decision(), (200, "queued"));
    body["config"]["webhook_id"] = 7.into();
    assert_eq!(scene.eventbrite(bytes(&body)).await?.decision(), (200, "queued"));
    for other in [serde_json::json!("8"), "".into(), "15905335,7".into(), serde_json::Value::Null, true.into()] {
        body["config"]["webhook_id"] = other;
        assert_eq!(scene.eventbrite(bytes(&body)).await?.decision(), (401, "rejected"), "{body}");
    }
    // The ping of a new registration comes before anybody can know its id.
    body["config"]["action"] = "test".into();
    assert_eq!(scene.eventbrite(bytes(&body)).await?.decision(), (200, "ignored"));
    assert_eq!(
        line(&scene.client, "SELECT reason, sum(count) FROM webhook_rejections GROUP BY 1").await?,
        "webhook_not_allowed|5"
    );
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_not_signed_decide_nothing() -> Result {
    let scene = Scene::open().await?;
    let path = format!("/webhooks/eventbrite/{TOKEN}");
    let body = bytes(&hint("order.placed", &order_url("1")));
    let say = async |headers: &[(&str, &str)]| scene.post(&path, headers, body.clone()).await;
    assert_eq!(
        say(&[("x-eventbrite-event", "order.placed"), ("x-eventbrite-delivery", "1")]).await?.decision(),
        (200, "queued")
    );
    // The header says one thing and the body another: then neither is believed.
    for other in ["order.refunded", "test", "", "ORDER.PLACED", "order.placed,order.placed"] {
        assert_eq!(say(&[("x-eventbrite-event", other)]).await?.decision(), (400, "invalid"), "{other}");
    }
    let twice = [("x-eventbrite-event", "order.placed"), ("x-eventbrite-event", "test")];
    assert_eq!(say(&twice).await?.decision(), (400, "invalid"));
    // The same delivery number for different news: all of it counts.
    for order in ["2", "3"] {
        let body = bytes(&hint("order.placed", &order_url(order)));
        assert_eq!(scene.post(&path, &[("x-eventbrite-delivery", "1")], body).await?.decision(), (200, "queued"));
    }
    // Nobody can choose platform, event type or sender by a header.
    let humanitix = bytes(&boxoffice_tests::body::envelope("order.created", "o1"));
    let signature = sign::hex(SECRET, &humanitix);
    let headers = [
        ("x-humanitix-signature", signature.as_str()),
        ("x-event-type", "order.cancelled"),
        ("x-humanitix-event", "order.cancelled"),
        ("x-platform", "eventbrite"),
        ("x-forwarded-for", "203.0.113.9:4711"),
        ("x-http-method-override", "DELETE"),
    ];
    assert_eq!(scene.post("/webhooks/humanitix", &headers, humanitix).await?.decision(), (200, "processed"));
    assert_eq!(line(&scene.client, "SELECT platform, refund_status FROM ticket_sales").await?, "humanitix|none");
    let sender = "SELECT DISTINCT headers->>':remote-addr' FROM webhook_logs";
    assert_eq!(line(&scene.client, sender).await?, "127.0.0.1");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_bridge_may_stand_in_front() -> Result {
    let scene = Scene::open().await?;
    scene.client.batch_execute("SELECT configure_platform('eventbrite', authentication => 'signature')").await?;
    scene.client.execute("SELECT set_webhook_secret('eventbrite', $1)", &[&"the bridge's own key"]).await?;
    let body = bytes(&hint("order.placed", &order_url("1")));
    let good = sign::hex("the bridge's own key", &body);
    let path = "/functions/v1/eventbrite-webhook";
    assert_eq!(scene.post(path, &[("x-eventbrite-signature", &good)], body.clone()).await?.decision(), (200, "queued"));
    assert_eq!(
        scene.post(path, &[("x-eventbrite-signature", &sign::hex(SECRET, &body))], body.clone()).await?.status,
        401
    );
    // The token alone is not enough any more.
    assert_eq!(scene.post(&format!("{path}/{TOKEN}"), &[], body).await?.decision(), (401, "rejected"));
    scene.close().await
}

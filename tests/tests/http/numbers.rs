//! Numbers and ids that no sensible platform would send, through HTTP.

use boxoffice_tests::body::envelope;
use boxoffice_tests::scene::bytes;
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Answer, Result, Scene};
use serde_json::json;

/// Sends an order whose total is this literal.
async fn total(scene: &Scene, order: &str, literal: &str) -> Result<Answer> {
    let text = envelope("order.created", order).to_string();
    scene.signed(text.replacen("\"total_amount\":75", &format!("\"total_amount\":{literal}"), 1)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_amounts_are_refused_and_kept() -> Result {
    let scene = Scene::open().await?;
    for literal in [
        "-1",
        "-0.01",
        "\"-75\"",
        "1e400",
        "1e400000",
        "-1e400000",
        "1E+99999999999999999999",
        "1e308",
        "\"1e400\"",
        "\"abc\"",
        "\"NaN\"",
        "\"Infinity\"",
        "\"12,50\"",
        "\"$75\"",
        "\"0x10\"",
        "\"1_000\"",
        "99999999999999999999999999999999999999",
        "1000000000000.01",
        "9007199254740993",
    ] {
        let answer = total(&scene, "o1", literal).await?;
        assert_eq!(answer.decision(), (400, "invalid"), "{literal}: {answer:?}");
    }
    assert_eq!(line(&scene.client, "SELECT DISTINCT error_code, processed FROM webhook_logs").await?, "22003|f");
    assert_eq!(scene.count("ticket_sales").await?, 0);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_exact_however_they_are_written() -> Result {
    let scene = Scene::open().await?;
    let written = [
        ("0", "0"),
        ("-0", "0"),
        ("0.1", "0.1"),
        ("\"19.99\"", "19.99"),
        ("7.5e1", "75"),
        ("7500E-2", "75"),
        ("75.000", "75"),
        ("1000000000.01", "1000000000.01"),
        ("999999999999.99", "999999999999.99"),
        ("0.0000000000001", "0"),
        ("75.123456789012345678901234567890", "75.12"),
        ("0.005", "0.01"),
        ("\" 12 \"", "12"),
        ("0.30000000000000000", "0.3"),
    ];
    for (number, (literal, _)) in written.iter().enumerate() {
        let answer = total(&scene, &format!("o{number:02}"), literal).await?;
        assert_eq!(answer.decision(), (200, "processed"), "{literal}: {answer:?}");
    }
    let stored =
        lines(&scene.client, "SELECT trim_scale(total_amount) FROM ticket_sales ORDER BY platform_order_id").await?;
    assert_eq!(stored, written.map(|(_, amount)| amount));
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_numbers_in_fields_that_nobody_reads_do_no_harm() -> Result {
    let scene = Scene::open().await?;
    let text = envelope("order.created", "ORDER").to_string();
    for (number, literal) in
        ["1e400", "1e400000", "-1e131072", "1e-16384", "1e-400000", "123456789012345678901234567890.5"]
            .iter()
            .enumerate()
    {
        let odd = text.replacen("ORDER", &format!("o{number}"), 1).replacen(
            "\"price\":30",
            &format!("\"price\":30,\"weight\":{literal}"),
            1,
        );
        let answer = scene.signed(odd).await?;
        assert_eq!(answer.decision(), (200, "processed"), "{literal}: {answer:?}");
    }
    assert_eq!(scene.count("ticket_sales WHERE raw_data IS NOT NULL").await?, 6);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn quantities_that_cannot_be_are_unknown() -> Result {
    let scene = Scene::open().await?;
    let text = envelope("order.created", "ORDER").to_string();
    for (order, literal) in [
        ("o1", "-2"),
        ("o2", "1e9"),
        ("o3", "2147483648"),
        ("o4", "99999999999999999999"),
        ("o5", "1.5"),
        ("o6", "\"two\""),
        ("o7", "[2]"),
    ] {
        let odd = text.replacen("ORDER", order, 1).replacen("\"quantity\":2", &format!("\"quantity\":{literal}"), 1);
        let answer = scene.signed(odd).await?;
        assert_eq!(answer.decision(), (200, "processed"), "{literal}: {answer:?}");
    }
    for (order, literal) in [("p1", "\"2\""), ("p2", "2.0"), ("p3", "null")] {
        let odd = text.replacen("ORDER", order, 1).replacen("\"quantity\":2", &format!("\"quantity\":{literal}"), 1);
        assert_eq!(scene.signed(odd).await?.decision(), (200, "processed"), "{literal}");
    }
    let quantities =
        "SELECT string_agg(COALESCE(ticket_quantity::text, '?'), ' ' ORDER BY platform_order_id) FROM ticket_sales";
    assert_eq!(line(&scene.client, quantities).await?, "? ? ? ? ? ? ? 3 3 2");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_texts_of_any_kind() -> Result {
    let scene = Scene::open().await?;
    // Longer than 32 bits, longer than 64, with a suffix, with a leading zero, with what separates keys elsewhere.
    let ids = [
        "15413130193",
        "340282366920938463463374607431768211456",
        "690507907-1",
        "0017",
        "17",
        "a:b",
        "a",
        ":b",
        "ab",
        "A",
        "o/1",
    ];
    for id in ids {
        assert_eq!(scene.signed(bytes(&envelope("order.created", id))).await?.decision(), (200, "processed"), "{id}");
        assert_eq!(scene.signed(bytes(&envelope("order.created", id))).await?.decision(), (200, "duplicate"), "{id}");
    }
    // A number is the same id as its text.
    let number = envelope("order.created", "15413130193").to_string().replacen("\"15413130193\"", "15413130193", 1);
    assert_eq!(scene.signed(number).await?.status, 200);
    let mut stored = lines(&scene.client, "SELECT platform_order_id FROM ticket_sales").await?;
    let mut sent = ids.map(str::to_owned).to_vec();
    stored.sort();
    sent.sort();
    assert_eq!(stored, sent);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn instants_that_cannot_be_are_left_out() -> Result {
    let scene = Scene::open().await?;
    for (number, created) in [
        json!("yesterday"),
        json!("2026-02-30T10:00:00Z"),
        json!("0000-00-00T00:00:00Z"),
        json!("99999-01-01T00:00:00Z"),
        json!("2026-03-01T25:00:00Z"),
        json!(17723592),
        json!("2026-03-32"),
        json!("-4713-01-01T00:00:00Z"),
        json!("infinity"),
    ]
    .iter()
    .enumerate()
    {
        let mut body = envelope("order.created", &format!("o{number}"));
        body["data"]["order"]["created_at"] = created.clone();
        body["data"]["event"]["date"] = created.clone();
        body["timestamp"] = created.clone();
        let answer = scene.signed(bytes(&body)).await?;
        assert_eq!(answer.decision(), (200, "processed"), "{created}: {answer:?}");
    }
    assert_eq!(scene.count("ticket_sales").await?, 9);
    assert_eq!(scene.count("ticket_sales WHERE purchase_date IS NOT NULL").await?, 0);
    scene.close().await
}

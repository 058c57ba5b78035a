//! What callers in SQL are told when they ask for something impossible: SQLSTATE, message, hint; and nothing is stored.

use boxoffice_tests::sql::{line, refusal};
use boxoffice_tests::{Database, Result};

/// Call, SQLSTATE, message, and what the hint has to contain (`-`: there is none).
const CASES: [(&str, &str, &str, &str); 44] = [
    // NULL where a value is needed
    ("ingest_webhook(NULL, '{}', 'x'::text)", "22004", "platform must not be null", "Nothing was stored."),
    ("ingest_webhook('humanitix', NULL, 'x'::bytea)", "22004", "headers must not be null", "Nothing was stored."),
    ("ingest_webhook('humanitix', '{}', NULL::text)", "22004", "body must not be null", "Nothing was stored."),
    ("process_webhook('humanitix', NULL, '{}')", "22004", "event_type must not be null", "Nothing was stored."),
    ("process_webhook('humanitix', 'order.created', NULL)", "22004", "data must not be null", "Nothing was stored."),
    ("apply_resource('humanitix', NULL, 'x'::text)", "22004", "kind must not be null", "Nothing was stored."),
    ("explain_webhook(NULL, '{}', 'x'::text)", "22004", "platform must not be null", "Nothing was stored."),
    ("replay_webhook(NULL)", "22004", "log_id must not be null", "Nothing was stored."),
    ("retry_failed_webhooks(NULL)", "22004", "max_deliveries must not be null", "Nothing was stored."),
    ("sample_webhook('humanitix', NULL)", "22004", "event_type must not be null", "Nothing was stored."),
    ("set_webhook_secret('humanitix', NULL)", "22004", "the secret must not be null", "remove_webhook_secrets()"),
    ("set_webhook_secret(NULL, 'x')", "22004", "platform must not be null", "-"),
    ("link_event('humanitix', NULL)", "22004", "external_event_id must not be null or empty", "-"),
    ("link_event('humanitix', '')", "22004", "external_event_id must not be null or empty", "-"),
    // unknown things
    (
        "process_webhook('tito', 'order.created', '{}')",
        "22023",
        "unknown platform \"tito\"",
        "boxoffice.platforms shows them",
    ),
    (
        "apply_resource('Humanitix', 'order', '{}'::text)",
        "22023",
        "unknown platform \"Humanitix\"",
        "boxoffice.platforms shows them",
    ),
    ("set_webhook_secret('tito', 'x')", "22023", "unknown platform", "The platform comes first"),
    ("link_event('tito', 'x')", "22023", "unknown platform \"tito\"", "boxoffice.platforms shows them"),
    ("configure_platform('tito')", "22023", "unknown platform \"tito\"", "boxoffice.platforms shows them"),
    ("remove_webhook_secrets('tito')", "22023", "unknown platform \"tito\"", "boxoffice.platforms shows them"),
    ("apply_resource('humanitix', 'refund', '{}'::text)", "22023", "unknown kind \"refund\"", "order, orders, ticket"),
    (
        "apply_resource('humanitix', 'attendee', '{}'::text)",
        "22023",
        "unknown resource kind: humanitix has no attendee",
        "docs/SQL.md",
    ),
    (
        "sample_webhook('eventbrite', 'order.made')",
        "22023",
        "unknown event type; eventbrite has order.placed, order.updated, …",
        "docs/SQL.md",
    ),
    (
        "sample_webhook('humanitix', 'order.created')",
        "22023",
        "no secret is set for platform \"humanitix\"",
        "set_webhook_secret(",
    ),
    (
        "sample_webhook('eventbrite', 'order.placed')",
        "22023",
        "no secret is set for platform \"eventbrite\"",
        "set_path_token(",
    ),
    ("replay_webhook(1)", "P0002", "there is no delivery 1", "webhook_logs"),
    (
        "unlink_event('humanitix', 'x')",
        "P0002",
        "event \"x\" of platform \"humanitix\" is not linked",
        "ticket_platforms",
    ),
    ("grant_ingress('nobody at all')", "42704", "role \"nobody at all\" does not exist", "CREATE ROLE"),
    ("grant_reader('nobody at all')", "42704", "role \"nobody at all\" does not exist", "CREATE ROLE"),
    // values that make no sense
    (
        "ingest_webhook('humanitix', '[]', 'x'::text)",
        "22000",
        "the body does not have the expected shape: the headers are not a JSON object",
        "Nothing was stored.",
    ),
    (
        "process_webhook('humanitix', 'order.created', '[]')",
        "22000",
        "the body does not have the expected shape: data is not an object",
        "Nothing was stored.",
    ),
    ("retry_failed_webhooks(0)", "22023", "max_deliveries must be at least 1", "next round"),
    ("set_webhook_secret('humanitix', '')", "22023", "the secret is empty, or has white space at its ends", "line end"),
    (
        "set_webhook_secret('humanitix', E'abc\\n')",
        "22023",
        "the secret is empty, or has white space at its ends",
        "line end",
    ),
    (
        "set_path_token('eventbrite', 'short')",
        "22023",
        "a path token has 16 to 200 letters, digits, hyphens or underscores",
        "openssl",
    ),
    (
        "set_path_token('eventbrite', 'with/slash/in/the/path')",
        "22023",
        "a path token has 16 to 200 letters, digits, hyphens or underscores",
        "openssl",
    ),
    ("link_event('humanitix', 'x', '*')", "22023", "\"*\" is not an event id", "-"),
    // bodies of APIs
    ("apply_resource('humanitix', 'order', ''::text)", "22P02", "the body is empty", "explain_webhook()"),
    ("apply_resource('humanitix', 'order', '{'::text)", "22P02", "the body is not valid JSON: …", "explain_webhook()"),
    (
        "apply_resource('humanitix', 'order', '\\xff'::bytea)",
        "22021",
        "the body is not UTF-8 (byte 0)",
        "explain_webhook()",
    ),
    (
        "apply_resource('humanitix', 'order', '{}'::text)",
        "22000",
        "the body does not have the expected shape: _id is missing",
        "explain_webhook()",
    ),
    (
        "apply_resource('humanitix', 'order', '{\"_id\": \"1\", \"totals\": {\"total\": 1e400}}'::text)",
        "22003",
        "unusable amount: …",
        "explain_webhook()",
    ),
    (
        "apply_resource('eventbrite', 'order', '{\"status_code\": 404, \"error\": \"NOT_FOUND\"}'::text)",
        "22000",
        "the body does not have the expected shape: it is an error answer of the platform: NOT_FOUND (404)",
        "explain_webhook()",
    ),
    (
        "apply_resource('humanitix', 'orders', '{\"orders\": 1}'::text)",
        "22000",
        "the body does not have the expected shape: orders is not an array",
        "explain_webhook()",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_is_wrong_and_what_to_do() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    for (call, code, message, hint) in CASES {
        let error = refusal(&client, &format!("SELECT * FROM {call}")).await?;
        let said = match message.strip_suffix('…') {
            Some(beginning) => error.message.starts_with(beginning),
            None => error.message == message,
        };
        let hinted = error.hint.as_deref().map_or(hint == "-", |found| found.contains(hint));
        assert!(error.code == code && said && hinted && error.detail.is_none(), "{call}: {error:#?}");
        // PostgreSQL's style: a message is no sentence, a hint is.
        assert!(!error.message.ends_with('.') && !error.message.contains('\n'), "{call}: {error:#?}");
    }
    let left = "SELECT (SELECT count(*) FROM webhook_logs), (SELECT count(*) FROM order_states), (SELECT count(*) FROM webhook_secrets),
        (SELECT count(*) FROM ticket_platforms)";
    assert_eq!(line(&client, left).await?, "0|0|0|0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_refuse_what_cannot_be() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    for (call, constraint) in [
        ("SELECT configure_platform('humanitix', authentication => 'hope')", "platform_settings_authentication_known"),
        ("SELECT configure_platform('humanitix', signature_encoding => 'rot13')", "platform_settings_encoding_known"),
        (
            "SELECT configure_platform('humanitix', signature_header => 'two words')",
            "platform_settings_signature_header_is_a_name",
        ),
        (
            "SELECT configure_platform('humanitix', signed_content => 'nothing')",
            "platform_settings_signed_content_known",
        ),
        ("SELECT configure_platform('humanitix', tolerance_seconds => 0)", "platform_settings_tolerance_sensible"),
        ("INSERT INTO platform_settings (platform) VALUES ('No Name')", "platform_name_check"),
        (
            "INSERT INTO ticket_sales (platform, platform_order_id, currency) VALUES ('humanitix', 'x', 'aud')",
            "currency_code_check",
        ),
        (
            "INSERT INTO ticket_sales (platform, platform_order_id, total_amount) VALUES ('humanitix', 'x', -0.01)",
            "amount_check",
        ),
        (
            "INSERT INTO ticket_sales (platform, platform_order_id, refund_status) VALUES ('humanitix', 'x', 'full')",
            "refund_status_check",
        ),
        (
            "INSERT INTO fetch_jobs (platform, path, kind) VALUES ('eventbrite', '//evil.example/v3', 'order')",
            "fetch_jobs_path_is_a_path",
        ),
        (
            "INSERT INTO fetch_jobs (platform, path, kind) VALUES ('eventbrite', 'https://evil.example/', 'order')",
            "fetch_jobs_path_is_a_path",
        ),
        (
            "INSERT INTO webhook_rejections VALUES ('humanitix', 'x', 16, 1, now(), now(), '{}', '')",
            "webhook_rejections_slot_bounded",
        ),
    ] {
        let error = refusal(&client, call).await?;
        assert!(error.code == "23514" && error.message.contains(&format!("\"{constraint}\"")), "{call}: {error:#?}");
    }
    Ok(())
}

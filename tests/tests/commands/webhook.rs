//! `make webhook`: a sample goes the whole way, and what it says about it is so.

use boxoffice_tests::{Checkout, Result};

use crate::commands::ask;

/// The word behind a label.
fn said<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(label))?.split_whitespace().next()
}

#[test]
fn it_says_what_became_of_the_sample() -> Result {
    let mut checkout = Checkout::new(None)?;
    assert!(checkout.run("webhook", &[])?.complaint.contains("make up"));
    checkout.run("up", &[])?.good()?;

    // The defaults.
    let text = checkout.run("webhook", &[])?.good()?.text;
    assert_eq!((said(&text, "status"), said(&text, "outcome")), (Some("200"), Some("processed")), "{text}");
    let log = said(&text, "log id").unwrap_or_default().to_owned();
    let order = ask(
        &checkout,
        &format!("SELECT platform_order_id FROM webhook_logs WHERE id = {log} AND event_type = 'order.created'"),
    )?;
    assert!(text.contains(&format!("ticket_sales      new: {order}")), "{text}");
    assert!(text.contains("ticket_platforms  new: evt_"), "{text}");

    // What it says about removing it is all there is.
    let removal: Vec<&str> = text.lines().filter(|line| line.contains("DELETE FROM")).collect();
    ask(&checkout, &removal.join("\n"))?;
    let left = "SELECT count(*) FROM (SELECT 1 FROM ticket_sales UNION ALL SELECT 1 FROM order_states UNION ALL SELECT 1 FROM webhook_logs \
        UNION ALL SELECT 1 FROM ticket_platforms) x";
    assert_eq!(ask(&checkout, left)?, "0");

    // As the variables of make say, or as arguments; whatever the platform's settings are.
    checkout.set("PLATFORM", "eventbrite");
    let text = checkout.run("webhook", &[])?.good()?.text;
    assert_eq!(said(&text, "outcome"), Some("queued"), "{text}");
    assert!(text.contains("fetch_jobs        new: order "), "{text}");
    let test = checkout.run("webhook", &["--event", "test"])?.good()?.text;
    assert_eq!((said(&test, "outcome"), said(&test, "rows")), (Some("ignored"), Some("none")), "{test}");
    ask(
        &checkout,
        "SELECT configure_platform('humanitix', timestamp_header => 'x-at', signed_content => 'timestamp.body', signature_prefix => 'v1=')",
    )?;
    let text = checkout.run("webhook", &["--platform", "humanitix", "--event", "order.refunded"])?.good()?.text;
    assert_eq!(said(&text, "outcome"), Some("processed"), "{text}");
    assert!(text.contains("refund_status refunded"), "{text}");
    Ok(())
}

#[test]
fn what_is_wrong_with_the_question_or_the_answer_is_said() -> Result {
    let mut checkout = Checkout::new(None)?;
    checkout.run("up", &[])?.good()?;
    let wrong = [
        (["--platform", "tixel", "--event", "order.created"], ["boxoffice.platforms", "tixel"]),
        (["--platform", "humanitix", "--event", "order.placed"], ["order.created, order.updated", "EVENT="]),
        (["--platform", "eventbrite", "--event", "it's"], ["order.placed", "EVENT="]),
    ];
    for (arguments, words) in wrong {
        let ran = checkout.run("webhook", &arguments)?;
        let complains = words.iter().all(|word| ran.complaint.contains(word));
        assert!(ran.code == 1 && complains && !ran.complaint.contains("psql"), "{}", ran.complaint);
    }
    assert_eq!(ask(&checkout, "SELECT count(*) FROM webhook_logs")?, "0");

    // A delivery that is turned away is no success, and a worker that is gone is said to be.
    checkout.set("BOXOFFICE_MAX_BODY_BYTES", "64");
    checkout.run("up", &[])?.good()?;
    let ran = checkout.run("webhook", &[])?;
    assert_eq!((ran.code, said(&ran.text, "status")), (1, Some("413")), "{}{}", ran.text, ran.complaint);
    assert_eq!(ask(&checkout, "SELECT count(*) FROM webhook_logs")?, "0");
    checkout.run("down", &[])?.good()?;
    let ran = checkout.run("webhook", &[])?;
    assert!(ran.code == 1 && ran.complaint.contains("make up"), "{}", ran.complaint);
    Ok(())
}

//! Bad input: an error with SQLSTATE, detail and hint, never an empty result that looks like "nothing sold".

use boxoffice_tests::Result;
use boxoffice_tests::sql::refusal;

use super::scene::open;

/// Every function that takes an event.
pub const OF_EVENT: [&str; 22] = [
    "event_totals({})",
    "sales_timeline({})",
    "sales_velocity({})",
    "platform_breakdown({})",
    "ticket_type_breakdown({})",
    "refund_summary({})",
    "net_revenue(event_id => {})",
    "buying_hours({})",
    "customer_summary({})",
    "comparable_shows({})",
    "sales_pace({})",
    "sales_forecast({})",
    "sales_as_of(now(), {})",
    "sales_as_of(now(), {}, 'happened')",
    "sales_explained({}, now() - interval '1 day')",
    "settlement({})",
    "attendance({})",
    "no_shows({})",
    "duplicate_attendees({})",
    "check_analytics({})",
    "rebuild_analytics({})",
    "configure_show({})",
];

/// NULL is all events there.
const OR_ALL: [&str; 10] = [
    "sales_timeline({})",
    "platform_breakdown({})",
    "refund_summary({})",
    "net_revenue(event_id => {})",
    "buying_hours({})",
    "customer_summary({})",
    "sales_as_of(now(), {})",
    "sales_as_of(now(), {}, 'happened')",
    "check_analytics({})",
    "rebuild_analytics({})",
];

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_an_error_that_helps() -> Result {
    let (_db, client) = open().await?;
    let mut calls: Vec<(String, &str)> = Vec::new();
    for call in OF_EVENT {
        calls.push((call.replace("{}", "'nowhere'"), "22023"));
        // An event that is named by an empty text is none either.
        calls.push((call.replace("{}", "''"), "22023"));
        if !OR_ALL.contains(&call) && !call.starts_with("sales_explained") {
            calls.push((call.replace("{}", "NULL"), "22004"));
        }
    }
    for call in [
        "event_totals('ours', '2020-01-01')",
        "organisation_totals(now(), now() - interval '1 day')",
        "organisation_totals(now(), now())",
        "organisation_totals('-infinity')",
        "organisation_totals(now() + interval '1 day')",
        "organisation_totals(platform => 'ticketmaster')",
        "sales_timeline('ours', bucket => 'fortnight')",
        "sales_timeline('ours', time_zone => 'Mars/Olympus')",
        "sales_timeline(show => now())",
        "sales_timeline('ours', now() - interval '10 years', now(), 'hour')",
        "sales_timeline('ours', now() - interval '15 days', now(), 'hour')",
        "sales_timeline('ours', now() - interval '50 years', now(), 'day')",
        "net_revenue('colour')",
        "buying_hours(weeks => 0)",
        "sales_pace('ours', days => -1)",
        "forecast_accuracy('{-1}')",
        "forecast_accuracy('{}')",
        "forecast_accuracy(shows => 0)",
        "sales_as_of(now() + interval '1 day')",
        "sales_as_of(now(), 'ours', 'guessed')",
        "sales_explained('ours', now(), now() - interval '1 day')",
        "order_history('humanitix', 'nothing')",
        "order_history('ticketmaster', 'nothing')",
        "payout_reconciliation('ticketmaster')",
        "record_payout('humanitix', 'r', '2026-01-01', 'AUD', -1, '{ours}')",
        "record_payout('humanitix', 'r', '2026-01-01', 'dollar', 1, '{ours}')",
        "record_payout('humanitix', 'r', '2026-01-01', 'AUD', 1, '{}')",
        "record_payout('humanitix', 'r', '2026-01-01', 'AUD', 1, '{nowhere}')",
        "configure_show('ours', capacity => -1)",
        "configure_show('ours', costs => 1, currency => 'dollar')",
        "configure_show('ours', compare_with => '{nowhere}')",
        "configure_console(time_zone => 'Mars/Olympus')",
        "fold_sales(-1)",
    ] {
        calls.push((call.to_owned(), "22023"));
    }
    for call in [
        "organisation_totals(include_unlinked => NULL)",
        "sales_timeline('ours', bucket => NULL)",
        "net_revenue(NULL)",
        "buying_hours(weeks => NULL)",
        "sales_pace('ours', days => NULL)",
        "forecast_accuracy(NULL)",
        "forecast_accuracy('{1,NULL}')",
        "sales_as_of(NULL)",
        "sales_as_of(now(), 'ours', NULL)",
        "sales_explained('ours', NULL)",
        "order_history('humanitix', NULL)",
        "record_payout('humanitix', NULL, '2026-01-01', 'AUD', 1, '{ours}')",
        "configure_show('ours', costs => 1)",
        "fold_sales(NULL)",
        "grant_analyst(current_user, NULL)",
    ] {
        calls.push((call.to_owned(), "22004"));
    }
    for (call, code) in calls {
        let refused = refusal(&client, &format!("SELECT * FROM {call}")).await?;
        assert_eq!(refused.code, code, "{call}: {refused:?}");
        assert!(refused.detail.is_some() && refused.hint.is_some(), "{call}: {refused:?}");
    }
    Ok(())
}

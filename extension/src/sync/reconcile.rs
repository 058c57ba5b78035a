//! What a platform's listing says, compared with the rows that are here.

use std::collections::BTreeSet;

use boxoffice_core::observation::Observation;
use boxoffice_core::platform::Platform;
use pgrx::spi::SpiClient;

use crate::error::Result;
use crate::store::compare::{self, Difference};
use crate::store::orders::{self, Changed, Tell};
use crate::store::runs::{Left, Run};
use crate::store::{events, reports};

/// Compares without changing anything.
pub fn preview(client: &mut SpiClient<'_>, run: &Run, facts: &[Observation]) -> Result<()> {
    let merged = orders::preview(client, &facts.iter().collect::<Vec<_>>(), Tell::All)?;
    let shown: Vec<&Changed<'_>> = merged.shown.iter().collect();
    let wanted: BTreeSet<(Platform, &str)> = shown
        .iter()
        .flat_map(|order| {
            let after = order.after.iter();
            let ids =
                after.flat_map(|a| a.attendees.iter().map(|t| &t.external_event_id).chain([&a.sale.external_event_id]));
            ids.flatten().map(|id| (order.key.platform, id.as_str())).collect::<Vec<_>>()
        })
        .collect();
    let links = events::read_links(client, &wanted)?;
    let differences = compare::compare(client, &shown, &links, false)?;
    report(client, run, &differences, false)
}

/// Keeps what was found.
pub fn report(client: &mut SpiClient<'_>, run: &Run, differences: &[Difference], healed: bool) -> Result<()> {
    let absent: BTreeSet<&str> =
        differences.iter().filter(|d| d.missing && d.attendee_id.is_empty()).map(|d| d.order_id.as_str()).collect();
    // An order that is not here at all is one difference, not one for each of its attendees.
    let rows: Vec<reports::Found<'_>> = differences
        .iter()
        .filter(|d| d.attendee_id.is_empty() || !absent.contains(d.order_id.as_str()))
        .map(|d| reports::Found { difference: d, kind: kind(d), healed })
        .collect();
    reports::add(client, run, &rows)
}

/// Keeps the orders that a complete listing did not show.
pub fn report_missing<'l>(
    client: &mut SpiClient<'_>,
    run: &Run,
    missing: impl Iterator<Item = &'l Left>,
) -> Result<()> {
    let differences: Vec<Difference> = missing
        .map(|order| Difference {
            order_id: order.order_id.clone(),
            attendee_id: String::new(),
            missing: false,
            extra: true,
            columns: Vec::new(),
            ours: None,
            theirs: None,
            currency: order.currency.clone(),
            money: order.held.as_ref().map(|held| format!("-{held}")),
        })
        .collect();
    let rows: Vec<reports::Found<'_>> =
        differences.iter().map(|d| reports::Found { difference: d, kind: "missing_there", healed: false }).collect();
    reports::add(client, run, &rows)
}

/// One word for what differs; where several apply the first.
fn kind(difference: &Difference) -> &'static str {
    let any = |names: &[&str]| difference.columns.iter().any(|column| names.contains(&column.as_str()));
    if difference.attendee_id.is_empty() {
        if difference.missing {
            "missing_here"
        } else if any(&[
            "currency",
            "total_amount",
            "fee_amount",
            "tax_amount",
            "discount_amount",
            "refund_amount",
            "kept_amount",
            "net_amount",
        ]) {
            "amount"
        } else if any(&[
            "refund_status",
            "ticket_quantity",
            "valid_quantity",
            "platform_status",
            "refund_date",
            "refund_method",
            "payment_status",
            "void_date",
        ]) {
            "status"
        } else {
            "details"
        }
    } else if difference.missing {
        "attendee_missing_here"
    } else if difference.extra {
        "attendee_missing_there"
    } else if any(&["status"]) && !any(&["checked_in_at"]) || any(&["refunded"]) {
        "attendee_status"
    } else if any(&["checked_in_at"]) {
        "check_in"
    } else {
        "attendee_details"
    }
}

//! What the tables show, field by field, against what the fake platform knows to be true.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::Result;
use crate::fake::{Platform, TruthOrder};

/// Orders and attendees as lines of text, by order.
type Lines = BTreeMap<String, Vec<String>>;

/// Differences between the tables and the truth about a platform, a line each; empty when they are equal.
pub async fn differences(client: &Client, platform: Platform, truth: &[TruthOrder]) -> Result<Vec<String>> {
    let (found, expected) = (found(client, platform).await?, expected(truth));
    let mut differences = Vec::new();
    for (order, lines) in &expected {
        match found.get(order) {
            None => differences.push(format!("{order}: not here")),
            Some(here) if here != lines => {
                let only =
                    |a: &Vec<String>, b: &Vec<String>| a.iter().filter(|l| !b.contains(l)).cloned().collect::<Vec<_>>();
                differences.push(format!("{order}: here {:?}, true {:?}", only(here, lines), only(lines, here)));
            }
            Some(_) => {}
        }
    }
    differences.extend(found.keys().filter(|order| !expected.contains_key(*order)).map(|o| format!("{o}: not there")));
    Ok(differences)
}

async fn found(client: &Client, platform: Platform) -> Result<Lines> {
    let sales = "SELECT platform_order_id, concat_ws('|', external_event_id, coalesce(external_session_id, '-'), customer_name, customer_email,
            coalesce(customer_phone, '-'), currency, trim_scale(total_amount)::text, trim_scale(refund_amount)::text, refund_status,
            trim_scale(kept_amount)::text, trim_scale(net_amount)::text, coalesce(payment_status, 'paid'),
            coalesce(ticket_quantity::text, 'NULL'), coalesce(valid_quantity::text, 'NULL'))
        FROM boxoffice.ticket_sales WHERE platform = $1::text";
    let attendees = "SELECT platform_order_id, concat_ws('|', 'attendee', platform_attendee_id, name, coalesce(email, '-'), ticket_type, status,
            coalesce(trim_scale(ticket_price)::text, '-'), coalesce(barcode, '-'))
        FROM boxoffice.attendees WHERE platform = $1::text";
    let mut lines = Lines::new();
    for query in [sales, attendees] {
        for row in client.query(query, &[&platform.as_str()]).await? {
            lines.entry(row.get(0)).or_default().push(row.get(1));
        }
    }
    lines.values_mut().for_each(|lines| lines.sort());
    Ok(lines)
}

fn expected(truth: &[TruthOrder]) -> Lines {
    let mut lines = Lines::new();
    for order in truth {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let mut list = vec![
            [
                order.event_id.clone(),
                or(&order.session_id),
                order.buyer_name.clone(),
                order.buyer_email.clone(),
                // Eventbrite's orders have no telephone number.
                or(&order.buyer_phone),
                order.currency.clone(),
                trimmed(&order.total_amount.to_string()),
                trimmed(&order.refund_amount.to_string()),
                order.refund_status.as_str().to_owned(),
                trimmed(&order.kept_amount.to_string()),
                trimmed(&order.net_amount.to_string()),
                order.payment_status.to_owned(),
                order.ticket_quantity.to_string(),
                order.valid_quantity.to_string(),
            ]
            .join("|"),
        ];
        list.extend(order.attendees.iter().map(|a| {
            let (email, price) = (or(&a.email), trimmed(&a.price.to_string()));
            ["attendee", &a.id, &a.name, &email, &a.ticket_type, a.status.as_str(), &price, &a.barcode].join("|")
        }));
        list.sort();
        lines.insert(order.order_id.clone(), list);
    }
    lines
}

/// Without zeros at the end, as `trim_scale` makes it.
fn trimmed(amount: &str) -> String {
    if amount.contains('.') { amount.trim_end_matches('0').trim_end_matches('.').to_owned() } else { amount.to_owned() }
}

//! What a synchronisation is compared with: the plain loop that everybody writes first. GET a page, insert its rows one
//! after the other, each in a transaction of its own, over one connection.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio_postgres::{Client, Statement};

use crate::Result;
use crate::platforms::{self, Platforms};
use crate::server::Server;

const SALE: &str =
    "INSERT INTO plain.ticket_sales (platform, platform_order_id, event_id, external_event_id, customer_name,
        customer_email, currency, total_amount, refund_status, purchase_date, raw_data)
    VALUES ($1, $2, 'sync-' || $1, $3, $4, $5, $6, $7::text::numeric, $8, $9::text::timestamptz, $10::text::jsonb)
    ON CONFLICT (platform, platform_order_id) DO UPDATE SET event_id = excluded.event_id,
        external_event_id = excluded.external_event_id, customer_name = excluded.customer_name,
        customer_email = excluded.customer_email, currency = excluded.currency, total_amount = excluded.total_amount,
        refund_status = excluded.refund_status, purchase_date = excluded.purchase_date, raw_data = excluded.raw_data,
        updated_at = now()";
const ATTENDEE: &str =
    "INSERT INTO plain.attendees (platform, platform_order_id, platform_attendee_id, event_id, name, email,
        ticket_type, barcode, status, platform_data)
    VALUES ($1, $2, $3, 'sync-' || $1, $4, $5, $6, $7, $8, $9::text::jsonb)
    ON CONFLICT (platform, platform_order_id, platform_attendee_id) DO UPDATE SET event_id = excluded.event_id,
        name = excluded.name, email = excluded.email, ticket_type = excluded.ticket_type, barcode = excluded.barcode,
        status = excluded.status, platform_data = excluded.platform_data, updated_at = now()";

struct Loop<'c> {
    client: &'c Client,
    sale: Statement,
    attendee: Statement,
}

/// Reads everything into the plain tables; the seconds that it took.
pub async fn synchronise(server: &Server, platforms: &Platforms) -> Result<f64> {
    let client = server.database.client().await?;
    let (sale, attendee) = (client.prepare(SALE).await?, client.prepare(ATTENDEE).await?);
    let plain = Loop { client: &client, sale, attendee };
    let started = Instant::now();
    for list in &platforms.lists {
        let platform = list.platform.as_str();
        let mut path = Some(list.path.clone());
        while let Some(here) = path {
            let page = platforms::get(&platforms.recorded.url, list.platform, &here).await?.json()?;
            for item in page[&*list.kind].as_array().context("a page without its list")? {
                match (platform, &*list.kind) {
                    ("humanitix", "orders") => plain.humanitix_order(item).await?,
                    ("humanitix", _) => plain.humanitix_ticket(item).await?,
                    _ => plain.eventbrite_order(item).await?,
                }
            }
            path = list.after(&here, &page);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let count = "SELECT (SELECT count(*) FROM plain.ticket_sales), (SELECT count(*) FROM plain.attendees)";
    let row = server.client.query_one(count, &[]).await?;
    let found = (usize::try_from(row.get::<_, i64>(0))?, usize::try_from(row.get::<_, i64>(1))?);
    ensure!(found == (platforms.orders, platforms.tickets), "the plain loop has made {found:?} rows");
    Ok(seconds)
}

impl Loop<'_> {
    async fn humanitix_order(&self, order: &Value) -> Result {
        let name = format!("{} {}", text(&order["firstName"]), text(&order["lastName"]));
        let (total, raw) = (order["totals"]["total"].to_string(), order.to_string());
        self.client
            .execute(
                &self.sale,
                &[
                    &"humanitix",
                    &text(&order["_id"]),
                    &text(&order["eventId"]),
                    &name,
                    &text(&order["email"]),
                    &text(&order["currency"]),
                    &total,
                    &text(&order["financialStatus"]),
                    &text(&order["completedAt"]),
                    &raw,
                ],
            )
            .await?;
        Ok(())
    }

    async fn humanitix_ticket(&self, ticket: &Value) -> Result {
        let name = format!("{} {}", text(&ticket["firstName"]), text(&ticket["lastName"]));
        let barcode = text(&ticket["qrCodeData"]["_id"]);
        self.attend(
            [
                "humanitix",
                text(&ticket["orderId"]),
                text(&ticket["_id"]),
                &name,
                "",
                text(&ticket["ticketTypeName"]),
                barcode,
                text(&ticket["status"]),
            ],
            ticket,
        )
        .await
    }

    async fn eventbrite_order(&self, order: &Value) -> Result {
        let raw = order.to_string();
        self.client
            .execute(
                &self.sale,
                &[
                    &"eventbrite",
                    &text(&order["id"]),
                    &text(&order["event_id"]),
                    &text(&order["name"]),
                    &text(&order["email"]),
                    &text(&order["costs"]["gross"]["currency"]),
                    &text(&order["costs"]["gross"]["major_value"]),
                    &text(&order["status"]),
                    &text(&order["created"]),
                    &raw,
                ],
            )
            .await?;
        for attendee in order["attendees"].as_array().context("an order without attendees")? {
            let profile = &attendee["profile"];
            let (name, email) = (text(&profile["name"]), text(&profile["email"]));
            let barcode = text(&attendee["barcodes"][0]["barcode"]);
            let kind = text(&attendee["ticket_class_name"]);
            self.attend(
                [
                    "eventbrite",
                    text(&order["id"]),
                    text(&attendee["id"]),
                    name,
                    email,
                    kind,
                    barcode,
                    text(&attendee["status"]),
                ],
                attendee,
            )
            .await?;
        }
        Ok(())
    }

    /// platform, order, attendee, name, address, kind of ticket, barcode, status
    async fn attend(&self, columns: [&str; 8], body: &Value) -> Result {
        let [platform, order, id, name, email, kind, barcode, status] = columns;
        let raw = body.to_string();
        self.client
            .execute(&self.attendee, &[&platform, &order, &id, &name, &email, &kind, &barcode, &status, &raw])
            .await?;
        Ok(())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

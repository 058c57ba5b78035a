//! Orders, tickets and events as Humanitix writes them. Unset fields are absent, money is in major units.

use serde_json::{Value, json};

use crate::fake::clock::millis;
use crate::fake::model::{Event, Order, Status, Ticket};
use crate::fake::money::major;
use crate::fake::settings::Switches;

/// Who sold and scanned it.
const USER: &str = "nEOqx8s9UueyRu48789C0sY9set1";

pub(super) fn order(order: &Order, switches: &Switches) -> Value {
    let sale = totals(order, 0);
    let paid = order.refundable() + order.amex_fee > 0;
    let financial = match (paid, order.refunds) {
        (false, _) => "free",
        _ if order.status == Status::Refunded => "refunded",
        (_, 1..) => "partiallyRefunded",
        _ => "paid",
    };
    let mut body = json!({
        "_id": order.id, "eventId": order.event_id, "userId": USER,
        "currency": order.currency, "status": "complete", "financialStatus": financial,
        "firstName": order.buyer.first, "lastName": order.buyer.last, "email": order.buyer.email,
        "organisation": "", "discounts": discounts(order.discount, order), "businessPurpose": false,
        "paymentGateway": if paid { "braintree" } else { "manual" }, "manualOrder": order.complimentary, "tipFees": false,
        "clientDonation": 0, "incompleteAt": millis(order.created), "completedAt": millis(order.completed),
        "isInternationalTransaction": false, "totals": totals(order, order.refunds), "additionalFields": [],
        "salesChannel": channel(order), "location": order.location, "orderName": order.name,
        "createdAt": millis(order.created), "updatedAt": millis(order.changed),
    });
    set(&mut body, "mobile", order.buyer.phone.as_ref().map(|phone| json!(phone)));
    set(&mut body, "organiserMailListOptIn", order.opt_in.map(|opt_in| json!(opt_in)));
    set(&mut body, "eventDateId", order.date_id.as_ref().map(|id| json!(id)));
    set(
        &mut body,
        "paymentType",
        (!paid).then(|| json!(if order.complimentary { "complimentary" } else { "noPaymentNecessary" })),
    );
    set(&mut body, "purchaseTotals", (!switches.no_purchase_totals).then_some(sale));
    body
}

/// The identities that hold for real orders: fees are passed on or absorbed, and a refund lowers what is left.
fn totals(order: &Order, refunds: i64) -> Value {
    let fees: i64 = order.sold().map(|ticket| ticket.fee).sum();
    let (passed, absorbed) = if order.absorb_fees { (0, fees) } else { (fees, 0) };
    let subtotal: i64 = order.sold().map(|ticket| ticket.price).sum();
    let amex = order.amex_fee;
    let money = |minor| major(minor, &order.currency);
    json!({
        "subtotal": money(subtotal), "amexFee": money(amex), "zipFee": 0, "humanitixFee": money(fees),
        "bookingFee": money(fees + amex), "passedOnFee": money(passed), "absorbedFee": money(absorbed),
        "clientDonation": 0, "netClientDonation": 0, "donation": money(fees / 14), "dgrDonation": 0,
        "giftCardCredit": 0, "credit": 0, "outstandingAmount": 0, "feesIncluded": false,
        "bookingTaxes": money((fees + amex) / 11), "passedOnTaxes": money((passed + amex) / 11), "taxes": 0,
        "totalTaxes": money((fees + amex) / 11), "discounts": money(order.discount), "refunds": money(refunds),
        "rebates": 0, "netSales": money(subtotal - order.discount - refunds - absorbed),
        "grossSales": money(subtotal + passed + amex), "referralAmount": 0,
        "total": money(subtotal - order.discount - refunds + passed + amex),
    })
}

fn channel(order: &Order) -> &'static str {
    if order.complimentary { "manual" } else { "online" }
}

fn discounts(minor: i64, order: &Order) -> Value {
    match minor {
        0 => json!({}),
        minor => json!({"discountCode": {"code": "FIVEOFF", "discountAmount": major(minor, &order.currency)}}),
    }
}

pub(super) fn ticket(order: &Order, ticket: &Ticket) -> Value {
    let money = |minor| major(minor, &order.currency);
    let (passed, absorbed) = if order.absorb_fees { (0, ticket.fee) } else { (ticket.fee, 0) };
    let swap = |(id, at): &(String, i64)| json!({"id": id, "swappedAt": millis(*at), "userId": USER});
    let scan = |(at, entry): &(i64, bool)| json!({"checkedIn": entry, "date": millis(*at), "userId": USER});
    let mut body = json!({
        "_id": ticket.id, "eventId": order.event_id, "orderId": order.id, "orderName": order.name,
        "currency": order.currency, "number": ticket.number, "firstName": ticket.holder.first,
        "lastName": ticket.holder.last, "organisation": "", "ticketTypeName": ticket.type_name,
        "ticketTypeId": ticket.type_id, "price": money(ticket.price), "discount": money(ticket.discount),
        "netPrice": money(ticket.net()), "taxes": 0, "fee": money(ticket.fee), "passedOnFee": money(passed),
        "absorbedFee": money(absorbed), "dgrDonation": 0, "total": money(ticket.net() + passed),
        "status": if ticket.cancelled_at.is_some() { "cancelled" } else { "complete" }, "additionalFields": [],
        "checkIn": ticket.history.last().map_or_else(|| json!({"checkedIn": false}), scan),
        "checkInHistory": ticket.history.iter().map(scan).collect::<Vec<_>>(), "isDonation": ticket.donation,
        "salesChannel": if ticket.swapped_from.is_some() { "swap" } else { channel(order) },
        "qrCodeData": {"_id": ticket.barcode, "eventId": order.event_id},
        "discounts": discounts(ticket.discount, order),
        "location": order.location, "createdAt": millis(ticket.created), "updatedAt": millis(ticket.changed),
    });
    set(&mut body, "eventDateId", order.date_id.as_ref().map(|id| json!(id)));
    set(&mut body, "cancelledAt", ticket.cancelled_at.map(|at| json!(millis(at))));
    set(&mut body, "swappedFrom", ticket.swapped_from.as_ref().map(swap));
    set(&mut body, "swappedTo", ticket.swapped_to.as_ref().map(swap));
    body
}

pub(super) fn event(event: &Event) -> Value {
    let spec = &event.spec;
    let kinds = spec.tickets.iter().zip(&event.type_ids).map(|(kind, id)| {
        json!({
            "_id": id, "name": kind.name, "price": major(kind.price, &spec.currency), "priceRange": {"enabled": false},
            "priceOptions": {"enabled": false, "options": []}, "quantity": spec.capacity, "disabled": false,
            "deleted": false, "isDonation": kind.donation,
        })
    });
    let dates = event.dates.iter().map(|(id, start, end)| {
        json!({
            "_id": id, "startDate": millis(*start), "endDate": millis(*end), "disabled": false, "deleted": false,
        })
    });
    let prices = spec.tickets.iter().map(|kind| kind.price);
    let slug: String = spec.title.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    json!({
        "_id": event.id, "location": spec.location, "currency": spec.currency, "name": spec.title,
        "description": "<p>Doors open half an hour before.</p>", "slug": slug,
        "userId": USER, "organiserId": "68ab3c5e0f1d2a4b6c8e0001", "tagIds": [],
        "classification": {
            "type": "concertOrPerformance", "category": "performingAndVisualArts", "subcategory": "comedy",
        },
        "public": true, "published": true, "suspendSales": false, "markedAsSoldOut": false,
        "startDate": millis(spec.starts_at), "endDate": millis(spec.ends_at), "timezone": spec.time_zone,
        "totalCapacity": spec.capacity, "dates": dates.collect::<Vec<_>>(), "ticketTypes": kinds.collect::<Vec<_>>(),
        "packagedTickets": [], "additionalQuestions": [],
        "eventLocation": {
            "type": "address", "venueName": spec.venue, "address": "1 Example Street, Sydney NSW 2000",
            "latLng": [-33.87, 151.2], "addressComponents": [],
            "city": "Sydney", "region": "NSW", "country": "Australia",
        },
        "paymentOptions": {"refundSettings": {"refundPolicy": "No refunds"}}, "affiliateCodes": [],
        "pricing": {
            "minimumPrice": major(prices.clone().min().unwrap_or(0), &spec.currency),
            "maximumPrice": major(prices.max().unwrap_or(0), &spec.currency),
        },
        "keywords": [], "createdAt": millis(event.created), "updatedAt": millis(event.changed),
        "publishedAt": millis(event.created), "url": format!("https://events.humanitix.com/{slug}"),
    })
}

fn set(body: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(map), Some(value)) = (body.as_object_mut(), value) {
        map.insert(name.to_owned(), value);
    }
}

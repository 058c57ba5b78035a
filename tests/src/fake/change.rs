//! What organizers and buyers do: events and purchases. What becomes of an order later is in `life`.

use crate::fake::platform::Platform;
use anyhow::{Context as _, bail, ensure};

use super::model::{Event, Model, Order, Status, Ticket, Versions};
use super::spec::{EventSpec, Person, PurchaseSpec};
use super::{Fake, lock};
use crate::Result;

impl Fake {
    /// A new event; its id.
    ///
    /// # Errors
    /// There is no credential that could own it.
    pub fn create_event(&self, platform: Platform, spec: EventSpec) -> Result<String> {
        let now = self.now();
        let owner = match &spec.owner {
            Some(owner) => owner.clone(),
            None => {
                let settings = lock(&self.shared().settings);
                let first = settings.credentials.iter().find(|known| known.platform == platform);
                first.and_then(|known| known.owners.first()).context("no credential of the platform")?.clone()
            }
        };
        let mut model = lock(&self.shared().model);
        let id = model.id(platform, 13);
        let type_ids = spec.tickets.iter().map(|_| model.id(platform, 10)).collect();
        let dates = if spec.dates.is_empty() { vec![(spec.starts_at, spec.ends_at)] } else { spec.dates.clone() };
        let dates = dates.into_iter().map(|(start, end)| (model.id(platform, 13), start, end)).collect();
        let venue_id = model.id(platform, 9);
        let event =
            Event { id: id.clone(), platform, spec, owner, type_ids, dates, venue_id, created: now, changed: now };
        model.events.insert(id.clone(), Versions::new(event.clone()));
        model.event_ids.push(id.clone());
        drop(model);
        self.event_hints(&event, &["event.created", "event.published"]);
        Ok(id)
    }

    /// Changes an event. Kinds of tickets and dates must stay the same in number.
    ///
    /// # Errors
    /// There is no such event.
    pub fn update_event(&self, event: &str, change: impl FnOnce(&mut EventSpec)) -> Result {
        let now = self.now();
        let mut model = lock(&self.shared().model);
        let mut next = Event::clone(model.event(event).context("no such event")?);
        change(&mut next.spec);
        next.changed = now.max(next.changed + 1);
        model.events.get_mut(event).context("no such event")?.push(next.clone());
        drop(model);
        self.event_hints(&next, &["event.updated"]);
        Ok(())
    }

    /// A purchase; the id of the order.
    ///
    /// # Errors
    /// There is no such event, or it has no such kind of ticket or date.
    pub fn purchase(&self, event: &str, spec: PurchaseSpec) -> Result<String> {
        let order = self.new_order(event, &spec, Status::Placed)?;
        self.order_hints(&order, &["order.updated", "order.placed", "attendee.updated", "order.updated"]);
        self.envelope(&order, "order.created");
        Ok(order.id)
    }

    /// A checkout that is still going on (Eventbrite): an order with `time_remaining` and without attendees.
    ///
    /// # Errors
    /// As [`Fake::purchase`]; Humanitix does not show such orders.
    pub fn cart(&self, event: &str, spec: PurchaseSpec) -> Result<String> {
        let order = self.new_order(event, &spec, Status::Started)?;
        self.order_hints(&order, &["order.updated"]);
        Ok(order.id)
    }

    /// A checkout to be paid offline (Eventbrite): the tickets are out, the money is not in.
    ///
    /// # Errors
    /// As [`Fake::purchase`]; Humanitix shows no such orders.
    pub fn reserve(&self, event: &str, spec: PurchaseSpec) -> Result<String> {
        let order = self.new_order(event, &spec, Status::Unpaid)?;
        self.order_hints(&order, &["order.updated", "order.placed", "attendee.updated"]);
        Ok(order.id)
    }

    /// The money for a reservation has come.
    ///
    /// # Errors
    /// It is none.
    pub fn pay(&self, order: &str) -> Result {
        let order = self.change(order, true, |order, at, _| {
            ensure!(order.status == Status::Unpaid, "not a reservation");
            order.status = Status::Placed;
            order.tickets.iter_mut().for_each(|ticket| ticket.changed = at);
            Ok(())
        })?;
        self.order_hints(&order, &["order.updated", "attendee.updated"]);
        Ok(())
    }

    /// The cart is paid.
    ///
    /// # Errors
    /// It is no cart.
    pub fn complete_cart(&self, order: &str) -> Result {
        let order = self.change(order, true, |order, at, _| {
            ensure!(order.status == Status::Started, "not a cart");
            order.status = Status::Placed;
            order.completed = at;
            for ticket in &mut order.tickets {
                (ticket.created, ticket.changed, ticket.barcode_changed) = (at, at, at);
            }
            Ok(())
        })?;
        self.order_hints(&order, &["order.updated", "order.placed", "attendee.updated", "order.updated"]);
        Ok(())
    }

    /// Many purchases of one to four tickets, spread over the last `days` before now, without hints. Some are free of
    /// charge, discounted or for several dates, as the event allows.
    ///
    /// # Errors
    /// There is no such event.
    pub fn bulk_orders(&self, event: &str, count: usize, days: i64) -> Result<Vec<String>> {
        const FIRST: [&str; 8] = ["Ada", "Bao", "Chloé", "Dmitri", "Eilidh", "Farah", "Grace", "Hiro"];
        const LAST: [&str; 8] = ["Nguyen", "O'Brien", "Müller", "Silva", "Canary", "李", "Okafor", "van Dijk"];
        let now = self.now();
        let (kinds, dates) = {
            let model = lock(&self.shared().model);
            let event = model.event(event).context("no such event")?;
            (event.spec.tickets.len(), event.dates.len())
        };
        let mut ids = Vec::with_capacity(count);
        for number in 0..count {
            let mut spec = {
                let mut model = lock(&self.shared().model);
                let mut below = |limit| model.random.below(limit);
                let mut buyer = Person::new(FIRST[below(8)], LAST[below(8)]);
                buyer.email = format!("buyer{number}@example.org");
                let mut spec = PurchaseSpec::new(buyer.clone(), 0).date(below(dates));
                for _ in 0..=below(4) {
                    spec = spec.ticket(below(kinds), buyer.clone());
                }
                if below(10) == 0 {
                    spec = spec.discount(500);
                }
                spec
            };
            let share = i64::try_from(count - number)? * days * super::clock::DAY / i64::try_from(count)?;
            spec.completed_at = Some(now - share);
            ids.push(self.new_order(event, &spec, Status::Placed)?.id);
        }
        Ok(ids)
    }

    fn new_order(&self, event: &str, spec: &PurchaseSpec, status: Status) -> Result<Order> {
        let now = self.now();
        let mut model = lock(&self.shared().model);
        let event = model.event(event).context("no such event")?.clone();
        ensure!(status == Status::Placed || event.platform == Platform::Eventbrite, "Humanitix shows only paid orders");
        let completed = spec.completed_at.unwrap_or(now);
        let created = spec.created_at.unwrap_or(completed - 75_000);
        let date_id = match event.platform {
            Platform::Humanitix => Some(event.dates.get(spec.date).context("no such date")?.0.clone()),
            Platform::Eventbrite => None,
        };
        let id = model.id(event.platform, 11);
        let mut tickets = Vec::with_capacity(spec.tickets.len());
        let mut discount = spec.discount;
        for (kind, holder) in &spec.tickets {
            let mut ticket = ticket(&mut model, &event, &id, *kind, holder, completed)?;
            ticket.number = tickets.len() + 1;
            if spec.complimentary {
                ticket.price = 0;
            }
            // As far as it goes, from the first line on.
            ticket.discount = discount.min(ticket.price);
            discount -= ticket.discount;
            fees(&mut ticket, &event);
            tickets.push(ticket);
        }
        let name = format!("{:0>8}", model.random.below(99_999_999));
        let order = Order {
            id: id.clone(),
            platform: event.platform,
            event_id: event.id.clone(),
            date_id,
            name,
            buyer: spec.buyer.clone(),
            opt_in: spec.opt_in,
            currency: event.spec.currency.clone(),
            location: event.spec.location.clone(),
            status,
            discount: spec.discount - discount,
            tickets,
            amex_fee: if event.platform == Platform::Humanitix { spec.amex_fee } else { 0 },
            absorb_fees: event.spec.absorb_fees,
            complimentary: spec.complimentary,
            refunds: 0,
            dropped: 0,
            requests: Vec::new(),
            created,
            completed,
            changed: if status == Status::Started { created } else { completed },
            erased: false,
        };
        for ticket in &order.tickets {
            model.order_of.insert(ticket.id.clone(), id.clone());
        }
        model.orders_of.entry(event.id.clone()).or_default().push(id.clone());
        model.orders.insert(id, Versions::new(order.clone()));
        Ok(order)
    }

    /// Makes the next version of an order. `version`: it also gets a new `updatedAt` or `changed`.
    pub(super) fn change(
        &self,
        order: &str,
        version: bool,
        change: impl FnOnce(&mut Order, i64, &mut Model) -> Result,
    ) -> Result<Order> {
        let now = self.now();
        let mut model = lock(&self.shared().model);
        let newest = model.orders.get(order).and_then(Versions::newest).context("no such order")?;
        let mut next = Order::clone(newest);
        if next.erased {
            bail!("the order was erased");
        }
        // Versions never go back. Those of Humanitix are milliseconds and differ; Eventbrite's are whole seconds.
        let newest = next.tickets.iter().map(|ticket| ticket.changed).fold(next.changed, i64::max);
        let at = now.max(newest + i64::from(next.platform == Platform::Humanitix));
        change(&mut next, at, &mut model)?;
        if version {
            next.changed = at;
        }
        for ticket in &next.tickets {
            if !model.order_of.contains_key(&ticket.id) {
                model.order_of.insert(ticket.id.clone(), next.id.clone());
            }
        }
        model.orders.get_mut(order).context("no such order")?.push(next.clone());
        Ok(next)
    }
}

fn ticket(model: &mut Model, event: &Event, order: &str, kind: usize, holder: &Person, at: i64) -> Result<Ticket> {
    let sold = event.spec.tickets.get(kind).context("no such kind of ticket")?;
    let id = model.id(event.platform, 11);
    let barcode = match event.platform {
        Platform::Humanitix => id.clone(),
        Platform::Eventbrite => format!("{order}{id}001"),
    };
    Ok(Ticket {
        id,
        number: 1,
        type_id: event.type_ids.get(kind).cloned().unwrap_or_default(),
        type_name: sold.name.clone(),
        holder: holder.clone(),
        price: sold.price,
        discount: 0,
        fee: 0,
        payment_fee: 0,
        tax: 0,
        donation: sold.donation,
        cancelled_at: None,
        refunded: false,
        dropped: false,
        checked_in: false,
        history: Vec::new(),
        barcode,
        barcode_changed: at,
        created: at,
        changed: at,
        swapped_from: None,
        swapped_to: None,
    })
}

/// Fees of about the real size; what costs nothing has none.
fn fees(ticket: &mut Ticket, event: &Event) {
    let net = ticket.net();
    if net == 0 {
        return;
    }
    match event.platform {
        Platform::Humanitix if ticket.donation => {}
        Platform::Humanitix => ticket.fee = net * 7 / 100,
        Platform::Eventbrite => {
            ticket.fee = if ticket.donation { 0 } else { net * 7 / 100 + 49 };
            ticket.payment_fee = net * 367 / 10_000;
            ticket.tax = net * event.spec.tax_percent / 100;
        }
    }
}

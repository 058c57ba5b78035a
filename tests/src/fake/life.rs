//! What becomes of an order after its purchase: refunds, cancellations, its end. Its people are in `people`.

use std::sync::Arc;

use crate::fake::platform::Platform;
use anyhow::{Context as _, ensure};

use super::model::{Order, Request, Status, Ticket, Versions};
use super::{Fake, lock};
use crate::Result;

impl Fake {
    /// Refunds all of it. Eventbrite gives everything back, Humanitix the face values; a free Humanitix order is
    /// cancelled, because nothing can be refunded.
    ///
    /// # Errors
    /// There is no such order, or it was erased.
    pub fn refund(&self, order: &str) -> Result {
        let count = self.order(order)?.tickets.len();
        self.refund_tickets(order, &(0..count).collect::<Vec<_>>())
    }

    /// Refunds these lines (positions in the order) and cancels them. What is void already stays as it is.
    ///
    /// # Errors
    /// There is no such order or line.
    pub fn refund_tickets(&self, order: &str, lines: &[usize]) -> Result {
        self.give_back(order, lines, Ticket::gross)
    }

    /// The same on request, with the fees kept: Eventbrite says in the buyer's request what it has given back. Humanitix
    /// keeps its fees always.
    ///
    /// # Errors
    /// There is no such order or line.
    pub fn refund_tickets_less_fees(&self, order: &str, lines: &[usize]) -> Result {
        if self.order(order)?.platform == Platform::Eventbrite {
            self.request_refund(order)?;
        }
        self.give_back(order, lines, Ticket::net)
    }

    /// `amount`: what Eventbrite gives back for a line.
    fn give_back(&self, order: &str, lines: &[usize], amount: fn(&Ticket) -> i64) -> Result {
        let drop_costs = self.shared().switches().refunds_drop_costs;
        let mut touched = Vec::new();
        let next = self.change(order, true, |order, at, _| {
            let mut paid = 0;
            for line in lines {
                let ticket = order.tickets.get_mut(*line).context("no such line")?;
                if ticket.cancelled_at.is_some() {
                    continue;
                }
                touched.push(ticket.id.clone());
                cancel(ticket, at);
                match order.platform {
                    Platform::Humanitix => paid += ticket.net(),
                    Platform::Eventbrite => {
                        (ticket.refunded, ticket.dropped) = (true, drop_costs);
                        paid += amount(ticket);
                    }
                }
            }
            match order.platform {
                Platform::Humanitix => refund(order, paid),
                Platform::Eventbrite => {
                    grant(order, paid, at);
                    if order.tickets.iter().all(|ticket| ticket.refunded) {
                        order.status = Status::Refunded;
                    }
                }
            }
            Ok(())
        })?;
        self.touched(&next, &["order.refunded", "order.updated", "attendee.updated"], &touched);
        let void = next.tickets.iter().all(|ticket| ticket.cancelled_at.is_some());
        self.envelope(
            &next,
            match next.refunds {
                1.. => "order.refunded",
                _ if void => "order.cancelled",
                _ => "order.updated",
            },
        );
        Ok(())
    }

    /// Gives back an amount in minor units, and leaves all tickets valid. Eventbrite shows it as a refund request that
    /// was processed, and in lower costs where those drop at all.
    ///
    /// # Errors
    /// There is no such order, or it is more than is left.
    pub fn refund_amount(&self, order: &str, minor: i64) -> Result {
        let drop_costs = self.shared().switches().refunds_drop_costs;
        let next = self.change(order, true, |order, at, model| {
            match order.platform {
                Platform::Humanitix => {
                    ensure!(order.refunds + minor <= order.refundable(), "more than is left");
                    refund(order, minor);
                }
                Platform::Eventbrite => {
                    let left: i64 = order.tickets.iter().filter(|ticket| !ticket.dropped).map(Ticket::net).sum();
                    ensure!(minor <= left - order.dropped, "more than is left");
                    if !order.requests.iter().any(|request| request.processed.is_none()) {
                        let id = model.id(Platform::Eventbrite, 8);
                        order.requests.push(request(id, minor));
                    }
                    grant(order, minor, at);
                    if drop_costs {
                        order.dropped += minor;
                    }
                }
            }
            Ok(())
        })?;
        self.order_hints(&next, &["order.refunded", "order.updated"]);
        self.envelope(&next, "order.refunded");
        Ok(())
    }

    /// The buyer asks for their money (Eventbrite). A refund that follows grants it.
    ///
    /// # Errors
    /// There is no such order, or it is Humanitix's, which shows nothing of that.
    pub fn request_refund(&self, order: &str) -> Result {
        let next = self.change(order, true, |order, _, model| {
            ensure!(order.platform == Platform::Eventbrite, "Humanitix shows no refund requests");
            let valid = order.tickets.iter().filter(|ticket| ticket.cancelled_at.is_none());
            let amount = valid.map(Ticket::gross).sum();
            let id = model.id(Platform::Eventbrite, 8);
            order.requests.push(request(id, amount));
            Ok(())
        })?;
        self.order_hints(&next, &["order.updated"]);
        Ok(())
    }

    /// Cancels all of it without giving anything back.
    ///
    /// # Errors
    /// There is no such order.
    pub fn cancel(&self, order: &str) -> Result {
        self.void(order, Status::Cancelled)
    }

    /// As [`Fake::cancel`], with the status `deleted` (Eventbrite). It can still be read.
    ///
    /// # Errors
    /// There is no such order.
    pub fn delete(&self, order: &str) -> Result {
        self.void(order, Status::Deleted)
    }

    fn void(&self, order: &str, status: Status) -> Result {
        let next = self.change(order, true, |order, at, _| {
            order
                .tickets
                .iter_mut()
                .filter(|ticket| ticket.cancelled_at.is_none())
                .for_each(|ticket| cancel(ticket, at));
            if order.platform == Platform::Eventbrite {
                order.status = status;
            }
            Ok(())
        })?;
        self.order_hints(&next, &["order.updated", "attendee.updated"]);
        self.envelope(&next, "order.cancelled");
        Ok(())
    }

    /// Cancels one line without giving anything back.
    ///
    /// # Errors
    /// There is no such order or line.
    pub fn cancel_ticket(&self, order: &str, line: usize) -> Result {
        self.line(order, line, |ticket, at| {
            cancel(ticket, at);
            Ok(())
        })
    }

    /// Removes it: from now on it answers 404 and is in no list, and nobody is told which one it was but by a hint.
    ///
    /// # Errors
    /// There is no such order.
    pub fn erase(&self, order: &str) -> Result {
        let next = self.change(order, false, |order, _, _| {
            order.erased = true;
            Ok(())
        })?;
        self.order_hints(&next, &["order.updated"]);
        Ok(())
    }

    /// Ids of the lines of an order.
    ///
    /// # Errors
    /// There is no such order.
    pub fn ticket_ids(&self, order: &str) -> Result<Vec<String>> {
        Ok(self.order(order)?.tickets.iter().map(|ticket| ticket.id.clone()).collect())
    }

    pub(super) fn order(&self, order: &str) -> Result<Arc<Order>> {
        let model = lock(&self.shared().model);
        model.orders.get(order).and_then(Versions::newest).cloned().context("no such order")
    }

    /// Changes one line, and tells of it.
    pub(super) fn line(&self, order: &str, line: usize, change: impl FnOnce(&mut Ticket, i64) -> Result) -> Result {
        let mut id = String::new();
        let next = self.change(order, true, |order, at, _| {
            let ticket = order.tickets.get_mut(line).context("no such line")?;
            id.clone_from(&ticket.id);
            change(ticket, at)
        })?;
        self.touched(&next, &["attendee.updated", "order.updated"], &[id]);
        self.envelope(&next, "order.updated");
        Ok(())
    }
}

pub(super) fn cancel(ticket: &mut Ticket, at: i64) {
    if ticket.cancelled_at.is_none() {
        (ticket.cancelled_at, ticket.changed) = (Some(at), at);
    }
}

/// Humanitix: refunds add up, and are at most the face values.
fn refund(order: &mut Order, minor: i64) {
    let most = order.refundable();
    order.refunds = (order.refunds + minor).min(most);
    if most > 0 && order.refunds == most {
        order.status = Status::Refunded;
    }
}

fn request(id: String, amount: i64) -> Request {
    Request { id, reason: "unable_to_attend".to_owned(), amount, processed: None }
}

/// Eventbrite: a refund answers the request that is open, if one is. Refunds that nobody asked for make none.
fn grant(order: &mut Order, minor: i64, at: i64) {
    if let Some(open) = order.requests.iter_mut().find(|request| request.processed.is_none()) {
        open.processed = Some((at, minor));
    }
}

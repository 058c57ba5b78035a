//! Who has a ticket, who is in, and who has paid.

use crate::fake::platform::Platform;
use anyhow::{Context as _, ensure};

use super::Fake;
use super::life::cancel;
use super::spec::Person;
use crate::Result;

impl Fake {
    /// Gives a ticket to somebody else. Eventbrite keeps the attendee; Humanitix swaps: the ticket is cancelled, and a
    /// new one is added at the end of the order's lines.
    ///
    /// # Errors
    /// There is no such order or line, or it is void.
    pub fn transfer(&self, order: &str, line: usize, to: &Person) -> Result {
        if self.order(order)?.platform == Platform::Eventbrite {
            return self.rename(order, line, to);
        }
        let next = self.change(order, true, |order, at, model| {
            let id = model.id(Platform::Humanitix, 11);
            let number = order.tickets.len() + 1;
            let old = order.tickets.get_mut(line).context("no such line")?;
            ensure!(old.cancelled_at.is_none(), "the ticket is void");
            let mut new = old.clone();
            cancel(old, at);
            old.swapped_to = Some((id.clone(), at));
            new.swapped_from = Some((old.id.clone(), at));
            (new.barcode, new.id, new.number, new.holder) = (id.clone(), id, number, to.clone());
            (new.created, new.changed, new.checked_in) = (at, at, false);
            new.history.clear();
            order.tickets.push(new);
            Ok(())
        })?;
        self.envelope(&next, "order.updated");
        Ok(())
    }

    /// Another holder on the same ticket.
    ///
    /// # Errors
    /// There is no such order or line, or it is void.
    pub fn rename(&self, order: &str, line: usize, to: &Person) -> Result {
        self.line(order, line, |ticket, at| {
            ensure!(ticket.cancelled_at.is_none(), "the ticket is void");
            ticket.holder = to.clone();
            ticket.changed = at;
            Ok(())
        })
    }

    /// Lets somebody in.
    ///
    /// # Errors
    /// There is no such order or line, or it is void.
    pub fn check_in(&self, order: &str, line: usize) -> Result {
        self.check(order, line, true)
    }

    /// Lets somebody out, or takes a check-in back.
    ///
    /// # Errors
    /// There is no such order or line, or it is void.
    pub fn check_out(&self, order: &str, line: usize) -> Result {
        self.check(order, line, false)
    }

    fn check(&self, order: &str, line: usize, entry: bool) -> Result {
        let switches = self.shared().switches();
        let mut id = String::new();
        let next = self.change(order, switches.check_in_changes_order, |order, at, _| {
            let ticket = order.tickets.get_mut(line).context("no such line")?;
            ensure!(ticket.cancelled_at.is_none(), "the ticket is void");
            id.clone_from(&ticket.id);
            let last = ticket.history.last().map_or(at, |(last, _)| at.max(last + 1));
            ticket.history.push((last, entry));
            (ticket.checked_in, ticket.barcode_changed) = (entry, at);
            if !switches.check_in_keeps_version {
                ticket.changed = at;
            }
            Ok(())
        })?;
        let action = if entry { "barcode.checked_in" } else { "barcode.un_checked_in" };
        self.touched(&next, &[action, "attendee.updated"], &[id]);
        Ok(())
    }

    /// Another buyer: name and address of the order.
    ///
    /// # Errors
    /// There is no such order.
    pub fn change_buyer(&self, order: &str, to: &Person) -> Result {
        let next = self.change(order, true, |order, _, _| {
            order.buyer = to.clone();
            Ok(())
        })?;
        self.order_hints(&next, &["order.updated"]);
        self.envelope(&next, "order.updated");
        Ok(())
    }
}

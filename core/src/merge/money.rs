//! What the organiser holds of a charge. For every order, and so for every sum, to the cent:
//! net = total - refund - void - fees kept, where void = total - refund - kept and fees kept = kept - net.

use super::{RefundStatus, Sale};
use crate::money::Amount;
use crate::observation::Payment;

impl Sale {
    /// Whether anything of it was taken back: money, tickets, or the order as a whole.
    pub(super) fn is_taken_back(&self) -> bool {
        let fewer = self.valid_quantity.zip(self.ticket_quantity).is_some_and(|(valid, bought)| valid < bought);
        fewer || !matches!(self.refund_status, RefundStatus::None | RefundStatus::Requested)
    }

    /// Works out `kept_amount` and `net_amount`, when everything else is known.
    ///
    /// `void`: the platform, or a bridge, says that the order as a whole is no more, and nothing of it admits.
    ///
    /// `returned`: fees of tickets whose whole price went back to the buyer. The platform has given them back, too; so it
    /// makes no difference whether the buyer got the price without the fee, or the whole price.
    pub(super) fn settle(&mut self, void: bool, returned: Amount) {
        let refunded = self.refund_amount.unwrap_or_default();
        let nothing = self.payment_status == Some(Payment::Unpaid) || (void && refunded == Amount::ZERO);
        self.kept_amount = self
            .total_amount
            .map(|total| if nothing { Amount::ZERO } else { total.saturating_sub(refunded).max(Amount::ZERO) });
        let fees = self.fee_amount.unwrap_or_default().saturating_sub(returned).max(Amount::ZERO);
        self.net_amount = self.kept_amount.map(|kept| kept.saturating_sub(fees).max(Amount::ZERO));
    }
}

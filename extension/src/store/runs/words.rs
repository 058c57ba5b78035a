//! The words of `sync_history`. Its constraints and comments say the same, which the tests check.

use boxoffice_contract::words;

words! {
    /// What a run is for.
    Mode {
        /// Everything.
        Full = "full",
        /// What has changed since the last one.
        Changes = "changes",
        /// Everything, compared with what is here.
        Reconcile = "reconcile",
        /// The account's events.
        Discovery = "discovery",
        /// A list in place of many hints.
        Burst = "burst",
    }
}

words! {
    /// Where a run is in its life.
    Status {
        /// Its pages are being read.
        Running = "running",
        /// All pages are read; something is left to be done about the orders.
        Finishing = "finishing",
        /// It has ended well.
        Done = "done",
        /// It could not go on.
        Failed = "failed",
    }
}

words! {
    /// Why a run was begun.
    Reason {
        /// Somebody has asked for it.
        Manual = "manual",
        /// It was never read.
        First = "first",
        /// It is due.
        Schedule = "schedule",
        /// The daily comparison.
        Daily = "daily",
        /// Many hints wait.
        Burst = "burst",
    }
}

words! {
    /// Why a run has failed, for machines; the words for people stand beside it.
    Failure {
        /// The platform knows no such event or list.
        NotFound = "not_found",
        /// The platform refuses the credential, or does not show it this.
        Refused = "refused",
        /// A list could not be read to its end, or not be applied.
        Unreadable = "unreadable",
        /// There is no list that can be asked for.
        NoList = "no_list",
        /// No worker holds the credential, or the account was removed.
        NoCredential = "no_credential",
        /// It has stood still for too long.
        Stalled = "stalled",
        /// What was left to be done after the last page failed.
        Unfinished = "unfinished",
        /// Somebody has ended it by hand.
        Ended = "ended",
    }
}

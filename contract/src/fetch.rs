//! What worker and extension say to each other about calls of the platforms' APIs.

use crate::words;

words! {
    /// What the extension has decided about an answer: `outcome` of `complete_fetch()`.
    Outcome {
        /// It was merged.
        Done = "done",
        /// It will be asked for again.
        Retry = "retry",
        /// The platform has no such resource.
        Gone = "gone",
        /// It is given up.
        Dead = "dead",
        /// The platform refuses the credential; nothing is called with it any more.
        Stopped = "stopped",
        /// The job waits for another worker.
        Released = "released",
        /// The lease has run out, and the job is somebody else's, or done.
        Lost = "lost",
    }
}

impl Outcome {
    /// Whether there may be more to claim at once: a page that is finished often has a next one.
    #[must_use]
    pub const fn may_bring_more(self) -> bool {
        matches!(self, Outcome::Done | Outcome::Gone | Outcome::Retry)
    }
}

words! {
    /// Why the worker has no answer: the value of the pseudo header [`crate::headers::ERROR`], and a label of its metrics.
    NoAnswer {
        /// No connection in time, or no such host.
        Connect = "connect",
        /// No trust in the server: its certificate, its name, or no TLS at all.
        Tls = "tls",
        /// The whole answer did not arrive in time.
        Timeout = "timeout",
        /// The answer is longer than allowed.
        TooLarge = "too_large",
        /// The connection ended early, or what came was not HTTP.
        Broken = "broken",
        /// The path was not one that may be asked for; nothing was sent.
        Path = "path",
        /// The worker is stopping.
        Stopping = "stopping",
    }
}

words! {
    /// What an answer has changed about its account: `account_change` of `complete_fetch()`, said once.
    AccountChange {
        /// Its calls meet with trouble, and not only one of them.
        Troubled = "troubled",
        /// That is over.
        Well = "well",
        /// It was stopped, and works again.
        Resumed = "resumed",
        /// Nothing is called for a while, because the platform wants it so.
        Paused = "paused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_are_one_to_one() {
        let words: Vec<&str> = Outcome::ALL
            .iter()
            .map(|o| o.word())
            .chain(NoAnswer::ALL.iter().map(|n| n.word()))
            .chain(AccountChange::ALL.iter().map(|c| c.word()))
            .collect();
        // They stand in logs and metrics, where nothing has to be escaped.
        assert!(
            words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')),
            "{words:?}"
        );
        assert_eq!(words.iter().collect::<std::collections::BTreeSet<_>>().len(), words.len(), "{words:?}");
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_word(outcome.word()), Some(*outcome));
        }
        assert_eq!(Outcome::from_word("Done"), None);
        assert_eq!(NoAnswer::from_word(""), None);
    }
}

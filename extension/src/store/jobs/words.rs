//! The words of `fetch_jobs`. Its constraints and comments say the same, which the tests check.

use boxoffice_contract::words;

words! {
    /// Where a job is in its life.
    Status {
        /// To be handed out when it is due.
        Waiting = "waiting",
        /// Handed out.
        Leased = "leased",
        /// A list that is being read will show what it is about.
        Covered = "covered",
        /// Merged.
        Done = "done",
        /// The platform has no such resource.
        Gone = "gone",
        /// Given up.
        Dead = "dead",
        /// One of too many hints of what nobody has heard of.
        Dropped = "dropped",
    }
}

words! {
    /// What a job is for.
    Purpose {
        /// Something has changed.
        Hint = "hint",
        /// A second look at something doubtful.
        Again = "again",
        /// A page of a list.
        Page = "page",
    }
}

/// Which jobs are handed out first: the lowest number. Each has a share of the hour's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Priority {
    /// The account's own list, which shows whether its credential is good.
    Examination = -1,
    /// Hints.
    Hint = 0,
    /// Lists in the place of many hints.
    List = 1,
    /// What somebody has asked for.
    Manual = 2,
    /// What the schedule asks for.
    Scheduled = 3,
    /// Complete readings, and what those have not shown.
    Daily = 4,
    /// A second look at what a stale or torn copy has decided.
    SecondLook = 5,
    /// Hints of what nobody has heard of and no list has shown.
    Doubtful = 6,
}

impl Priority {
    /// All of them, the most urgent first.
    pub const ALL: [Priority; 8] = [
        Priority::Examination,
        Priority::Hint,
        Priority::List,
        Priority::Manual,
        Priority::Scheduled,
        Priority::Daily,
        Priority::SecondLook,
        Priority::Doubtful,
    ];

    /// The number in the column.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The priority of a number; `None` when there is none.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Priority> {
        Self::ALL.into_iter().find(|priority| priority.number() == number)
    }

    /// How the column's comment calls it.
    #[allow(dead_code, reason = "the tests compare it with that comment")]
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Priority::Examination => "the account's own list after a repair",
            Priority::Hint => "hints",
            Priority::List => "lists in their place",
            Priority::Manual => "asked for by hand",
            Priority::Scheduled => "scheduled",
            Priority::Daily => "daily",
            Priority::SecondLook => "second looks",
            Priority::Doubtful => "hints of what nobody has heard of and no list has shown",
        }
    }
}

/// Longest path that can be asked for, in bytes: it stands in indexes.
pub const PATH_MAX: usize = 2000;

/// How many hints of what nobody has heard of may wait for one account.
pub const DOUBTFUL_MAX: i32 = 1000;

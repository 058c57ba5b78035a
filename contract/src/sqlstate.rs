//! What an error of the database means for a delivery. This is the only such table: by it the extension decides which errors
//! end a call, and the worker which are no fault of a delivery, so that its sender is told to come again (HTTP 503).

/// What an error means for the deliveries of the call and for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Something in the call was not acceptable: the deliveries are separated to find out which, so that it does not
    /// hurt its neighbours.
    Item,
    /// Deadlock or serialisation failure: the same call may well succeed now.
    Again,
    /// The server cannot do it at the moment; the connection is fine.
    Trouble,
    /// The session is of no use: function missing or changed, no permission, read-only server. A new session may see
    /// another server or a repaired installation.
    Session,
    /// The connection is gone; whether the call was committed is unknown.
    Lost,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// An SQLSTATE, or its first two characters: the class. The longer match counts.
    pub code: &'static str,
    /// What it means when the call as a whole fails with it.
    pub class: Class,
    /// Raised while a delivery is applied, it says nothing about that delivery: the call ends, and nothing is marked as
    /// failed. Other errors stay with the delivery, since a trigger of the user's may raise anything.
    pub ends_call: bool,
    /// What an operator can be told, without any data.
    pub words: &'static str,
}

const fn row(code: &'static str, class: Class, ends_call: bool, words: &'static str) -> Meaning {
    Meaning { code, class, ends_call, words }
}

const POOLED: &str = "a prepared statement is not there: behind a pooler that shares connections between transactions set \
     BOXOFFICE_POOLER=transaction";

/// Everything that is not [`Class::Item`].
pub const TABLE: &[Meaning] = &[
    row("08", Class::Lost, true, "the connection to the database is lost"),
    row(
        "08P01",
        Class::Lost,
        true,
        "something between worker and database, usually a pooler, does not pass the call on",
    ),
    // "cached plan must not change result type"
    row("0A", Class::Session, false, "the database does not support the call: the extension may be of another version"),
    row("25", Class::Session, true, "the session is in a transaction that has failed or ended"),
    row("25006", Class::Session, true, "the database is read-only: a standby, or default_transaction_read_only is on"),
    row("26", Class::Session, false, POOLED),
    row("28", Class::Session, false, "the database refuses the worker's role or password"),
    row("3D", Class::Session, false, "there is no such database"),
    row("3F", Class::Session, false, "there is no schema boxoffice: the extension is not installed in this database"),
    row("40", Class::Again, true, "deadlocks or conflicting transactions"),
    row(
        "42",
        Class::Session,
        false,
        "the call does not fit the database: the extension is missing or of another version",
    ),
    row(
        "42501",
        Class::Session,
        false,
        "the worker's role lacks a right: SELECT boxoffice.grant_ingress(role) gives it",
    ),
    row("42883", Class::Session, false, "a function is missing: the extension is not installed or of another version"),
    row("42P05", Class::Session, false, POOLED),
    row("53", Class::Trouble, true, "the database has not enough resources"),
    row("53100", Class::Trouble, true, "the disk of the database is full"),
    row("53200", Class::Trouble, true, "the database is out of memory"),
    row("53300", Class::Trouble, true, "the database has no free connection"),
    row("55", Class::Trouble, true, "the database is not in the state that the call needs"),
    row("55P03", Class::Trouble, true, "another session holds a lock that every delivery needs"),
    row("57", Class::Lost, true, "the database is starting, stopping or recovering"),
    // Raised by statement_timeout or by an operator; the session survives.
    row("57014", Class::Trouble, true, "the database is too slow"),
    row("57P04", Class::Lost, true, "the database has been dropped"),
    row("58", Class::Trouble, true, "the database cannot read or write its files"),
    row("58P01", Class::Trouble, true, "a file of the database is missing, perhaps the extension's library"),
    row("F0", Class::Trouble, true, "the configuration of the database is damaged"),
    // XX000 is not here: a Rust panic looks like this, and so does a code of a trigger's own that pgrx does not know.
    row("XX001", Class::Trouble, true, "a table of the database is damaged"),
    row("XX002", Class::Trouble, true, "an index of the database is damaged"),
];

const ITEM: Meaning = row("", Class::Item, false, "the database does not take a delivery");

/// What an SQLSTATE means.
pub fn meaning(sqlstate: &str) -> Meaning {
    let of = |code: &str| TABLE.iter().find(|row| row.code == code);
    of(sqlstate).or_else(|| of(sqlstate.get(..2)?)).copied().unwrap_or(ITEM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_means() {
        for (codes, class, ends_call) in [
            (&["22P02", "23505", "P0001", "54000", "XX000", ""][..], Class::Item, false),
            (&["40001", "40P01"], Class::Again, true),
            (
                &["53100", "53200", "53300", "53400", "55P03", "55000", "57014", "58030", "58P01", "F0001"],
                Class::Trouble,
                true,
            ),
            (&["XX001", "XX002"], Class::Trouble, true),
            (&["57P01", "57P02", "57P03", "57P04", "57P05", "08006", "08P01", "08003"], Class::Lost, true),
            (&["25006", "25P02", "25P03"], Class::Session, true),
            (
                &["42883", "42501", "42P01", "42P05", "0A000", "26000", "28P01", "28000", "3D000", "3F000"],
                Class::Session,
                false,
            ),
        ] {
            for code in codes {
                assert_eq!((meaning(code).class, meaning(code).ends_call), (class, ends_call), "{code}");
            }
        }
    }

    #[test]
    fn the_longer_match_counts() {
        assert_eq!(meaning("57014").class, Class::Trouble);
        assert_eq!(meaning("57P01").class, Class::Lost);
        assert_eq!(meaning("57P01").code, "57");
        assert_eq!(meaning("25006").code, "25006");
        assert_eq!(meaning("25P02").code, "25");
    }

    #[test]
    fn anything_else_may_be_the_delivery() {
        for sqlstate in ["22P02", "23505", "P0001", "54000", "XX000", "ZX123", "", "5", "€x"] {
            assert_eq!(meaning(sqlstate), ITEM, "{sqlstate}");
        }
    }

    #[test]
    fn the_table_is_well_formed() {
        for (place, row) in TABLE.iter().enumerate() {
            assert!(matches!(row.code.len(), 2 | 5), "{}", row.code);
            assert_ne!(row.class, Class::Item, "{}", row.code);
            assert!(!row.words.is_empty() && !row.words.contains('"'), "{}", row.code);
            assert!(TABLE[place + 1..].iter().all(|other| other.code != row.code), "{} stands twice", row.code);
        }
    }
}

//! Errors of the database, in words that may be logged.

use std::error::Error as _;

use boxoffice_contract::sqlstate;

use crate::store::{Class, StoreError};

/// A message for the log is cut here, in characters.
const MESSAGE_MAX: usize = 200;

pub(super) fn lost(message: &str) -> StoreError {
    StoreError { class: Class::Lost, sqlstate: None, message: message.to_owned() }
}

/// What went wrong, in words that may be logged.
pub(super) fn failure(error: &tokio_postgres::Error) -> StoreError {
    if let Some(db) = error.as_db_error() {
        let code = db.code().code();
        return StoreError {
            class: sqlstate::meaning(code).class,
            sqlstate: Some(code.to_owned()),
            message: without_data(code, db.message()),
        };
    }
    // Not from the server: the connection, the handshake, or rows of another shape than the contract says.
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    lost(&message.chars().take(MESSAGE_MAX).collect::<String>())
}

/// The primary message as it may be logged. Where a message quotes data (`invalid input syntax for type integer: "Jane
/// Doe"`) everything between the first and the last quotation mark is left out; where it quotes names of objects they
/// are what the operator needs.
fn without_data(sqlstate: &str, message: &str) -> String {
    let names_only = matches!(sqlstate.get(..2), Some("08" | "23" | "28" | "3D" | "3F" | "42" | "53" | "55" | "57"));
    let text = match message.split_once('"') {
        Some((before, rest)) if !names_only => {
            let after = rest.rsplit_once('"').map_or("", |(_, after)| after);
            format!("{before}\"...\"{after}")
        }
        _ => message.to_owned(),
    };
    text.chars().take(MESSAGE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_not_logged() {
        let message = "invalid input syntax for type integer: \"Jane \"X\" Doe\"";
        assert_eq!(without_data("22P02", message), "invalid input syntax for type integer: \"...\"");
        assert_eq!(without_data("XX000", "unterminated \"Jane"), "unterminated \"...\"");
        let names = "permission denied for function \"x\"";
        assert_eq!(without_data("42501", names), names);
        assert_eq!(without_data("22000", &"x".repeat(1000)).len(), MESSAGE_MAX);
    }
}

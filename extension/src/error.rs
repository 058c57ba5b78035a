//! Everything that can go wrong, and how PostgreSQL says it: SQLSTATE, message, detail, hint.

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::panic::ErrorReport;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug)]
pub enum Error {
    /// An argument that may not be NULL is; names it.
    Null(&'static str),
    /// An argument has a value that makes no sense.
    Argument {
        /// What is wrong with it.
        message: String,
        /// What would be right.
        hint: &'static str,
    },
    /// There is no such delivery.
    NotFound(String),
    /// A call is refused; says all there is to say.
    Refused {
        /// SQLSTATE.
        code: PgSqlErrorCode,
        /// Primary message.
        message: String,
        /// What can be done.
        hint: Option<&'static str>,
    },
    /// A body cannot be used.
    Body(boxoffice_core::Error),
    /// More than can be dealt with.
    TooMuch {
        /// Of what.
        message: String,
        /// What can be done.
        hint: &'static str,
    },
    /// The server interface refused; carries its own words.
    Spi(String),
    /// Nothing can be written here; says why not.
    ReadOnly(&'static str),
    /// Another session holds a lock for longer than can be waited.
    Locked,
    /// A statement failed inside a subtransaction that has been rolled back.
    Statement {
        /// SQLSTATE.
        code: PgSqlErrorCode,
        /// Primary message.
        message: String,
    },
}

impl Error {
    /// A value is NULL that must not be.
    pub fn null(message: &str) -> Error {
        let code = PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED;
        Error::Refused { code, message: message.to_owned(), hint: None }
    }

    /// A value makes no sense.
    pub fn invalid(message: &str) -> Error {
        let code = PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE;
        Error::Refused { code, message: message.to_owned(), hint: None }
    }

    /// There is no such thing.
    pub fn not_found(message: String, hint: &'static str) -> Error {
        Error::Refused { code: PgSqlErrorCode::ERRCODE_NO_DATA_FOUND, message, hint: Some(hint) }
    }

    /// SQLSTATE of the error.
    pub fn code(&self) -> PgSqlErrorCode {
        match self {
            Error::Null(_) => PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            Error::Argument { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Error::NotFound(_) => PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            Error::Body(error) => body_code(error),
            Error::TooMuch { .. } => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Error::Spi(_) => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            Error::ReadOnly(_) => PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            Error::Locked => PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
            Error::Refused { code, .. } | Error::Statement { code, .. } => *code,
        }
    }

    /// Primary message, in PostgreSQL's style: one line, factual, no full stop.
    pub fn message(&self) -> String {
        match self {
            Error::Null(argument) => format!("{argument} must not be null"),
            Error::Argument { message, .. }
            | Error::TooMuch { message, .. }
            | Error::NotFound(message)
            | Error::Refused { message, .. } => message.clone(),
            Error::Body(error) => error.to_string(),
            Error::Spi(message) => format!("could not run a statement of boxoffice: {message}"),
            Error::ReadOnly(why) => format!("nothing can be written: {why}"),
            Error::Locked => "another session holds a lock on the order, or on a row or table that it needs".to_owned(),
            Error::Statement { message, .. } => message.clone(),
        }
    }

    /// What the user can do, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::Null(_) => Some("Nothing was stored."),
            Error::Refused { hint, .. } => *hint,
            Error::Argument { hint, .. } | Error::TooMuch { hint, .. } => Some(hint),
            Error::NotFound(_) => {
                Some("SELECT id, status FROM boxoffice.webhook_logs lists the deliveries that are kept.")
            }
            Error::Body(boxoffice_core::Error::Unknown(_)) => {
                Some("docs/SQL.md lists platforms, kinds and event types.")
            }
            Error::Body(_) => Some("Nothing was stored. explain_webhook() shows each step for a delivery."),
            Error::ReadOnly(_) => {
                Some("Nothing was stored. Connect to the primary server, in a transaction that may write.")
            }
            Error::Locked => Some("pg_blocking_pids() and pg_locks show who holds it."),
            Error::Spi(_) | Error::Statement { .. } => None,
        }
    }
}

/// SQLSTATE of a body that cannot be used.
pub fn body_code(error: &boxoffice_core::Error) -> PgSqlErrorCode {
    use boxoffice_core::Error as Body;
    match error {
        Body::NotUtf8(_) => PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
        Body::Empty | Body::NotJson(_) => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
        Body::Shape(_) | Body::Address(_) => PgSqlErrorCode::ERRCODE_DATA_EXCEPTION,
        Body::Amount(_) => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        Body::Unknown(_) => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
    }
}

/// The five characters of an SQLSTATE.
pub fn sqlstate(code: PgSqlErrorCode) -> String {
    let packed = code as i32;
    (0..5).map(|i| char::from(u8::try_from((packed >> (6 * i)) & 0x3f).unwrap_or(0) + b'0')).collect()
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> ErrorReport {
        let report = ErrorReport::new(error.code(), error.message(), "boxoffice");
        match error.hint() {
            Some(hint) => report.set_hint(hint),
            None => report,
        }
    }
}

impl From<boxoffice_core::Error> for Error {
    fn from(error: boxoffice_core::Error) -> Error {
        Error::Body(error)
    }
}

impl From<pgrx::spi::SpiError> for Error {
    fn from(error: pgrx::spi::SpiError) -> Error {
        Error::Spi(error.to_string())
    }
}

//! The only place that reads messages of Postgres and of libpq: diesel doesn't expose SQLSTATE, so only the text is left.
//! The server's messages are in English (the logins' `lc_messages` is `C`, else no connection is made).

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::messages;
use super::{Busy, Error, Fault, FieldError};

/// What a class of errors means to the client; none: it is no matter of the moment.
fn meaning(code: &str) -> Option<Busy> {
    Some(match code {
        "25006" => Busy::ReadOnly,
        "25P03" | "25P04" => Busy::Closed,
        "40001" => Busy::Serialization,
        "40P01" | "55P03" => Busy::Lock,
        "53300" | "57P03" => Busy::Refused,
        "57014" => Busy::Statement,
        _ if code.starts_with("57") => Busy::Closed,
        _ if code.starts_with("53") || code.starts_with("58") => Busy::Resources,
        _ => return None,
    })
}

/// libpq's own words, which have no code.
const CLIENT: &[&str] = &[
    "server closed the connection",
    "connection to server",
    "could not connect",
    "could not receive data",
    "could not send data",
    "no connection to the server",
    "connection not open",
    "connection reset",
    "connection refused",
    "broken pipe",
    "lost synchronization with server",
    "ssl connection has been closed",
    // A pooler's, in the words of an older server.
    "terminating connection",
];

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        classify(error)
    }
}

/// Sorts a failure of the database by what can be done about it.
///
/// A constraint that failed stays an internal error that carries the constraint's name, until the code that
/// wrote says what it means ([`super::OnConstraint`]): an unforeseen one is a bug.
/// There is deliberately no `NotFound → 404`: a row of ours that is missing isn't the client's mistake.
pub fn classify(error: DieselError) -> Error {
    let DieselError::DatabaseError(kind, info) = &error else {
        return other(error);
    };
    let message = info.message();
    let lower = message.to_lowercase();
    if let Some(busy) = busy(kind, message, &lower) {
        if let Busy::Resources | Busy::ReadOnly = busy {
            tracing::warn!(error = message, "the database can't do it now");
        }
        return Error::Busy(busy);
    }
    if lower.contains("invalid byte sequence") || lower.contains("unsupported unicode escape") {
        return Error::Invalid(vec![FieldError::new("", "nul", "text must not hold the character NUL")]);
    }
    if lower.contains("permission denied") {
        return internal(format!("{message} (a right is missing in db-roles.sql: this login's code needs it)"));
    }
    Error::Internal(Fault {
        cause: format!("{kind:?}: {message}{}", info.details().map(|_| " (with detail)").unwrap_or_default()),
        constraint: info.constraint_name().map(str::to_owned),
    })
}

fn busy(kind: &DatabaseErrorKind, message: &str, lower: &str) -> Option<Busy> {
    match kind {
        DatabaseErrorKind::ClosedConnection => return Some(Busy::Closed),
        DatabaseErrorKind::SerializationFailure => return Some(Busy::Serialization),
        DatabaseErrorKind::ReadOnlyTransaction => return Some(Busy::ReadOnly),
        // A constraint's message quotes the client's values: they must not be mistaken for the server's words.
        DatabaseErrorKind::UniqueViolation
        | DatabaseErrorKind::ForeignKeyViolation
        | DatabaseErrorKind::NotNullViolation
        | DatabaseErrorKind::ExclusionViolation
        | DatabaseErrorKind::RestrictViolation
        | DatabaseErrorKind::CheckViolation => return None,
        _ => {}
    }
    let message = message.strip_prefix("FATAL:").map_or(message, str::trim_start);
    if let Some(code) = messages::code(message) {
        return meaning(code);
    }
    // Syntax and type errors quote input, and they begin with these words.
    if lower.starts_with("invalid input") || lower.starts_with("syntax error") {
        return None;
    }
    CLIENT.iter().any(|text| lower.contains(text)).then_some(Busy::Closed)
}

fn other(error: DieselError) -> Error {
    match error {
        DieselError::BrokenTransactionManager => Error::Busy(Busy::Closed),
        DieselError::RollbackErrorOnCommit { rollback_error, commit_error } => match classify(*commit_error) {
            busy @ Error::Busy(_) => busy,
            _ => classify(*rollback_error),
        },
        // Values that can't be sent: diesel refuses NUL in text before Postgres sees it.
        DieselError::InvalidCString(_) => {
            Error::Invalid(vec![FieldError::new("", "nul", "text must not hold the character NUL")])
        }
        error => internal(error.to_string()),
    }
}

fn internal(cause: String) -> Error {
    Error::Internal(Fault { cause, constraint: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(kind: DatabaseErrorKind, message: &str) -> Error {
        classify(DieselError::DatabaseError(kind, Box::new(message.to_owned())))
    }

    #[test]
    fn every_message_means_what_the_table_says() {
        use Busy::*;
        let table = [
            ("canceling statement due to statement timeout", Statement),
            ("canceling statement due to lock timeout", Lock),
            ("could not obtain lock on row in relation \"usage\"", Lock),
            ("deadlock detected", Lock),
            ("could not serialize access due to concurrent update", Serialization),
            ("FATAL:  remaining connection slots are reserved for non-replication superuser connections", Refused),
            ("FATAL:  too many connections for role \"registry_reader\"", Refused),
            ("FATAL:  sorry, too many clients already", Refused),
            ("FATAL:  the database system is shutting down", Refused),
            ("FATAL:  the database system is starting up", Refused),
            ("FATAL:  the database system is in recovery mode", Refused),
            ("terminating connection due to administrator command", Closed),
            ("terminating connection because of crash of another server process", Closed),
            ("terminating connection due to idle-in-transaction timeout", Closed),
            ("server closed the connection unexpectedly\n\tThis probably means the server terminated", Closed),
            ("connection to server at \"127.0.0.1\", port 5432 failed: Connection refused", Closed),
            ("no connection to the server\n", Closed),
            ("could not extend file \"base/1/2\": No space left on device", Resources),
            ("temporary file size exceeds temp_file_limit (1kB)", Resources),
            ("out of shared memory", Resources),
            ("cannot execute UPDATE in a read-only transaction", ReadOnly),
            ("cannot execute SELECT FOR UPDATE during recovery", ReadOnly),
            ("could not receive data from server: Connection reset by peer", Closed),
        ];
        for (message, busy) in table {
            assert_eq!(database(DatabaseErrorKind::Unknown, message), Error::Busy(busy), "{message}");
        }
    }

    #[test]
    fn kinds_come_before_words() {
        assert_eq!(database(DatabaseErrorKind::ClosedConnection, "?"), Error::Busy(Busy::Closed));
        assert_eq!(database(DatabaseErrorKind::SerializationFailure, "?"), Error::Busy(Busy::Serialization));
        let named = database(DatabaseErrorKind::UniqueViolation, "duplicate key (deadlock detected)");
        assert!(matches!(named, Error::Internal(_)), "a client's text isn't the server's: {named:?}");
        let typed =
            database(DatabaseErrorKind::Unknown, "invalid input syntax for type uuid: \"too many connections\"");
        assert!(matches!(typed, Error::Internal(_)), "{typed:?}");
    }

    #[test]
    fn a_missing_right_is_our_mistake_and_says_where() {
        let Error::Internal(fault) = database(DatabaseErrorKind::Unknown, "permission denied for view persons") else {
            panic!("not internal");
        };
        assert!(fault.cause.contains("db-roles.sql"));
    }

    #[test]
    fn nul_is_the_clients_mistake() {
        let error = database(DatabaseErrorKind::Unknown, "invalid byte sequence for encoding \"UTF8\": 0x00");
        assert!(matches!(error, Error::Invalid(_)));
        let json = database(DatabaseErrorKind::Unknown, "unsupported Unicode escape sequence");
        assert!(matches!(json, Error::Invalid(_)));
    }

    #[test]
    fn a_missing_row_of_ours_is_no_404() {
        assert!(matches!(classify(DieselError::NotFound), Error::Internal(_)));
    }
}

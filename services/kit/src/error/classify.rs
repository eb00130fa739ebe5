//! The only place that reads Postgres's messages. diesel doesn't expose SQLSTATE, so only the text is left:
//! the logins' `lc_messages` is pinned to `C`, and the table below is tested line by line.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::{Busy, Error, Fault, FieldError};

/// What to look for in a message, in this order, and what it means.
const BUSY: &[(&str, Busy)] = &[
    ("canceling statement due to statement timeout", Busy::Statement),
    ("canceling statement due to lock timeout", Busy::Lock),
    ("could not obtain lock", Busy::Lock),
    ("deadlock detected", Busy::Lock),
    ("could not serialize access", Busy::Serialization),
    ("canceling statement due to conflict with recovery", Busy::Serialization),
    ("remaining connection slots", Busy::Refused),
    ("too many connections", Busy::Refused),
    ("sorry, too many clients", Busy::Refused),
    ("the database system is", Busy::Refused),
    ("out of memory", Busy::Refused),
    ("could not resize shared memory", Busy::Refused),
    ("terminating connection", Busy::Closed),
    ("server closed the connection", Busy::Closed),
    ("connection to server", Busy::Closed),
    ("could not connect", Busy::Closed),
    ("could not receive data", Busy::Closed),
    ("could not send data", Busy::Closed),
    ("no connection to the server", Busy::Closed),
    ("connection not open", Busy::Closed),
    ("connection reset", Busy::Closed),
    ("connection refused", Busy::Closed),
    ("broken pipe", Busy::Closed),
    ("lost synchronization with server", Busy::Closed),
    ("ssl connection has been closed", Busy::Closed),
    ("idle-in-transaction timeout", Busy::Closed),
    // PostgreSQL's words for an operator's cancel, which pg_cancel_backend sends.
    ("canceling statement due to user request", Busy::Statement),
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
    if let Some(busy) = busy(kind, &lower) {
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

fn busy(kind: &DatabaseErrorKind, message: &str) -> Option<Busy> {
    match kind {
        DatabaseErrorKind::ClosedConnection => return Some(Busy::Closed),
        DatabaseErrorKind::SerializationFailure => return Some(Busy::Serialization),
        // A constraint's message quotes the client's values: they must not be mistaken for the server's words.
        DatabaseErrorKind::UniqueViolation
        | DatabaseErrorKind::ForeignKeyViolation
        | DatabaseErrorKind::NotNullViolation
        | DatabaseErrorKind::CheckViolation => return None,
        _ => {}
    }
    // Syntax and type errors quote input as well, and they begin with these words.
    if message.starts_with("invalid input") || message.starts_with("syntax error") {
        return None;
    }
    BUSY.iter().find(|(text, _)| message.contains(text)).map(|(_, busy)| *busy)
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

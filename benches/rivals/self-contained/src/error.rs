//! Why a part of the log doesn't go on.

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bad settings: tried again it would fail again.
    #[error("{0}")]
    Usage(String),
    /// What was looked for was found, and stays.
    #[error("{0}")]
    Found(String),
    /// Another relay of the service is at work now.
    #[error("another relay has taken over")]
    TakenOver,
    /// The broker is away, or refuses.
    #[error("Kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// The database is away, or refuses.
    #[error("the database: {}", connection::sentence(.0))]
    Database(#[from] postgres::Error),
    /// The database can't be reached.
    #[error("the database: {0}")]
    Connection(#[from] connection::Error),
    /// Something of the machine.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// Whether a row couldn't be written because of what stands in it: then it is the same each time.
    pub(crate) fn is_of_the_data(&self) -> bool {
        self.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }

    /// Whether somebody else was in the way: a lock that wasn't given in time, a deadlock.
    pub(crate) fn may_pass(&self) -> bool {
        self.code().is_some_and(|code| ["55P03", "40P01", "40001"].contains(&code))
    }

    /// Whether another relay has fenced this one off.
    pub(crate) fn is_taken_over(&self) -> bool {
        use rdkafka::types::RDKafkaErrorCode::{Fenced, InvalidProducerEpoch, ProducerFenced};
        match self {
            Self::TakenOver => true,
            Self::Kafka(error) => error
                .rdkafka_error_code()
                .is_some_and(|code| [Fenced, InvalidProducerEpoch, ProducerFenced].contains(&code)),
            _ => false,
        }
    }

    fn code(&self) -> Option<&str> {
        match self {
            Self::Database(error) => error.code().map(postgres::error::SqlState::code),
            _ => None,
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(format!("JSON: {error}"))
    }
}

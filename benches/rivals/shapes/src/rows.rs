//! How APIs are read: by Registry's own function on a connection of a pool.

use diesel::PgConnection;
use diesel::r2d2::{ConnectionManager, Pool};
use kit::Error;
pub use registry::read::{Api, ApiKey};

/// Connections.
pub type Connections = Pool<ConnectionManager<PgConnection>>;

/// What stands under a key; `None` where it couldn't be read.
pub type Answer = Option<Result<Api, Error>>;

/// Each key's answer, in their order.
pub fn find(pool: &Connections, keys: &[ApiKey]) -> Vec<Answer> {
    #[expect(clippy::disallowed_methods, reason = "no product: there is no kit::Db here")]
    let connection = pool.get().map_err(|error| error.to_string());
    let found = connection.and_then(|mut connection| {
        registry::read::find_all(&mut connection, keys).map_err(|error| format!("{error:?}"))
    });
    match found {
        Ok(answers) => answers.into_iter().map(Some).collect(),
        Err(error) => {
            eprintln!("{error}");
            keys.iter().map(|_| None).collect()
        }
    }
}

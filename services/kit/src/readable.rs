//! Readiness: every column the binary knows of exists and can be read by its logins.

use std::sync::Arc;

use diesel::PgConnection;
use diesel::result::QueryResult;

type Select = dyn Fn(&mut PgConnection) -> QueryResult<usize> + Send + Sync;

/// One table or view that must be readable, all its declared columns.
#[derive(Clone)]
pub struct Probe {
    /// Its path in the code, for the log.
    pub name: &'static str,
    pub(crate) run: Arc<Select>,
}

impl Probe {
    /// A probe; services write [`crate::readable!`].
    pub fn new(
        name: &'static str,
        run: impl Fn(&mut PgConnection) -> QueryResult<usize> + Send + Sync + 'static,
    ) -> Self {
        Self { name, run: Arc::new(run) }
    }
}

/// `kit::readable!(schema::apis, views::persons)`: the probes of these tables and views, for [`crate::Routes::ready`].
///
/// Each selects all declared columns of no row, as the reader and as the writer: extra columns never make it fail.
#[macro_export]
macro_rules! readable {
    ($($($table:ident)::+),+ $(,)?) => {
        ::std::vec![$($crate::Probe::new(stringify!($($table)::+), |connection| {
            use $crate::__private::diesel::{QueryDsl as _, RunQueryDsl as _};
            $($table)::+::table.limit(0).execute(connection)
        })),+]
    };
}

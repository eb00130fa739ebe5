//! Readiness: the database answers, every table and view can be read, the writer can write, and what works in the background gets on.

use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use diesel::connection::{AnsiTransactionManager, TransactionManager as _};
use diesel::{PgConnection, RunQueryDsl as _};
use serde_json::json;

use crate::app::App;
use crate::error::{Busy, Error};
use crate::idempotency;
use crate::readable::Probe;

/// Whoever asks is answered within this time, whatever the database does.
const WITHIN: Duration = Duration::from_millis(1500);

crate::statement! {
    /// Whether this session takes no writes; of a standby it is on, too.
    struct FindReadOnly() -> Bool =
        "select s.setting = 'on' from pg_catalog.pg_settings s where s.name = 'transaction_read_only'"
}

pub(super) async fn readyz(app: Data<App>) -> HttpResponse {
    let began = Instant::now();
    let mut failed: Vec<String> = app.checks.iter().filter_map(|check| check().err()).collect();
    if app.draining() {
        failed.push("stopping".to_owned());
    }
    failed.extend(app.threads.stalled());
    let (db, probes) = (app.db.clone(), app.probes.clone());
    let read = app.lanes.read.run(move || db.read(|c| failing(&probes, c)));
    let (db, probes, name) = (app.db.clone(), app.probes.clone(), app.name);
    let table = app.keeps_answers.then_some(name);
    let write = app.lanes.write.run(move || {
        let big = db.sides()[1].refuses();
        db.write_unbound(|c| {
            let failed = failing(&probes, c)?;
            try_to_write(c, table, big)?;
            Ok(failed)
        })
        .inspect(|_| db.sides()[1].wrote())
    });
    // Side by side: they don't wait for one another.
    let both = futures_util::future::join(within(read), within(write)).await;
    for ((role, result), side) in [("reader", both.0), ("writer", both.1)].into_iter().zip(app.db.sides()) {
        match result {
            Ok(what) => failed.extend(what.into_iter().map(|what| format!("{what} by the {role}"))),
            // Busy is not away: taken out of service for that, its load would fall on the other instances. Somebody was answered meanwhile.
            Err(Error::Busy(Busy::Queue)) if app.threads.answered_within(began.elapsed()) => {}
            Err(Error::Busy(Busy::Resources)) => {
                failed.push(format!("the database lacks space, memory or files for the {role}"))
            }
            Err(Error::Busy(Busy::ReadOnly)) => {
                failed.push(
                    "nothing can be written: the server is a standby, or default_transaction_read_only is on"
                        .to_owned(),
                );
            }
            Err(_) => match side.trouble() {
                Some(trouble) => failed.push(format!("the {role} is not served: {trouble}")),
                None => failed.push(format!("the database doesn't answer the {role}")),
            },
        }
    }
    if failed.is_empty() {
        return HttpResponse::Ok().json(json!({ "ready": true }));
    }
    tracing::warn!(service = app.name, failed = ?failed, "not ready");
    HttpResponse::ServiceUnavailable()
        .insert_header((header::RETRY_AFTER, "1"))
        .json(json!({ "ready": false, "failed": failed }))
}

/// The answer if it comes in time; one that still waits then is told from one that hangs by whether others are answered.
async fn within<T>(answer: impl Future<Output = (Result<T, Error>, crate::db::Timing)>) -> Result<T, Error> {
    match tokio::time::timeout(WITHIN, answer).await {
        Ok((result, _)) => result,
        Err(_) => Err(Error::Busy(Busy::Queue)),
    }
}

/// What can't be read; an error if the database isn't there at all.
fn failing(probes: &[Probe], c: &mut PgConnection) -> Result<Vec<String>, Error> {
    use diesel::connection::SimpleConnection as _;
    c.batch_execute("select 1")?;
    let mut failed = Vec::new();
    for probe in probes {
        match (probe.run)(c).map_err(Error::from) {
            Ok(_) => {}
            Err(busy @ Error::Busy(_)) => return Err(busy),
            Err(error) => {
                tracing::warn!(probe = probe.name, error = %error, "can't be read");
                failed.push(format!("{} can't be read", probe.name));
            }
        }
    }
    Ok(failed)
}

/// Proves that a row can be written, and takes it back: a big one where the last write was refused, since a small one may find
/// space in a page that is there already. A service without a table for it (Notification) only asks whether writing is allowed.
fn try_to_write(c: &mut PgConnection, table: Option<&'static str>, big: bool) -> Result<(), Error> {
    let read_only: bool = FindReadOnly {}.get_result(c)?;
    if read_only {
        return Err(Error::Busy(Busy::ReadOnly));
    }
    let Some(schema) = table else {
        return Ok(());
    };
    AnsiTransactionManager::begin_transaction(c)?;
    let written = idempotency::try_to_write(c, schema, if big { 64 * 1024 } else { 1 });
    AnsiTransactionManager::rollback_transaction(c)?;
    written
}

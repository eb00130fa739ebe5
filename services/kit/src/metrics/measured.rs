//! What a service measures in its database when it is asked: lags, progress.

use std::sync::Arc;

use diesel::PgConnection;
use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};

use crate::Error;
use crate::db::Db;
use crate::threads::Lane;

/// The values of one gauge, each with the values of its labels.
pub type Values = Vec<(Vec<String>, f64)>;

type Read = dyn Fn(&mut PgConnection) -> Result<Values, Error> + Send + Sync;

/// One gauge that is read on the service's reader for each look at `/metrics`.
#[derive(Clone)]
pub struct Measured {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    read: Arc<Read>,
}

impl Measured {
    /// A gauge: `read` must be cheap, and names nobody (no ids, no names).
    pub fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        read: impl Fn(&mut PgConnection) -> Result<Values, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { name, help, labels, read: Arc::new(read) }
    }
}

/// All of them as text. One that can't be read now is left out: monitoring sees that it is missing.
pub(super) async fn text(
    registry: Registry,
    db: &Db,
    lane: &Lane,
    measured: &[Measured],
) -> Result<String, prometheus::Error> {
    for gauge in measured {
        let (db, read) = (db.clone(), Arc::clone(&gauge.read));
        match lane.run(move || db.read(|c| read(c))).await.0 {
            Ok(values) => {
                let vec = GaugeVec::new(Opts::new(gauge.name, gauge.help), gauge.labels)?;
                for (labels, value) in values {
                    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                    vec.get_metric_with_label_values(&labels)?.set(value);
                }
                registry.register(Box::new(vec))?;
            }
            Err(error) => tracing::warn!(gauge = gauge.name, error = %error, "can't be measured"),
        }
    }
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

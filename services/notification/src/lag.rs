//! How far behind the feeds notifications are, for `/metrics`.

use chrono::{DateTime, Utc};
use diesel::RunQueryDsl as _;
use kit::{Clock, Measured};

/// The age of the oldest change that hasn't been worked through: found by the feed's index, whatever waits behind it.
macro_rules! age {
    ($feed:literal) => {
        concat!(
            "select f.feed, coalesce((select extract(epoch from $1 - c.at) from published.",
            $feed,
            "_changes c where (c.xid, c.id) > (f.xid, f.id) order by c.xid, c.id limit 1), 0)::float8 \
             from notification.feed_cursors f where f.feed = '",
            $feed,
            "'"
        )
    };
}

kit::statement! {
    /// Each feed's, in seconds; 0 where nothing waits.
    struct Lags(now: DateTime<Utc> as Timestamptz) -> (Text, Double) =
        concat!(age!("account"), " union all ", age!("profile"), " union all ", age!("registry"), " union all ", age!("billing"))
}

/// `feed_lag_seconds`, by feed.
pub fn measured(clock: Clock) -> Measured {
    let help = "Age of the oldest change that has no notifications yet.";
    Measured::new("feed_lag_seconds", help, &["feed"], move |connection| {
        let rows = Lags { now: clock.now() }.load::<(String, f64)>(connection)?;
        Ok(rows.into_iter().map(|(feed, seconds)| (vec![feed], seconds)).collect())
    })
}

//! What pgbench wrote: its log, a line for each transaction, as samples; and its own summary, which both must agree with.

use std::path::Path;

use crate::Failure;
use crate::load::driver::{Outcome, ServiceRecord};

/// What a failed transaction is taken to last where a number is needed: it is counted at the time-out in any case.
const FAILED_US: u64 = crate::result::CENSORED_US;

/// One transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    script: usize,
    /// End, microseconds since 1970.
    end_us: u64,
    /// From when it was due to its end, microseconds; none where it failed.
    time_us: Option<u64>,
    /// From when it was due to its begin.
    lag_us: u64,
}

/// All transactions of one pgbench.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log(Vec<Sample>);

/// What pgbench says of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Transactions that succeeded.
    pub transactions: u64,
    /// Transactions that failed after all their tries.
    pub failed: u64,
    /// Mean time of those that succeeded, from when each was due, milliseconds; pgbench prints three decimals.
    pub latency_ms: f64,
    /// Mean of how late they began, likewise.
    pub lag_ms: f64,
    /// How long connecting took, milliseconds.
    pub connecting_ms: f64,
}

impl Log {
    /// Reads every file of a log.
    ///
    /// # Errors
    /// When one can't be read, or has a line of another form.
    pub fn read<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for file in files {
            let wrong = |why: &str| Failure::could_not_run(format!("The log of pgbench {}: {why}.", file.display()));
            let text = std::fs::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
            for line in text.lines() {
                all.push(sample(line).ok_or_else(|| wrong(&format!("unknown line `{line}`")))?);
            }
        }
        Ok(Self(all))
    }

    /// The same figures as pgbench's summary, computed from the log alone.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let good: Vec<(u64, u64)> = self.0.iter().filter_map(|one| Some((one.time_us?, one.lag_us))).collect();
        let mean = |sum: u64| 0.001 * sum as f64 / good.len().max(1) as f64;
        Summary {
            transactions: good.len() as u64,
            failed: (self.0.len() - good.len()) as u64,
            latency_ms: mean(good.iter().map(|(time, _)| time).sum()),
            lag_ms: mean(good.iter().map(|(_, lag)| lag).sum()),
            connecting_ms: 0.0,
        }
    }

    /// As the driver of `lab run` would have recorded it: what was due in `measured_s` from `from_us` on counts.
    #[must_use]
    pub fn record(&self, service: &str, scripts: &[String], from_us: u64, measured_s: f64) -> ServiceRecord {
        let until_us = from_us + (measured_s * 1e6) as u64;
        let mut record = ServiceRecord {
            service: service.to_owned(),
            driven: self.0.len() as u64,
            measured_s,
            backlog: vec![0; measured_s as usize],
            ..ServiceRecord::default()
        };
        for one in &self.0 {
            let due_us = one.end_us.saturating_sub(one.time_us.unwrap_or(one.lag_us));
            for (second, waiting) in record.backlog.iter_mut().enumerate() {
                let at_us = from_us + (second as u64 + 1) * 1_000_000;
                *waiting += u64::from(due_us <= at_us && one.end_us > at_us);
            }
            if due_us < from_us || due_us >= until_us {
                continue;
            }
            let (outcome, time_us) = match one.time_us {
                Some(time_us) => (Outcome::Ok, time_us),
                None => (Outcome::ServerError, FAILED_US),
            };
            record.offered += 1;
            record.response.entry(outcome).or_default().record_us(time_us);
            let endpoint = scripts.get(one.script).cloned().unwrap_or_default();
            record.endpoints.entry(endpoint).or_default().response.entry(outcome).or_default().record_us(time_us);
            record.lag.record_us(one.lag_us);
            record.service_time.record_us(time_us.saturating_sub(one.lag_us));
        }
        record.in_flight_max = self.in_flight_max();
        record
    }

    /// Transactions that were under way at the same time, at the most.
    fn in_flight_max(&self) -> usize {
        let begun = self.0.iter().filter_map(|one| Some((one.end_us - one.time_us?.min(one.end_us) + one.lag_us, 1)));
        let mut moments: Vec<(u64, i64)> = begun.chain(self.0.iter().map(|one| (one.end_us, -1))).collect();
        moments.sort_unstable();
        let (mut now, mut most) = (0_i64, 0);
        for (_, change) in moments {
            now += change;
            most = most.max(now);
        }
        usize::try_from(most).unwrap_or(0)
    }
}

/// `client number time script epoch µs lag [retries]`; the time is a word where it failed.
fn sample(line: &str) -> Option<Sample> {
    let mut fields = line.split_ascii_whitespace();
    let time = fields.nth(2)?;
    let number = |text: Option<&str>| text?.parse::<u64>().ok();
    let script = number(fields.next())?;
    let (seconds, micros, lag_us) = (number(fields.next())?, number(fields.next())?, number(fields.next())?);
    let time_us = match time {
        "failed" => None,
        time => Some(time.parse().ok()?),
    };
    Some(Sample { script: usize::try_from(script).ok()?, end_us: seconds * 1_000_000 + micros, time_us, lag_us })
}

impl Summary {
    /// Reads what pgbench printed.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let after = |start: &str| text.lines().find_map(|line| line.trim().strip_prefix(start)).map(str::trim);
        let first = |of: &str| of.split([' ', '/']).next().unwrap_or_default().to_owned();
        let transactions = first(after("number of transactions actually processed:")?).parse().ok()?;
        // Where none succeeded there are no means.
        let mean =
            |of: Option<&str>| of.map_or_else(|| (transactions == 0).then_some(0.0), |of| first(of).parse().ok());
        Some(Self {
            transactions,
            // Before PostgreSQL 15 there was none: every failure ended the client.
            failed: after("number of failed transactions:").and_then(|of| first(of).parse().ok()).unwrap_or(0),
            latency_ms: mean(after("latency average ="))?,
            lag_ms: mean(after("rate limit schedule lag: avg"))?,
            connecting_ms: after("initial connection time =").and_then(|of| first(of).parse().ok()).unwrap_or(0.0),
        })
    }

    /// Whether what pgbench printed is what the log holds: the same counts, and its means are these rounded to three decimals. A mean in
    /// the middle of two such numbers may be rounded either way: pgbench computes the two means in different orders, in floating point.
    #[must_use]
    pub fn agrees(&self, log: &Self) -> bool {
        let rounded = |printed: f64, exact: f64| (printed - exact).abs() < 0.000_501;
        (self.transactions, self.failed) == (log.transactions, log.failed)
            && rounded(self.latency_ms, log.latency_ms)
            && rounded(self.lag_ms, log.lag_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "0 0 1500 0 100 2000 500\n1 0 failed 1 101 0 100 0\n0 1 900 1 101 500000 0\n";

    fn log() -> Log {
        Log(LINES.lines().map(|line| sample(line).unwrap()).collect())
    }

    #[test]
    fn a_line_is_a_transaction_from_when_it_was_due() {
        let record = log().record("pay", &["a".into(), "b".into()], 100_000_000, 2.0);
        assert_eq!((record.offered, record.driven), (3, 3));
        assert_eq!(record.response[&Outcome::Ok].count(), 2);
        assert!(record.response[&Outcome::ServerError].quantile_us(0.5) >= Some(FAILED_US));
        assert_eq!(record.endpoints["b"].response[&Outcome::Ok].count(), 1);
        assert_eq!(record.service_time.quantile_us(0.01), Some(900));
        // The second one was due at 100.9999 and ended at 101, so nobody waits at the end of a second.
        assert_eq!(record.backlog, [0, 0]);
        assert_eq!(log().record("pay", &[], 101_000_000, 1.0).offered, 1);
    }

    #[test]
    fn the_figures_of_the_summary() {
        let said = "number of transactions actually processed: 2\nnumber of failed transactions: 1 (33.333%)\n\
            latency average = 1.200 ms\nlatency stddev = 0.300 ms\nrate limit schedule lag: avg 0.250 (max 0.500) ms\n\
            initial connection time = 3.125 ms\n";
        let said = Summary::read(said).unwrap();
        assert_eq!(said.connecting_ms, 3.125);
        assert!(said.agrees(&log().summary()), "{:?} {said:?}", log().summary());
        assert!(!said.agrees(&Log(log().0[1..].to_vec()).summary()));
        // 1.2005 ms: pgbench prints 1.200 or 1.201, by the order in which it divides.
        let tie = Summary { latency_ms: 1.2005, ..log().summary() };
        let printed = |latency_ms| Summary { latency_ms, ..said.clone() };
        assert!(printed(1.200).agrees(&tie) && printed(1.201).agrees(&tie));
        assert!(!printed(1.199).agrees(&tie) && !printed(1.202).agrees(&tie));
        let none = Summary::read("number of transactions actually processed: 0\n").unwrap();
        assert!(none.agrees(&Log::default().summary()));
        assert_eq!(Summary::read("number of transactions actually processed: 1\n"), None);
        assert!(sample("0 0 skipped 0 100 2000 500").is_none());
    }
}

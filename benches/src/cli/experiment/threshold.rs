//! `--fail-on`: a bound for one cell of the matrix.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::Failure;
use crate::result::{Entry, Matrix, Metric};

/// `service<-other.metric>ratio`: the slowdown of a service while another one runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    service: String,
    while_running: String,
    metric: Metric,
    ratio: f64,
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = "it must look like registry<-billing.oneIn20>2 (metrics: oneIn20, p50, p95, oneIn100, p99)";
        let parts = || {
            let (service, rest) = text.split_once("<-")?;
            let (pair, ratio) = rest.split_once('>')?;
            let (others, metric) = pair.rsplit_once('.')?;
            let metric = serde_json::from_value(serde_json::Value::String(metric.to_owned())).ok()?;
            let ratio = ratio.trim().parse().ok().filter(|ratio: &f64| ratio.is_finite())?;
            Some(Self { service: service.trim().to_owned(), while_running: others.trim().to_owned(), metric, ratio })
        };
        parts().ok_or_else(|| shape.to_owned())
    }
}

impl Threshold {
    /// Why the matrix can't say whether it is broken: a sentence. A pair that was not measured at all is a usage error.
    pub fn unanswered(&self, matrix: &Matrix) -> Result<Option<String>, Failure> {
        let pair = |entry: &&Entry| entry.service == self.service && entry.while_running == self.while_running;
        if !matrix.entries.iter().any(|entry| pair(&entry)) {
            let pairs = matrix.entries.iter().map(|entry| format!("{}<-{}", entry.service, entry.while_running));
            let pairs: Vec<String> = pairs.collect::<BTreeSet<_>>().into_iter().collect();
            return Err(Failure::usage(format!(
                "--fail-on: {}<-{} was not measured; there are {}.",
                self.service,
                self.while_running,
                pairs.join(", ")
            )));
        }
        let enough_data =
            matrix.entries.iter().filter(pair).any(|entry| entry.metric == self.metric && entry.enough_data);
        Ok((!enough_data).then(|| format!("--fail-on: insufficient data for {} at that metric.", self.pair())))
    }

    /// A sentence, where there is enough data and the whole interval lies above the bound.
    pub fn broken_by(&self, matrix: &Matrix) -> Option<String> {
        let entry = matrix.entries.iter().find(|entry| {
            entry.service == self.service && entry.while_running == self.while_running && entry.metric == self.metric
        })?;
        let estimate = entry.estimate.filter(|estimate| entry.enough_data && estimate.low > self.ratio)?;
        Some(format!(
            "{}: {:.2} (95 % interval from {:.2}) is above {}.",
            self.pair(),
            estimate.ratio,
            estimate.low,
            self.ratio
        ))
    }

    fn pair(&self) -> String {
        match self.while_running.as_str() {
            "all" => format!("{} while all others run", self.service),
            other => format!("{} while {other} runs", self.service),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Estimate;

    fn matrix(low: f64, enough_data: bool) -> Matrix {
        let estimate = Some(Estimate { ratio: low * 1.1, low, high: low * 1.2, p: 0.01, replicates: 4 });
        let entry = Entry {
            service: "registry".into(),
            while_running: "billing".into(),
            metric: Metric::OneIn20,
            estimate,
            p_adjusted: Some(0.01),
            enough_data,
            tail_n: 200,
        };
        Matrix { entries: vec![entry], ..Matrix::default() }
    }

    #[test]
    fn only_a_whole_interval_above_the_bound_breaks_it() {
        let threshold: Threshold = "registry<-billing.oneIn20>2".parse().unwrap();
        assert!(threshold.broken_by(&matrix(2.1, true)).is_some());
        assert!(threshold.broken_by(&matrix(1.9, true)).is_none());
        assert!(threshold.broken_by(&matrix(2.1, false)).is_none());
    }

    #[test]
    fn what_nobody_measured_does_not_pass() {
        let asked = |text: &str| text.parse::<Threshold>().unwrap().unanswered(&matrix(2.1, false));
        assert!(asked("regstry<-billing.oneIn20>2").is_err());
        assert!(asked("registry<-biling.oneIn20>2").is_err());
        assert!(asked("registry<-billing.oneIn20>2").unwrap().is_some());
        let threshold: Threshold = "registry<-billing.oneIn20>2".parse().unwrap();
        assert_eq!(threshold.unanswered(&matrix(1.0, true)).unwrap(), None);
    }

    #[test]
    fn what_is_no_threshold_is_told_the_shape() {
        for bad in ["", "registry", "registry<-billing>2", "registry<-billing.p51>2", "a<-b.p50>x", "a<-b.p50>NaN"] {
            assert!(bad.parse::<Threshold>().unwrap_err().contains("oneIn20"), "{bad}");
        }
    }
}

//! `--fail-on`: a bound for one cell of the matrix.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::Failure;
use crate::design::{Cell, Preset};
use crate::result::{Entry, Matrix, Metric, others_run, while_running};

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

/// Refuses bounds for pairs that a run of these services with this preset doesn't measure: before the run, not after it.
///
/// # Errors
/// A usage error that names the pairs there are, and the preset with more where that has the one asked for.
pub fn check(thresholds: &[Threshold], preset: Preset, services: &[String]) -> Result<(), Failure> {
    let measured = pairs(preset, services);
    let Some(unknown) = thresholds.iter().find(|one| !measured.contains(&one.key())) else {
        return Ok(());
    };
    let names: Vec<&str> = measured.iter().map(String::as_str).collect();
    let longer = pairs(Preset::Quick, services).contains(&unknown.key());
    let hint = if longer { " Services in pairs are measured by --preset quick and longer ones." } else { "" };
    Err(Failure::usage(format!(
        "--fail-on: {} isn't measured by this run; there are {}.{hint}",
        unknown.key(),
        names.join(", ")
    )))
}

/// `service<-other` of every combination.
fn pairs(preset: Preset, services: &[String]) -> BTreeSet<String> {
    let driven = preset.services(services);
    let cells = preset.cells(&driven);
    let of = |cell: &Cell| -> Vec<String> {
        let members = cell.members(&driven).into_iter().map(|service| (service, while_running(cell, service)));
        members
            .filter(|(_, others)| others_run(others))
            .map(|(service, others)| format!("{service}<-{others}"))
            .collect()
    };
    cells.iter().flat_map(of).collect()
}

impl Threshold {
    fn key(&self) -> String {
        format!("{}<-{}", self.service, self.while_running)
    }

    /// Why the matrix can't say whether it is broken: a sentence.
    pub fn unanswered(&self, matrix: &Matrix) -> Option<String> {
        let asked = |entry: &&Entry| {
            entry.service == self.service && entry.while_running == self.while_running && entry.metric == self.metric
        };
        let enough_data = matrix.entries.iter().filter(asked).any(|entry| entry.enough_data);
        (!enough_data).then(|| format!("--fail-on: insufficient data for {} at that metric.", self.pair()))
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
            left_out: 0,
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
        let threshold: Threshold = "registry<-billing.oneIn20>2".parse().unwrap();
        assert!(threshold.unanswered(&matrix(2.1, false)).is_some());
        assert_eq!(threshold.unanswered(&matrix(1.0, true)), None);
    }

    #[test]
    fn an_unknown_pair_is_refused_before_anything_is_measured() {
        let services = ["account", "billing", "registry"].map(str::to_owned);
        let refused =
            |text: &str, preset| check(&[text.parse().unwrap()], preset, &services).err().map(|of| of.to_string());
        for wrong in ["regstry<-billing.oneIn20>2", "registry<-biling.oneIn20>2", "registry<-registry.p50>2"] {
            let said = refused(wrong, Preset::Quick).unwrap();
            assert!(said.contains("registry<-billing") && said.contains("registry<-all"), "{said}");
        }
        assert_eq!(refused("registry<-billing.oneIn20>2", Preset::Quick), None);
        assert_eq!(refused("registry<-all.oneIn20>2", Preset::Demo), None);
        let said = refused("registry<-billing.oneIn20>2", Preset::Demo).unwrap();
        assert!(said.contains("--preset quick"), "{said}");
    }

    #[test]
    fn what_is_no_threshold_is_told_the_shape() {
        for bad in ["", "registry", "registry<-billing>2", "registry<-billing.p51>2", "a<-b.p50>x", "a<-b.p50>NaN"] {
            assert!(bad.parse::<Threshold>().unwrap_err().contains("oneIn20"), "{bad}");
        }
    }
}

//! `--fail-on`: a bound for one cell of the matrix.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::Failure;
use crate::design::{Cell, Preset};
use crate::result::{Entry, Matrix, Metric, others_run, while_running};

/// `service<-other.metric>ratio`: the slowdown of a service while another one runs. `service:metric:ratio x`: whatever else runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    service: String,
    /// None: in every combination.
    while_running: Option<String>,
    metric: Metric,
    ratio: f64,
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = "it must look like registry<-billing.oneIn20>2, or registry:oneIn20:2x for whatever else runs (metrics: oneIn20, p50, \
            p95, oneIn100, p99)";
        let parts = || {
            let (service, others, metric, ratio) = match text.split_once("<-") {
                Some((service, rest)) => {
                    let (pair, ratio) = rest.split_once('>')?;
                    let (others, metric) = pair.rsplit_once('.')?;
                    (service, Some(others.trim().to_owned()), metric, ratio.trim())
                }
                None => {
                    let (rest, ratio) = text.rsplit_once(':')?;
                    let (service, metric) = rest.rsplit_once(':')?;
                    (service, None, metric, ratio.trim().trim_end_matches('x'))
                }
            };
            let metric = serde_json::from_value(serde_json::Value::String(metric.to_owned())).ok()?;
            let ratio = ratio.parse().ok().filter(|ratio: &f64| ratio.is_finite())?;
            Some(Self { service: service.trim().to_owned(), while_running: others, metric, ratio })
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
    let is_in = |one: &Threshold, pairs: &Pairs| pairs.iter().any(|(service, others)| one.is_of(service, others));
    let Some(unknown) = thresholds.iter().find(|one| !is_in(one, &measured)) else {
        return Ok(());
    };
    let names: Vec<String> = measured.iter().map(|(service, others)| format!("{service}<-{others}")).collect();
    let longer = is_in(unknown, &pairs(Preset::Quick, services));
    let hint = if longer { " Services in pairs are measured by --preset quick and longer ones." } else { "" };
    let others = unknown.while_running.as_ref().map_or_else(String::new, |others| format!("<-{others}"));
    Err(Failure::usage(format!(
        "--fail-on: {}{others} isn't measured by this run; there are {}.{hint}",
        unknown.service,
        names.join(", ")
    )))
}

/// Services, each with what else runs.
type Pairs = BTreeSet<(String, String)>;

/// Every combination.
fn pairs(preset: Preset, services: &[String]) -> Pairs {
    let driven = preset.services(services);
    let cells = preset.cells(&driven);
    let of = |cell: &Cell| -> Vec<(String, String)> {
        let members =
            cell.members(&driven).into_iter().map(|service| (service.to_owned(), while_running(cell, service)));
        members.filter(|(_, others)| others_run(others)).collect()
    };
    cells.iter().flat_map(of).collect()
}

impl Threshold {
    fn is_of(&self, service: &str, while_running: &str) -> bool {
        self.service == service && self.while_running.as_deref().is_none_or(|others| others == while_running)
    }

    fn asked<'a>(&'a self, matrix: &'a Matrix) -> impl Iterator<Item = &'a Entry> {
        let of = |entry: &&Entry| self.is_of(&entry.service, &entry.while_running) && entry.metric == self.metric;
        matrix.entries.iter().filter(of)
    }

    /// Why the matrix can't say whether it is broken: a sentence.
    pub fn unanswered(&self, matrix: &Matrix) -> Option<String> {
        let without: Vec<String> = self
            .asked(matrix)
            .filter(|entry| !entry.enough_data)
            .map(|of| pair(&of.service, &of.while_running))
            .collect();
        let of = if self.asked(matrix).next().is_some() { without.join(", ") } else { self.service.clone() };
        (!of.is_empty()).then(|| format!("--fail-on: insufficient data for {of} at that metric."))
    }

    /// A sentence for each combination in which there is enough data and the whole interval lies above the bound.
    pub fn broken_by(&self, matrix: &Matrix) -> Vec<String> {
        let above = self.asked(matrix).filter_map(|entry| {
            let estimate = entry.estimate.filter(|estimate| entry.enough_data && estimate.low > self.ratio)?;
            Some(format!(
                "{}: {:.2} (95 % interval from {:.2}) is above {}.",
                pair(&entry.service, &entry.while_running),
                estimate.ratio,
                estimate.low,
                self.ratio
            ))
        });
        above.collect()
    }
}

fn pair(service: &str, while_running: &str) -> String {
    match while_running {
        "all" => format!("{service} while all others run"),
        other => format!("{service} while {other} runs"),
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
        let broken = |low, enough_data| threshold.broken_by(&matrix(low, enough_data)).len();
        assert_eq!([broken(2.1, true), broken(1.9, true), broken(2.1, false)], [1, 0, 0]);
    }

    #[test]
    fn a_service_alone_means_whatever_else_runs() {
        let threshold: Threshold = "registry:oneIn20:2x".parse().unwrap();
        let mut matrix = matrix(2.1, true);
        let calm = Entry { while_running: "account".into(), enough_data: false, ..matrix.entries[0].clone() };
        let other = Entry { service: "account".into(), ..matrix.entries[0].clone() };
        matrix.entries.extend([calm, other]);
        let [broken] = &threshold.broken_by(&matrix)[..] else { panic!("{:?}", threshold.broken_by(&matrix)) };
        assert!(broken.starts_with("registry while billing runs: "), "{broken}");
        let unanswered = threshold.unanswered(&matrix).unwrap();
        assert!(unanswered.contains("for registry while account runs at"), "{unanswered}");
        assert_eq!("registry:oneIn20:2".parse(), Ok(threshold));
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
        for wrong in
            ["regstry<-billing.oneIn20>2", "registry<-biling.oneIn20>2", "registry<-registry.p50>2", "regstry:p50:2x"]
        {
            let said = refused(wrong, Preset::Quick).unwrap();
            assert!(said.contains("registry<-billing") && said.contains("registry<-all"), "{said}");
        }
        assert_eq!(refused("registry<-billing.oneIn20>2", Preset::Quick), None);
        assert_eq!(refused("registry<-all.oneIn20>2", Preset::Demo), None);
        assert_eq!(refused("registry:oneIn20:2x", Preset::Demo), None);
        let said = refused("registry<-billing.oneIn20>2", Preset::Demo).unwrap();
        assert!(said.contains("--preset quick"), "{said}");
    }

    #[test]
    fn what_is_no_threshold_is_told_the_shape() {
        for bad in [
            "",
            "registry",
            "registry<-billing>2",
            "registry<-billing.p51>2",
            "a<-b.p50>x",
            "a<-b.p50>NaN",
            "a:p51:2x",
            "a:p50:x",
            "p50:2x",
        ] {
            assert!(bad.parse::<Threshold>().unwrap_err().contains("oneIn20"), "{bad}");
        }
    }
}

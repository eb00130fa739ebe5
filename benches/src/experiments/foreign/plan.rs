//! What is asked of a target, how often, and the result that is to be filled.

use std::collections::BTreeMap;

use crate::Failure;
use crate::load::schedule::Workload;
use crate::measure::plan::{Options, read};
use crate::result::ServiceInfo;
use crate::target::{TargetFile, probe};

/// Requests per second of all services together, unless something else is given.
const RATE_PER_S: f64 = 100.0;

pub(super) fn refusal(missing: &[String]) -> String {
    let what = if missing.is_empty() {
        "The target doesn't keep the contract everywhere".to_owned()
    } else {
        format!("The target lacks {}", missing.join(", "))
    };
    format!(
        "{what}: see above. With --allow-partial it is measured without; the share of what is missing goes to the rest, and the result says so."
    )
}

/// The workload without what the target doesn't have, and what that is.
pub(super) fn kept(asked: &Workload, target: &TargetFile, found: &probe::Report) -> (Workload, Vec<String>) {
    let absent = found.missing();
    let mut missing = Vec::new();
    let mut services = BTreeMap::new();
    for (name, of) in &asked.services {
        let mut of = of.clone();
        let there = target.services.contains_key(name);
        of.endpoints.retain(|endpoint| {
            let lacks = |(service, operation): &(String, String)| service == name && *operation == endpoint.name;
            let has = there && !absent.iter().any(lacks);
            if !has {
                missing.push(format!("{name}: {}", endpoint.name));
            }
            has
        });
        if !of.endpoints.is_empty() {
            services.insert(name.clone(), of);
        }
    }
    (Workload { services }, missing)
}

pub(super) fn rates(options: &Options, target: &TargetFile, workload: &Workload) -> Result<Vec<ServiceInfo>, Failure> {
    let given = options.rates_from.as_deref().map(read).transpose()?;
    let total: f64 = workload.services.values().map(|of| of.weight).sum();
    let names: Vec<String> = workload.services.keys().cloned().collect();
    let infos = options.preset.services(&names).into_iter().map(|name| {
        let of = &workload.services[&name];
        let theirs = given.iter().flat_map(|of| &of.services).find(|of| of.name == name);
        let own = target.rates.get(&name).copied().or(of.rate_per_s);
        ServiceInfo {
            rate_per_s: theirs.map(|of| of.rate_per_s).or(own).unwrap_or(RATE_PER_S * of.weight / total),
            cpu_s_per_request: 0.0,
            knee_per_s: None,
            endpoints: of.endpoints.iter().map(|one| (one.name.clone(), one.share)).collect(),
            name,
        }
    });
    let infos: Vec<ServiceInfo> = infos.collect();
    if infos.is_empty() {
        return Err(Failure::usage("Nothing of the workload is left for this target and preset."));
    }
    Ok(infos)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::experiments::foreign::CONTRACT;

    fn target(text: &str) -> TargetFile {
        TargetFile::parse(text).unwrap()
    }

    use crate::result::Check;

    fn check(operation: &str, found: Option<&str>) -> Check {
        Check {
            service: "registry".into(),
            wanted: String::new(),
            operation: Some(operation.into()),
            found: found.map(str::to_owned),
        }
    }

    /// What is missing is dropped and named; the shares of the rest stay as they are, so they get it between them.
    #[test]
    fn what_a_target_lacks_is_dropped_and_named() {
        let asked = Workload::parse(CONTRACT).unwrap();
        let found =
            probe::Report { checks: vec![check("find-api", None), check("create-api", Some("404"))], skipped: vec![] };
        let only = target("[services]\nregistry = \"http://r\"");
        let (workload, missing) = kept(&asked, &only, &found);
        assert_eq!(workload.services.len(), 1);
        let left = &workload.services["registry"].endpoints;
        assert_eq!(left.len(), 4);
        assert!(missing.contains(&"registry: create-api".to_owned()), "{missing:?}");
        assert!(missing.contains(&"profile: find-profile".to_owned()), "{missing:?}");
        assert!(refusal(&missing).contains("--allow-partial"));
    }

    #[test]
    fn own_rates_come_before_weights() {
        let asked = Workload::parse(CONTRACT).unwrap();
        let rated = target("[services]\nregistry = \"http://r\"\n[rates]\nregistry = 7");
        let options = Options {
            layout: crate::system::Layout::default(),
            preset: crate::design::Preset::Demo,
            seed: 1,
            results: PathBuf::new(),
            workload: None,
            utilisation: 0.6,
            size: crate::data::Size::TINY,
            optimised: true,
            rates_from: None,
        };
        let infos = rates(&options, &rated, &asked).unwrap();
        let of = |name: &str| infos.iter().find(|of| of.name == name).unwrap().rate_per_s;
        assert_eq!(of("registry"), 7.0);
        assert!((of("profile") - 100.0 * 2.0 / 9.0).abs() < 1e-9);
    }
}

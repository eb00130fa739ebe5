//! Which services have too few transactions for what a preset shall say of them: known before anything is measured.

use super::workload::SqlWorkload;
use crate::design::{Preset, REQUESTS_FOR_SHARE};
use crate::result::Metric;
use crate::result::text::capital;

/// A sentence for each service that is too seldom for the share of slow requests, and the rate and the preset at which it wouldn't be. None of a
/// preset that concludes nothing of any service.
pub fn too_seldom(workload: &SqlWorkload, preset: Preset) -> Vec<String> {
    let least = preset.rate_for_share_per_s();
    let (replicates, _) = Metric::OneIn20.needs();
    if preset.replicates() < replicates {
        return Vec::new();
    }
    let seldom = workload.services.iter().filter(|(_, of)| of.rate_per_s < least);
    let sentence = |name: &str, rate: f64| {
        let needed_s = REQUESTS_FOR_SHARE / rate;
        let longer = [Preset::Standard, Preset::Full].into_iter().find(|of| of.measured_s() >= needed_s);
        let longer = match longer {
            Some(of) => format!("--preset {}, which measures {:.0} s", of.name(), of.measured_s()),
            None => "no preset measures so long".to_owned(),
        };
        format!(
            "{} is too seldom for the share of its slow requests ({rate} per second, and --preset {} measures {:.0} s of each arrangement): its median \
             is compared all the same. The share needs {:.0} per second, or {needed_s:.0} s ({longer}).",
            capital(name),
            preset.name(),
            preset.measured_s(),
            least.ceil()
        )
    };
    seldom.map(|(name, of)| sentence(name, of.rate_per_s)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(rate: f64, preset: Preset) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.sql"), "select 1;").unwrap();
        let file = folder.path().join("workload.toml");
        let service = |name: &str, rate: f64| {
            format!("[services.{name}]\nrate-per-s = {rate:?}\nscripts = [{{ file = \"a.sql\" }}]\n")
        };
        std::fs::write(&file, service("pay", rate) + &service("often", 1000.0)).unwrap();
        too_seldom(&SqlWorkload::read(&file).unwrap(), preset)
    }

    #[test]
    fn who_is_too_seldom_hears_the_rate_and_the_duration() {
        let found = said(20.0, Preset::Quick);
        assert_eq!(found.len(), 1, "{found:?}");
        for part in ["Pay is too seldom", "(20 per second", "69 per second, or 110 s (--preset standard, "] {
            assert!(found[0].contains(part), "{part}: {found:?}");
        }
        assert!(said(4.0, Preset::Quick)[0].contains("or 550 s (--preset full, which measures 600 s)"));
        assert!(said(0.5, Preset::Standard)[0].contains("or 4400 s (no preset measures so long)"));
    }

    #[test]
    fn who_is_not_is_not_named() {
        let none = Vec::<String>::new();
        assert_eq!([said(69.0, Preset::Quick), said(20.0, Preset::Standard)], [none.clone(), none.clone()]);
        assert_eq!(said(0.1, Preset::Smoke), none, "nothing is concluded of it in any case");
    }
}

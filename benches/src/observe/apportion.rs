//! Whose use of the processors made others wait for them: a model, not an observation.
//!
//! What a party waited in the run queue during a window is split over everybody who used a processor in that window, in
//! proportion. Its own part is its own doing and is booked on itself.

use std::collections::BTreeMap;

use super::cpu::CpuTimes;

/// Seconds by (waiting, blamed).
#[derive(Clone, Debug, Default)]
pub struct Apportioned(BTreeMap<(String, String), f64>);

impl Apportioned {
    /// Adds one window's (on a processor, waiting for one) by party.
    pub fn window(&mut self, parties: &BTreeMap<String, CpuTimes>) {
        let total: f64 = parties.values().map(|(cpu, _)| cpu.max(0.0)).sum();
        if total <= 0.0 {
            return;
        }
        for (waiting, (_, queued)) in parties.iter().filter(|(_, (_, queued))| *queued > 0.0) {
            for (blamed, (cpu, _)) in parties.iter().filter(|(_, (cpu, _))| *cpu > 0.0) {
                *self.0.entry((waiting.clone(), blamed.clone())).or_default() +=
                    queued * cpu / total;
            }
        }
    }

    /// (waiting, blamed, seconds), largest first; what is below a tenth of a millisecond is left out.
    pub fn lines(self) -> Vec<(String, String, f64)> {
        let mut lines: Vec<_> = self
            .0
            .into_iter()
            .filter(|(_, seconds)| *seconds >= 1e-4)
            .map(|((waiting, blamed), seconds)| (waiting, blamed, seconds))
            .collect();
        lines.sort_by(|a, b| b.2.total_cmp(&a.2));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_split_by_use() {
        let parties = [("a", (0.3, 0.8)), ("b", (0.9, 0.0)), ("c", (0.0, 0.1))]
            .map(|(name, times)| (name.to_owned(), times))
            .into();
        let mut blame = Apportioned::default();
        blame.window(&parties);
        let lines = blame.lines();
        let of = |waiting: &str, blamed: &str| {
            let line = lines
                .iter()
                .find(|line| line.0 == waiting && line.1 == blamed);
            line.map_or(0.0, |line| line.2)
        };
        assert!((of("a", "b") - 0.6).abs() < 1e-12 && (of("a", "a") - 0.2).abs() < 1e-12);
        assert!((of("c", "b") - 0.075).abs() < 1e-12);
        assert_eq!(of("b", "a"), 0.0);
    }
}

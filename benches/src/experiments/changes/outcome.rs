//! The outcome of `lab changes`, as JSON and in sums.

use std::collections::{BTreeMap, BTreeSet};

use schema::impact::Verdict;
use serde::{Deserialize, Serialize};

use super::evaluate::{Evaluated, World};
use super::story::Story;
use super::verify::Reality;

/// Everything. Its JSON is `benches/results/reference/changes.json`, and what the report embeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Of this form: 1.
    pub version: u32,
    /// Distinct statements of the five services that changes were evaluated against.
    pub statements: usize,
    /// Change by change.
    pub changes: Vec<Evaluated>,
    /// Sums where readers read published views.
    pub with_views: Sums,
    /// Sums where readers read tables.
    pub without_views: Sums,
    /// Whether it is what really happens; only where that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// What a shared database is good at.
    pub stories: Vec<Story>,
}

/// Of all changes, in one world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sums {
    /// Services that must deploy together with a change, over all changes: the sum of the coordination numbers.
    pub deployments: usize,
    /// The largest coordination number.
    pub most: usize,
    /// Changes that their owner can't make alone, because another service breaks, gives something or must agree on a meaning.
    pub not_alone: usize,
    /// Seconds that each service's statements waited, together; empty where that wasn't measured.
    pub blocked_s: BTreeMap<String, f64>,
}

impl Sums {
    /// Of one world of all changes.
    pub fn of<'a>(worlds: impl Iterator<Item = &'a World>) -> Self {
        let mut sums = Self::default();
        for world in worlds {
            sums.deployments += world.deploy_together.len();
            sums.most = sums.most.max(world.deploy_together.len());
            sums.not_alone += usize::from(!world.consent.is_empty());
            for (service, effect) in &world.services {
                if let Some(seconds) = effect.blocked_s {
                    *sums.blocked_s.entry(service.clone()).or_default() += seconds;
                }
            }
        }
        sums
    }
}

/// What `impact` predicts for each pair of change and service, compared with what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Pairs of change and service compared.
    pub pairs: usize,
    /// Pairs in which something really broke.
    pub broke: usize,
    /// Evaluated as safe, and it broke: `02-split-name registry: 42703`. Must be empty.
    pub false_safe: Vec<String>,
    /// Evaluated as breaking, and nothing happened.
    pub false_breaks: Vec<String>,
    /// What really broke, by change and service.
    pub reality: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

/// At the most this share of pairs may be evaluated as breaking while nothing happens.
const FALSE_BREAKS_MAX: f64 = 0.05;

impl Agreement {
    /// Compares.
    pub fn of(tried: &[(&Evaluated, Reality)]) -> Self {
        let mut agreement = Self::default();
        for (evaluated, reality) in tried {
            for (service, effect) in &evaluated.with_views.services {
                let broke = reality.broke.get(service);
                let said = effect.verdict >= Verdict::LosesGrant;
                let how = || {
                    let words = broke.unwrap_or(&effect.how);
                    let words: Vec<_> = words.iter().map(String::as_str).collect();
                    format!("{} {service}: {}", evaluated.name, words.join(", "))
                };
                agreement.pairs += 1;
                agreement.broke += usize::from(broke.is_some());
                match (said, broke.is_some()) {
                    (false, true) => agreement.false_safe.push(how()),
                    (true, false) => agreement.false_breaks.push(how()),
                    _ => {}
                }
            }
            if !reality.broke.is_empty() {
                agreement.reality.insert(evaluated.name.clone(), reality.broke.clone());
            }
        }
        agreement
    }

    /// Nothing that broke was called safe, and hardly anything was called broken that wasn't.
    pub fn is_good(&self) -> bool {
        self.false_safe.is_empty() && self.false_breaks_share() <= FALSE_BREAKS_MAX
    }

    /// Share of the pairs.
    pub fn false_breaks_share(&self) -> f64 {
        self.false_breaks.len() as f64 / self.pairs.max(1) as f64
    }
}

impl Report {
    /// Of what was evaluated and tried.
    pub fn of(statements: usize, changes: Vec<Evaluated>, agreement: Option<Agreement>, stories: Vec<Story>) -> Self {
        Self {
            version: 1,
            statements,
            with_views: Sums::of(changes.iter().map(|one| &one.with_views)),
            without_views: Sums::of(changes.iter().map(|one| &one.without_views)),
            changes,
            agreement,
            stories,
        }
    }

    /// Without what a busy machine changes: how long statements waited, how long a wish took.
    pub fn structure(mut self) -> Self {
        for world in self.changes.iter_mut().flat_map(|one| [&mut one.with_views, &mut one.without_views]) {
            for effect in world.services.values_mut() {
                effect.blocked_s = None;
                if matches!(effect.verdict, Verdict::Blocks { .. } | Verdict::Slower) {
                    effect.verdict = Verdict::Safe;
                }
            }
        }
        for sums in [&mut self.with_views, &mut self.without_views] {
            sums.blocked_s.clear();
        }
        for step in self.stories.iter_mut().flat_map(|story| &mut story.here) {
            step.seconds = None;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::changes::evaluate::Effect;

    fn evaluated(verdict: Verdict) -> Evaluated {
        let effect = Effect { verdict, broken: 0, how: BTreeSet::from(["42703".to_owned()]), blocked_s: Some(1.5) };
        let world = World {
            services: BTreeMap::from([("billing".to_owned(), effect)]),
            deploy_together: BTreeSet::from(["billing".to_owned()]),
            ..World::default()
        };
        Evaluated {
            name: "x".into(),
            title: String::new(),
            owner: "account".into(),
            gain: String::new(),
            loss: String::new(),
            steady: String::new(),
            with_views: world.clone(),
            without_views: world,
        }
    }

    #[test]
    fn disagreement_is_told_by_its_side() {
        let broke = Reality {
            broke: BTreeMap::from([("billing".to_owned(), BTreeSet::from(["500 GET /x".to_owned()]))]),
            ..Reality::default()
        };
        let (safe, breaks) = (evaluated(Verdict::Safe), evaluated(Verdict::BreaksCached));
        let good = Agreement::of(&[(&safe, Reality::default()), (&breaks, broke.clone())]);
        assert!(good.is_good() && good.pairs == 2 && good.broke == 1, "{good:?}");
        let bad = Agreement::of(&[(&safe, broke), (&breaks, Reality::default())]);
        assert_eq!(bad.false_safe, ["x billing: 500 GET /x"]);
        assert_eq!(bad.false_breaks, ["x billing: 42703"]);
        assert!(!bad.is_good());
    }

    #[test]
    fn the_structure_has_no_times() {
        let outcome = Report::of(1, vec![evaluated(Verdict::Blocks { ms: 7 })], None, Vec::new());
        assert_eq!(outcome.with_views.blocked_s.get("billing"), Some(&1.5));
        let structure = outcome.structure();
        assert!(structure.with_views.blocked_s.is_empty());
        assert_eq!(structure.changes[0].with_views.services["billing"].verdict, Verdict::Safe);
        assert_eq!(structure.with_views.deployments, 1);
    }
}

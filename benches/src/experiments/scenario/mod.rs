//! Scenarios: known ways in which services that share a database slow or break one another, each with what must be seen, a control
//! in which nothing must be seen, and a remedy whose gain is measured.
//!
//! An arm's actors are sessions of logins `lab_*` that run SQL, or requests to the services. The naive variants are SQL that
//! the lab runs: nothing of them is in the product. Who waited for whom comes from the lab's one lock loop.

mod all;
mod file;
mod outcome;
mod play;
mod stage;
mod verdict;

pub use crate::measure::sessions::Step;
pub use crate::measure::sessions::{Rounds, Session};
pub use all::{Options, choose, run_all};
pub use file::{Arm, Expectation, Gain, Kind, LadderPlan, MalformedScenario, Measure, Scenario, What};
pub use outcome::{ArmResult, Finding, GainResult, ScenarioResult, Scenarios};
pub use play::{Played, play, sql};
pub use stage::{Stage, Workplace, half};
pub use verdict::value;

use crate::Failure;

/// All scenarios by id, in the order of their files' numbers.
pub const ALL: &[(&str, &str)] = &[
    ("S1", include_str!("../../../scenarios/01-month-end.toml")),
    ("S2", include_str!("../../../scenarios/02-hot-counter.toml")),
    ("S3", include_str!("../../../scenarios/03-plan-limit.toml")),
    ("S4", include_str!("../../../scenarios/04-foreign-keys.toml")),
    ("S7", include_str!("../../../scenarios/07-long-report.toml")),
    ("S8", include_str!("../../../scenarios/08-ddl-queue.toml")),
    ("S9", include_str!("../../../scenarios/09-connections.toml")),
    ("S12", include_str!("../../../scenarios/12-deadlock.toml")),
    ("PD", include_str!("../../../scenarios/20-plan-downgrade.toml")),
];

/// Plays all arms of a scenario, one after another, and evaluates.
///
/// # Errors
/// When its SQL is refused. A signature that is absent is a result.
pub fn run(stage: &Stage<'_>, scenario: &Scenario, seed: u64) -> Result<ScenarioResult, Failure> {
    sql(&stage.database_url, stage, &scenario.setup, "setting up")?;
    let outcome = arms(stage, scenario, seed);
    drop_schemas(&stage.database_url)?;
    let (arms, played) = outcome?;
    let gains: Vec<GainResult> = scenario.gains.iter().map(|gain| verdict::gain(gain, &played)).collect();
    let held = arms.iter().flat_map(|arm| &arm.findings).all(|finding| finding.held);
    Ok(ScenarioResult {
        id: scenario.id.clone(),
        title: scenario.title.clone(),
        lesson: scenario.lesson.clone(),
        passed: held && gains.iter().all(|gain| gain.held),
        arms,
        gains,
    })
}

type Arms = (Vec<ArmResult>, Vec<(String, Played)>);

fn arms(stage: &Stage<'_>, scenario: &Scenario, seed: u64) -> Result<Arms, Failure> {
    let mut results = Vec::new();
    let mut played: Vec<(String, Played)> = Vec::new();
    for arm in &scenario.arms {
        let seconds = arm.seconds.unwrap_or(scenario.seconds);
        let here = stage.here();
        let one = play(stage, arm, seconds, seed, &|_| Some(here.clone()))?;
        results.push(verdict::evaluate(arm, &one, &played));
        played.push((arm.name.clone(), one));
    }
    Ok((results, played))
}

/// Drops every schema of the lab's own.
pub fn drop_schemas(superuser_url: &str) -> Result<(), Failure> {
    use crate::data::{connect, failed};
    let failed = |error| failed("dropping the lab's schemas", &error);
    let mut client = connect(superuser_url)?;
    let rows = client
        .query("select nspname::text from pg_catalog.pg_namespace where nspname like 'lab\\_%'", &[])
        .map_err(failed)?;
    for row in rows {
        let sql = format!("drop schema {} cascade", row.get::<_, &str>(0));
        client.batch_execute(&sql).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_known_and_valid() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let files = std::fs::read_dir(folder).unwrap().flatten();
        // The mix of the matrix isn't a scenario.
        let count = files.filter(|file| !file.file_name().to_string_lossy().starts_with("00-")).count();
        assert_eq!(count, ALL.len());
        for (id, text) in ALL {
            let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(scenario.id, *id);
            let kinds: Vec<Kind> = scenario.arms.iter().map(|arm| arm.kind).collect();
            assert!(kinds.contains(&Kind::Naive), "{id} shows no problem");
            assert!(kinds.iter().any(|kind| matches!(kind, Kind::Ours | Kind::Remedy)), "{id} shows no solution");
        }
    }
}

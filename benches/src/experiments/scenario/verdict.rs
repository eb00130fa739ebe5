//! Whether an arm showed what its scenario says it must.

use super::outcome::{Actor as ActorResult, ArmResult, Finding, GainResult};
use super::play::Played;
use super::{Arm, Expectation, Gain, Measure, What};

/// The number that an arm gives.
pub fn value(measure: &Measure, played: &Played) -> f64 {
    let rounds = measure.actor.as_ref().and_then(|name| played.rounds.get(name));
    let ms = |q: f64| {
        let of = rounds.and_then(|rounds| rounds.times.quantile_us(q));
        of.map_or(0.0, |us| us as f64 / 1000.0)
    };
    match measure.what {
        What::Blocked => blocked(measure, played) / played.seconds.max(1e-9),
        What::Apportioned => apportioned(measure, played) / played.seconds.max(1e-9),
        What::Errors => errors(measure, played) as f64,
        What::PerSecond => rounds.map_or(0, |rounds| rounds.good) as f64 / played.seconds.max(1e-9),
        What::P50 => ms(0.5),
        What::P95 => ms(0.95),
        What::Longest => ms(1.0),
        What::Pool => rounds.map_or(0.0, |rounds| rounds.pool_ms),
        What::Buffers => buffers(measure, played),
        What::Check => {
            let of = measure.check.as_ref().and_then(|name| played.checks.get(name));
            of.copied().unwrap_or(0.0)
        }
    }
}

fn fits(wanted: &Option<String>, is: &String) -> bool {
    wanted.as_ref().is_none_or(|of| of == is)
}

/// Seconds of the ledger's lines that fit. What waits for the lab's own making and dropping of things isn't there: it is
/// not watched.
fn blocked(measure: &Measure, played: &Played) -> f64 {
    let lines = played.seen.ledger.entries.iter().filter(|entry| {
        fits(&measure.waiting, &entry.waiting)
            && fits(&measure.root, &entry.root)
            && fits(&measure.direct, &entry.direct)
            && measure.cause.is_none_or(|cause| cause == entry.cause)
    });
    // The sum of nothing is -0.
    lines.map(|entry| entry.seconds).sum::<f64>().abs()
}

fn errors(measure: &Measure, played: &Played) -> u64 {
    let of = played.rounds.iter().filter(|(name, _)| fits(&measure.actor, name));
    of.flat_map(|(_, rounds)| &rounds.errors)
        .filter(|(code, _)| fits(&measure.code, code))
        .map(|(_, count)| count)
        .sum()
}

fn apportioned(measure: &Measure, played: &Played) -> f64 {
    let lines = played.seen.ledger.apportioned.iter();
    let fitting = lines.filter(|of| {
        fits(&measure.waiting, &of.waiting)
            && fits(&measure.root, &of.blamed)
            && measure.resource.is_none_or(|resource| resource == of.resource)
    });
    fitting.map(|of| of.seconds).sum::<f64>().abs()
}

fn buffers(measure: &Measure, played: &Played) -> f64 {
    let role = measure.waiting.as_ref().and_then(|role| played.seen.roles.get(role));
    role.map_or(0.0, |role| (role.blocks_hit + role.blocks_read) as f64 / role.calls.max(1) as f64)
}

/// In words, such as `blocked lab_profile ← lab_account (row)`.
pub fn describe(measure: &Measure) -> String {
    let plain = |name: serde_json::Value| -> String {
        let letters = name.as_str().unwrap_or_default().chars();
        // Names in files are camelCase or have hyphens; a person reads words.
        letters.fold(String::new(), |text, letter| match letter {
            '-' => text + " ",
            upper if upper.is_uppercase() => format!("{text} {}", upper.to_lowercase()),
            other => format!("{text}{other}"),
        })
    };
    let mut words = vec![plain(serde_json::json!(measure.what))];
    words.extend([&measure.actor, &measure.code, &measure.check, &measure.waiting].into_iter().flatten().cloned());
    words.extend(measure.root.as_ref().map(|root| format!("← {root}")));
    words.extend(measure.direct.as_ref().map(|direct| format!("via {direct}")));
    if let Some(resource) = measure.resource {
        words.push(format!("for {}", resource.name()));
    }
    if let Some(cause) = measure.cause {
        words.push(format!("({})", plain(serde_json::json!(cause))));
    }
    words.join(" ")
}

/// What an arm showed, evaluated; `before` are the arms that ran already.
pub fn evaluate(arm: &Arm, played: &Played, before: &[(String, Played)]) -> ArmResult {
    let finding = |expectation: &Expectation| finding(expectation, played, before);
    ArmResult {
        name: arm.name.clone(),
        kind: arm.kind,
        seconds: played.seconds,
        actors: played
            .rounds
            .iter()
            .map(|(name, rounds)| {
                let ms = |q: f64| rounds.times.quantile_us(q).map(|us| us as f64 / 1000.0);
                ActorResult {
                    name: name.clone(),
                    good: rounds.good,
                    errors: rounds.errors.clone(),
                    p50_ms: ms(0.5),
                    p95_ms: ms(0.95),
                    longest_ms: ms(1.0),
                }
            })
            .collect(),
        ledger: played.seen.ledger.entries.clone(),
        checks: played.checks.clone(),
        findings: arm.expect.iter().map(finding).collect(),
    }
}

fn finding(expectation: &Expectation, played: &Played, before: &[(String, Played)]) -> Finding {
    let measure = &expectation.measure;
    let reference = expectation.relative_to.as_ref().and_then(|name| {
        let arm = before.iter().find(|(of, _)| of == name);
        arm.map(|(_, played)| value(measure, played))
    });
    let measured = value(measure, played) / reference.map_or(1.0, |of| of.max(1e-9));
    let held = expectation.at_least.is_none_or(|least| measured >= least)
        && expectation.at_most.is_none_or(|most| measured <= most);
    let relative = expectation.relative_to.as_ref().map(|name| format!(", times that of “{name}”"));
    Finding {
        what: describe(measure) + &relative.unwrap_or_default(),
        value: measured,
        at_least: expectation.at_least,
        at_most: expectation.at_most,
        held,
    }
}

/// What a remedy gained. Nothing left counts as a thousandth of what there was, so that a problem that is gone stays a number.
pub fn gain(gain: &Gain, arms: &[(String, Played)]) -> GainResult {
    let of = |name: &String| {
        let arm = arms.iter().find(|(of, _)| of == name);
        arm.map_or(0.0, |(_, played)| value(&gain.measure, played))
    };
    let (from, to) = (of(&gain.from), of(&gain.to));
    let factor = from / to.max(from / 1000.0).max(1e-9);
    GainResult {
        says: gain.says.clone(),
        what: describe(&gain.measure),
        from_arm: gain.from.clone(),
        to_arm: gain.to.clone(),
        from,
        to,
        factor,
        held: factor >= gain.at_least,
    }
}

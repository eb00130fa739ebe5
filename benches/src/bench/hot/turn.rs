//! One arm's turn: so many connections ask it for a while.

use std::time::Duration;

use serde_json::Value;

use super::requests::{Kind, Requests};
use super::system::{Arm, Cpu, System};
use crate::Failure;
use crate::load::closed::{self, Seen};
use crate::load::driver::Call;
use crate::system::{Site, agent};

/// What it showed.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Good answers in a second.
    pub per_s: f64,
    /// Half of the good answers came sooner.
    pub p50_ms: f64,
    /// All but one of a hundred.
    pub p99_ms: f64,
    /// Microseconds per good answer.
    pub cpu: Cpu,
    /// Answers that weren't good.
    pub failed: u64,
}

/// Asks for requests of this kind.
pub fn turn(system: &System, arm: &Arm, kind: Kind, connections: usize, length: Duration) -> Result<Turn, Failure> {
    let mut requests = requests(system, arm, kind)?;
    let mut cpu = Vec::new();
    let settings =
        closed::Settings { address: arm.address(), connections, warm_up: Duration::from_millis(300), length };
    let seen = closed::run(settings, &mut || requests.next(), &mut || cpu.push(system.cpu(arm)))?;
    let between = |cpu: &[Cpu]| Some(cpu.last()?.each(*cpu.first()?, seen.latency.count()));
    Ok(Turn {
        per_s: seen.good_per_s(),
        p50_ms: seen.ms(0.5),
        p99_ms: seen.ms(0.99),
        cpu: between(&cpu).unwrap_or_default(),
        failed: seen.failed(),
    })
}

/// Requests of this kind, with names that no others have.
pub fn requests(system: &System, arm: &Arm, kind: Kind) -> Result<Requests, Failure> {
    Requests::new(arm.url(), system.deployment.data(), kind, system.deployment.salt())
}

/// Sends one call that must succeed; its answer.
pub fn ask(call: &Call) -> Result<Value, Failure> {
    let url = call.url.to_string();
    let token = call.authorization.as_ref().and_then(|token| token.to_str().ok()).unwrap_or_default();
    let answer = match &call.body {
        None => agent().get(&url).header("authorization", token).call(),
        Some(body) => {
            let request = agent().post(&url).header("authorization", token).header("content-type", "application/json");
            request.send(&body[..])
        }
    };
    let read = answer.and_then(|mut answer| answer.body_mut().read_json());
    read.map_err(|error| Failure::could_not_run(format!("{} {url}: {error}.", call.method)))
}

/// One connection without a warm-up.
pub fn alone(arm: &Arm, length: Duration, next: &mut dyn FnMut() -> Call) -> Result<Seen, Failure> {
    let settings = closed::Settings { address: arm.address(), connections: 1, warm_up: Duration::ZERO, length };
    closed::run(settings, next, &mut || ())
}

//! `lab bench overload`: three times the load that Registry can answer, for a minute, open loop.
//!
//! Of requests that the driver can send far more of than Registry can answer, so that the driver isn't what is measured.

mod send;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::requests::Kind;
use super::system::{Arm, System};
use super::turn::{alone, requests, turn};
use crate::data::Size;
use crate::load::driver::Outcome as Answered;
use crate::observe::machine;
use crate::result::{Machine, Table};
use crate::system::Relay;
use crate::{Failure, selftest};
use send::part;

/// Which requests there are too many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// Reads with one connection, one statement each, and 5 ms on the way to the database: only connections are scarce
    SlowRead,
    /// Creates of one organisation, which wait for each other and so for the disk; processors are scarce, too
    CreateOne,
}

impl On {
    const SLOW: Duration = Duration::from_millis(5);

    fn kind(self) -> Kind {
        match self {
            Self::SlowRead => Kind::Read,
            Self::CreateOne => Kind::CreateOne,
        }
    }

    /// The same in the driver's words.
    fn operation(self) -> &'static str {
        match self {
            Self::SlowRead => "find-api",
            Self::CreateOne => "create-api",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::SlowRead => "Reads with a pool of one and 5 ms on the way to the database",
            Self::CreateOne => "Creates of one organisation",
        }
    }

    fn registry(self, system: &System, wait_ms: u64) -> Result<Arm, Failure> {
        let wait = ("POOL_WAIT_MS", wait_ms.to_string());
        if self == Self::CreateOne {
            return system.registry("registry", &[wait]);
        }
        let one = |name| (name, "1".to_owned());
        let settings = [wait, one("POOL_READ_SIZE"), one("BATCH_MAX")];
        let slow = Relay::before(&system.deployment.login_url("registry_reader")?)?;
        slow.set_delay(Self::SLOW);
        system.registry_reading_at("registry", &settings, slow.url())
    }
}

/// How it is measured.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Of what.
    pub on: On,
    /// Seconds of the overload.
    pub seconds: u64,
    /// How many times the knee is sent.
    pub times: f64,
    /// `POOL_WAIT_MS`: how long a request may wait before it is refused.
    pub wait_ms: u64,
    /// Services as they are built for load.
    pub release: bool,
}

/// One part: what was sent, and what became of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Requests meant to be sent in a second.
    pub offered_per_s: f64,
    /// Requests really sent in a second.
    pub sent_per_s: f64,
    /// Good answers in a second.
    pub goodput_per_s: f64,
    /// Refused (503 or 429), all in all.
    pub refused: u64,
    /// How many of these carried `Retry-After`.
    pub with_retry_after: u64,
    /// How late the driver itself was, 99th percentile.
    pub driver_late_ms: f64,
    /// Neither: broken connections, time-outs, those the driver shed.
    pub lost: u64,
    /// All answers by what became of them.
    pub outcomes: BTreeMap<Answered, u64>,
    /// Half of the good answers came sooner.
    pub p50_ms: f64,
    /// All but one of a hundred.
    pub p99_ms: f64,
    /// What the service held, in MiB, at each tenth of the part.
    pub memory_mib: Vec<f64>,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// RFC 3339.
    pub at: String,
    /// As asked for.
    pub plan: Plan,
    /// On what.
    pub machine: Machine,
    /// Good answers in a second of a closed loop of eight: the knee.
    pub knee_per_s: f64,
    /// Half the knee: how long it takes when all is calm.
    pub calm: Part,
    /// Overload.
    pub overload: Part,
    /// Overload's goodput by the knee: the goal is at least 0.9.
    pub goodput_of_knee: f64,
    /// Overload's p99 of what was accepted by the calm p99: the goal is at most 10.
    pub p99_of_calm: f64,
    /// What the service held in the last tenth by what it held in the first: the goal is at most 1.1.
    pub memory_growth: f64,
    /// The most it has held.
    pub peak_mib: f64,
    /// From the last request of the overload until one connection is served again as in calm times: the goal is at most 5.
    pub recovered_after_s: f64,
    /// Requests per second that the driver itself can send in time, against a stub.
    pub driver_ceiling_per_s: f64,
    /// Whether the knee is below a tenth of that: the driver isn't what is measured.
    pub below_a_tenth: bool,
}

impl Outcome {
    /// As its file is called.
    pub fn name(&self) -> String {
        format!("overload-{:.0}", self.plan.times)
    }

    /// From ten times the knee on, a goodput of 0.8 of it is enough.
    fn goodput_goal(&self) -> f64 {
        if self.plan.times >= 10.0 { 0.8 } else { 0.9 }
    }

    /// Whether every goal is reached.
    pub fn is_good(&self) -> bool {
        self.goodput_of_knee >= self.goodput_goal()
            && self.p99_of_calm <= 10.0
            && self.memory_growth <= 1.1
            && self.recovered_after_s <= 5.0
            && self.overload.with_retry_after == self.overload.refused
            && self.overload.lost == 0
            && self.below_a_tenth
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{}; POOL_WAIT_MS={}; {} processors; the knee is at {:.0} per second.\n",
            self.plan.on.words(),
            self.plan.wait_ms,
            self.machine.cpus,
            self.knee_per_s
        )?;
        let row = |(name, part): (&str, &Part)| {
            let memory: Vec<_> = part.memory_mib.iter().map(|mib| format!("{mib:.0}")).collect();
            [
                name.to_owned(),
                format!("{:.0}", part.offered_per_s),
                format!("{:.0}", part.sent_per_s),
                format!("{:.0}", part.goodput_per_s),
                part.refused.to_string(),
                part.lost.to_string(),
                format!("{:.1}", part.p50_ms),
                format!("{:.1}", part.p99_ms),
                memory.join(" "),
            ]
        };
        let numbers = ["offered/s", "sent/s", "good/s", "refused", "lost", "p50 ms", "p99 ms"];
        let parts = [("calm", &self.calm), ("overload", &self.overload)].map(row);
        write!(f, "{}", Table::new(&[""], &numbers, &["MiB"]).rows(parts))?;
        let of = &self.overload;
        let row = |figure: &str, measured: String, goal: &str| [figure.to_owned(), measured, goal.to_owned()];
        let goodput = format!("at least {}", self.goodput_goal());
        let driver = format!("{:.2} ms late (p99)", of.driver_late_ms);
        let table = Table::new(&[""], &["measured"], &["goal"]).rows([
            row("goodput ÷ knee", format!("{:.2}", self.goodput_of_knee), &goodput),
            row("p99 ÷ calm p99", format!("{:.1}", self.p99_of_calm), "at most 10"),
            row("memory, last tenth ÷ first", format!("{:.2}", self.memory_growth), "at most 1.1"),
            row("memory at most, MiB", format!("{:.0}", self.peak_mib), ""),
            row("recovered after, s", format!("{:.1}", self.recovered_after_s), "at most 5"),
            row("refusals with Retry-After", format!("{} of {}", of.with_retry_after, of.refused), "all"),
            row("driver's ceiling, requests/s", format!("{:.0}", self.driver_ceiling_per_s), "ten times the knee"),
            row("driver's delay", driver, ""),
        ]);
        write!(f, "\n{table}")
    }
}

/// Connections of the closed loop that finds the knee: few enough that none of it is refused.
const CLIENTS: usize = 8;

/// Starts a system, finds the knee, and goes beyond.
pub fn run(plan: Plan) -> Result<Outcome, Failure> {
    let ceiling = selftest::driver_ceiling()?.rate_per_s;
    let system = System::start(Size::SMALL, plan.release)?;
    let on = plan.on;
    let arm = on.registry(&system, plan.wait_ms)?;
    turn(&system, &arm, on.kind(), CLIENTS, Duration::from_secs(2))?;
    let knee = turn(&system, &arm, on.kind(), CLIENTS, Duration::from_secs(6))?.per_s;
    eprintln!("The knee is at {knee:.0} per second. Calm …");
    let calm = part(&system, &arm, on, knee / 2.0, plan.seconds.clamp(5, 15))?.0;
    eprintln!("Overload …");
    let (overload, ended) = part(&system, &arm, on, knee * plan.times, plan.seconds)?;
    let recovered = recovery(&system, &arm, on, ended, calm.p99_ms)?;
    let (first, last) = (overload.memory_mib.first(), overload.memory_mib.last());
    let memory_growth = last.zip(first).map_or(f64::NAN, |(last, first)| last / first);
    Ok(Outcome {
        at: crate::measure::kept::now(),
        plan,
        machine: machine(),
        knee_per_s: knee,
        goodput_of_knee: overload.goodput_per_s / knee,
        p99_of_calm: overload.p99_ms / calm.p99_ms,
        memory_growth,
        peak_mib: arm.peak_mib(),
        recovered_after_s: recovered,
        driver_ceiling_per_s: ceiling,
        below_a_tenth: knee < ceiling / 10.0,
        calm,
        overload,
    })
}

/// Seconds since `ended` at which the first half second began in which one connection was served without a failure and, at
/// p99, as in calm times; half a minute at most.
fn recovery(system: &System, arm: &Arm, on: On, ended: Instant, calm_ms: f64) -> Result<f64, Failure> {
    loop {
        let since = ended.elapsed().as_secs_f64();
        let mut requests = requests(system, arm, on.kind())?;
        let seen = alone(arm, Duration::from_millis(500), &mut || requests.next())?;
        let calm = seen.latency.count() > 0 && seen.ms(0.99) <= calm_ms;
        if calm && seen.failed() == 0 || since > 30.0 {
            return Ok(since);
        }
    }
}

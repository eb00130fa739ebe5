//! `lab bench overload`: three times what Registry can do, for a minute, at moments of the driver's own.
//!
//! On creates of one organisation, which wait for each other and so for the disk: the driver's own ceiling is far above.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::load::Kind;
use super::stage::{Arm, Stage};
use crate::dataset::Size;
use crate::driver::{self, Load, Outcome as Answered, ServiceRecord};
use crate::observe::cpu::machine;
use crate::result::Machine;
use crate::schedule::Arrival;
use crate::stats::Histogram;
use crate::{Failure, operations};

/// How it is measured.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
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
    /// Refused (503), all in all.
    pub refused: u64,
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
    /// Good answers in a second of a closed loop of 16: the knee.
    pub knee_per_s: f64,
    /// Half the knee: how long it takes when all is calm.
    pub calm: Part,
    /// Overload.
    pub overload: Part,
    /// Overload's goodput by the knee: at least 0.9 wanted.
    pub goodput_of_knee: f64,
    /// Overload's p99 of what was accepted by the calm p99: at most 10 wanted.
    pub p99_of_calm: f64,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "Creates of one organisation; POOL_WAIT_MS={}; {} processors; the knee is at {:.0} per second.\n\n\
             {:<12}{:>10}{:>10}{:>10}{:>10}{:>8}{:>9}{:>9}  MiB",
            self.plan.wait_ms,
            self.machine.cpus,
            self.knee_per_s,
            "",
            "offered/s",
            "sent/s",
            "good/s",
            "refused",
            "lost",
            "p50 ms",
            "p99 ms"
        )?;
        for (name, part) in [("calm", &self.calm), ("overload", &self.overload)] {
            let memory: Vec<_> = part
                .memory_mib
                .iter()
                .map(|mib| format!("{mib:.0}"))
                .collect();
            writeln!(
                f,
                "{name:<12}{:>10.0}{:>10.0}{:>10.0}{:>10}{:>8}{:>9.1}{:>9.1}  {}",
                part.offered_per_s,
                part.sent_per_s,
                part.goodput_per_s,
                part.refused,
                part.lost,
                part.p50_ms,
                part.p99_ms,
                memory.join(" ")
            )?;
        }
        write!(
            f,
            "\ngoodput of the knee       {:>6.2}   at least 0.9 wanted\np99 of the calm p99       {:>6.1}   at most 10 wanted",
            self.goodput_of_knee, self.p99_of_calm
        )
    }
}

/// Starts a system, finds the knee, and goes beyond.
pub fn run(plan: Plan) -> Result<Outcome, Failure> {
    let stage = Stage::start(Size::SMALL, plan.release)?;
    let settings = [("POOL_WAIT_MS", plan.wait_ms.to_string())];
    let arm = stage.registry("registry", &settings)?;
    super::turn(&stage, &arm, Kind::CreateHot, 16, Duration::from_secs(2))?;
    let knee = super::turn(&stage, &arm, Kind::CreateHot, 16, Duration::from_secs(6))?.per_s;
    eprintln!("The knee is at {knee:.0} per second. Calm …");
    let calm = part(&stage, &arm, knee / 2.0, plan.seconds.clamp(5, 15))?;
    eprintln!("Overload …");
    let overload = part(&stage, &arm, knee * plan.times, plan.seconds)?;
    Ok(Outcome {
        at: chrono::Utc::now().to_rfc3339(),
        plan,
        machine: machine(),
        knee_per_s: knee,
        goodput_of_knee: overload.goodput_per_s / knee,
        p99_of_calm: overload.p99_ms / calm.p99_ms,
        calm,
        overload,
    })
}

/// Sends at a fixed rate, whatever becomes of it.
fn part(stage: &Stage, arm: &Arm, rate: f64, seconds: u64) -> Result<Part, Failure> {
    let settle = Duration::from_secs(1);
    let count = (rate * (seconds + 1) as f64) as u64;
    let arrivals = (0..count)
        .map(|n| Arrival {
            at_ns: (n as f64 / rate * 1e9) as u64,
            endpoint: 0,
            organisation: 0,
            row: n as u32,
            body: n as u32,
        })
        .collect();
    let endpoints = vec!["create-api".to_owned()];
    let call = operations::calls(
        "registry",
        &format!("http://{}", arm.address),
        &endpoints,
        stage.data(),
        &Arc::default(),
        stage.salt() as u32,
    )?;
    let load = Load {
        service: "registry".to_owned(),
        endpoints,
        arrivals: Arc::new(arrivals),
        call,
        answered: None,
    };
    let settings = driver::Settings {
        settle,
        ..driver::Settings::default()
    };
    let (records, memory_mib) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let pause = Duration::from_secs(seconds) / 10;
            (0..10)
                .map(|_| {
                    std::thread::sleep(pause);
                    arm.now_mib()
                })
                .collect()
        });
        let records = driver::run(&[load], settings);
        (records, watcher.join().unwrap_or_default())
    });
    let records = records.map_err(|error| Failure::could_not_run(format!("{error}.")))?;
    let record = records
        .first()
        .ok_or_else(|| Failure::could_not_run("Nothing was sent."))?;
    Ok(described(record, memory_mib))
}

fn described(record: &ServiceRecord, memory_mib: Vec<f64>) -> Part {
    let none = Histogram::new();
    let good = record.response.get(&Answered::Ok).unwrap_or(&none);
    let count = |outcome| record.response.get(&outcome).map_or(0, Histogram::count);
    let refused = count(Answered::ServerError);
    let shed = count(Answered::Shed);
    let per_s = |count: u64| count as f64 / record.measured_s;
    let ms = |quantile| good.quantile_us(quantile).unwrap_or_default() as f64 / 1000.0;
    Part {
        offered_per_s: per_s(record.offered),
        sent_per_s: per_s(record.offered - shed),
        goodput_per_s: per_s(good.count()),
        refused,
        lost: record.offered - good.count() - refused,
        outcomes: record
            .response
            .iter()
            .map(|(outcome, seen)| (*outcome, seen.count()))
            .collect(),
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        memory_mib,
    }
}

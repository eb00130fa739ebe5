use rand::Rng;

use super::*;
use crate::design::Cell;
use crate::load::driver::Outcome;
use crate::load::schedule::stream;
use crate::result::{LedgerResult, ServiceResult, Warning};

/// A service in a cell whose response times are exponential with this mean, from a seeded stream.
fn service(name: &str, mean_us: f64, requests: usize, seed: u64) -> ServiceResult {
    let mut random = stream(seed, name);
    let mut histogram = Histogram::new();
    (0..requests).for_each(|_| histogram.record_us((-mean_us * (1.0 - random.random::<f64>()).ln()) as u64));
    ServiceResult {
        name: name.into(),
        offered: requests as u64,
        driven: requests as u64,
        backlog: vec![],
        measured_s: 1.0,
        response: [(Outcome::Ok, histogram.encode())].into(),
        lag: Histogram::new().encode(),
        service_time: Histogram::new().encode(),
        server_timing_ms: None,
        in_flight_max: 1,
    }
}

fn cell(cell: Cell, replicate: usize, services: Vec<ServiceResult>) -> CellResult {
    CellResult {
        cell,
        replicate,
        order: 0,
        started_s: 0.0,
        valid: true,
        warnings: vec![],
        services,
        roles: BTreeMap::new(),
        ledger: LedgerResult::default(),
        observer_cpu: 0.0,
        driver_cpu: 0.0,
        foreign_cpu: 0.0,
        control_workload: None,
    }
}

/// `a` is twice as slow while `b` runs; `b` doesn't mind; `a` again is `a`. Every replicate has its own speed.
fn planted(replicates: usize) -> Vec<CellResult> {
    (0..replicates)
        .flat_map(|r| {
            let seed = r as u64 * 10;
            let speed = 1000.0 * (1.0 + 0.1 * (r % 3) as f64);
            [
                cell(Cell::Alone { service: "a".into() }, r, vec![service("a", speed, 2000, seed)]),
                cell(Cell::Alone { service: "b".into() }, r, vec![service("b", speed, 2000, seed)]),
                cell(Cell::Null { service: "a".into() }, r, vec![service("a", speed, 2000, seed + 1)]),
                cell(
                    Cell::Pair { first: "a".into(), second: "b".into() },
                    r,
                    vec![service("a", 2.0 * speed, 2000, seed + 2), service("b", speed, 2000, seed + 3)],
                ),
            ]
        })
        .collect()
}

fn find(entries: &[Entry], service: &str, metric: Metric) -> Entry {
    entries.iter().find(|entry| entry.service == service && entry.metric == metric).expect("planted").clone()
}

#[test]
fn finds_a_planted_effect_and_nothing_else() {
    let matrix = analyse(&planted(8), 2).expect("whole histograms");
    let harmed = find(&matrix.entries, "a", Metric::P50);
    let ratio = harmed.estimate.expect("eight replicates");
    assert!(harmed.enough_data && ratio.low < 2.0 && 2.0 < ratio.high && ratio.low > 1.8, "{ratio:?}");
    assert!(harmed.p_adjusted.expect("in the family") < 0.01);
    let unharmed = find(&matrix.entries, "b", Metric::P50).estimate.expect("eight replicates");
    assert!((0.93..1.07).contains(&unharmed.ratio), "{unharmed:?}");
    // Doubling an exponential's mean moves 5 % beyond its p95 to 0.05^(1/2) = 22.4 %, so 1 in 20 becomes 1 in 4.5.
    let share = find(&matrix.entries, "a", Metric::OneIn20).estimate.expect("eight replicates");
    assert!((share.ratio / (0.05_f64.sqrt() / 0.05) - 1.0).abs() < 0.1, "{share:?}");
    assert!(matrix.detectable[&Metric::P50] < 1.1);
}

#[test]
fn claims_nothing_that_the_data_cannot_carry() {
    let few = analyse(&planted(3), 2).expect("whole histograms");
    assert!(few.entries.iter().all(|entry| !entry.enough_data && entry.p_adjusted.is_none()));
    let eight = analyse(&planted(8), 2).expect("whole histograms");
    assert!(!find(&eight.entries, "a", Metric::P99).enough_data, "p99 needs twenty replicates");
}

#[test]
fn a_fast_failure_counts_as_slow() {
    let mut result = service("a", 1000.0, 100, 1);
    let fast = service("a", 1.0, 100, 2).response.remove(&Outcome::Ok).expect("made above");
    result.response.insert(Outcome::ServerError, fast);
    let all = result.responses(CENSORED_US).expect("whole histograms");
    assert_eq!(all.count_beyond(9_000_000), 100);
    assert_eq!(result.good().expect("whole histograms"), 100);
}

#[test]
fn the_same_cells_give_the_same_matrix_to_the_digit() {
    let cells = planted(4);
    let text = serde_json::to_string(&cells).expect("plain data");
    let back: Vec<CellResult> = serde_json::from_str(&text).expect("our own text");
    let (first, again) = (analyse(&cells, 2).expect("whole"), analyse(&back, 2).expect("whole"));
    assert_eq!(serde_json::to_string(&first).expect("plain"), serde_json::to_string(&again).expect("plain"));
}

/// The false-alarm share of A/A comparisons: 400 comparisons of identical services whose speed drifts between
/// replicates, at the 5 % level. A share above 10 % would be no chance (binomial, 4.6 standard deviations).
#[test]
fn identical_systems_rarely_differ() {
    let alarms = (0..400_u64)
        .filter(|trial| {
            let (alone, again): (Arm, Arm) = (0..6)
                .map(|r| {
                    let seed = trial * 100 + r * 2;
                    let speed = 1000.0 * (1.0 + 0.3 * ((trial * 7 + r * 13) % 5) as f64);
                    let of = |seed| service("a", speed, 300, seed).responses(CENSORED_US).expect("whole");
                    ((r as usize, of(seed)), (r as usize, of(seed + 1)))
                })
                .unzip();
            estimate(&alone, &again, Metric::P50).expect("six replicates").excludes_one()
        })
        .count();
    assert!(alarms <= 40, "{alarms} of 400");
    assert!(alarms > 0, "a test that never alarms at 5 % is not testing");
}

/// One measurement of each replicate of `a` while `b` runs was disturbed.
fn disturbed(warning: Warning) -> (Entry, Entry) {
    let cells = planted(8);
    let plain = analyse(&cells, 2).unwrap();
    let mut other = cells;
    for cell in other.iter_mut().filter(|cell| matches!(cell.cell, Cell::Pair { .. })) {
        cell.warnings.push(warning.clone());
    }
    let found = analyse(&other, 2).unwrap();
    (find(&plain.entries, "a", Metric::OneIn20), find(&found.entries, "a", Metric::OneIn20))
}

#[test]
fn what_disturbed_a_measurement_widens_its_interval_by_what_it_can_have_done() {
    let (before, after) = disturbed(Warning::Stolen { share: 0.02 });
    let (plain, wide) = (before.estimate.unwrap(), after.estimate.unwrap());
    assert_eq!((after.left_out, wide.ratio, wide.high), (0, plain.ratio, plain.high));
    // 2 % of one of two processors and 1.5 requests for each that met it: 1.5 % of all, of the 22 % that are slow.
    assert!(wide.low < plain.low && wide.low > plain.low * 0.93, "{plain:?} {wide:?}");
    assert!(wide.p > plain.p);
}

#[test]
fn a_measurement_is_left_out_where_that_may_be_more_than_the_effect_asked_for() {
    let (_, after) = disturbed(Warning::ForeignCpu { share: 0.5 });
    assert_eq!((after.left_out, after.estimate, after.enough_data), (8, None, false));
    let (_, unknown) = disturbed(Warning::NotAtRest);
    assert_eq!(unknown.left_out, 8);
}

/// A driver that was 1 s late with all of `a`: its answers came as fast as alone, counted from when they were asked for.
#[test]
fn the_drivers_lateness_is_known_and_not_guessed() {
    let late = |us: u64| {
        let mut cells = planted(8);
        for cell in cells.iter_mut().filter(|cell| matches!(cell.cell, Cell::Pair { .. })) {
            let of = &mut cell.services[0];
            let mut asked = Histogram::decode(&of.response[&Outcome::Ok]).unwrap();
            of.service_time = asked.encode();
            asked = Histogram::new();
            (0..2000).for_each(|_| asked.record_us(us));
            of.response.insert(Outcome::Ok, asked.encode());
            cell.warnings.push(Warning::DriverLate { service: "a".into(), p99_ms: us as f64 / 1000.0 });
        }
        find(&analyse(&cells, 2).unwrap().entries, "a", Metric::OneIn20)
    };
    assert_eq!(late(1_000_000).left_out, 8);
}

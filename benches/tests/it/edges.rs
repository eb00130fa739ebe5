//! `lab failure` where services call each other: every endpoint does as the table of edges says.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lab::data::Size;
use lab::experiments::failure::{self, Break, Cell, Expected, FailureMatrix};
use lab::result::Measured;
use lab::system::{Architecture, Engines, Layout};

use crate::support::shared;

fn broken(engines: Engines, breaks: &[Break]) -> Measured<FailureMatrix> {
    // First the one, then the other: two that start at once may be given the same free ports.
    shared();
    let options = failure::Options {
        layout: Layout { architecture: Architecture::ApiCentric, engines, ..Layout::default() },
        size: Size::TINY,
        breaks: breaks.to_vec(),
        seconds: 4,
        rate_per_s: 60.0,
        seed: 1,
        optimised: false,
    };
    let matrix = failure::run(&options, &Arc::new(AtomicBool::new(false))).unwrap();
    assert_eq!(matrix.outcome.rows.len(), breaks.len());
    for row in &matrix.outcome.rows {
        assert_eq!((row.cells.len(), row.writes_lost), (17, 0), "{matrix}");
    }
    matrix
}

/// What one endpoint did while a part was broken; a busy machine may make a neighbour look away that isn't, so only cells
/// are looked at that need nobody else.
fn cell<'a>(matrix: &'a Measured<FailureMatrix>, row: usize, service: &str, endpoint: &str) -> &'a Cell {
    let mut cells = matrix.outcome.rows[row].cells.iter();
    cells.find(|cell| cell.service == service && cell.endpoint == endpoint).unwrap()
}

fn does(matrix: &Measured<FailureMatrix>, row: usize, (service, endpoint): (&str, &str), expected: Expected) {
    let found = cell(matrix, row, service, endpoint);
    assert!(found.during.all > 0, "{matrix}");
    let bad = found.during.all - found.during.good;
    let (other, what) = if expected.is_good() { (bad, "bad") } else { (found.during.good, "good") };
    // One may have been under way.
    assert!(found.expected == expected && other <= 1, "{other} {what}: {found:?}\n{matrix}");
    let silent = found.during.good - found.during.degraded;
    assert!(expected != Expected::Open || silent <= 1, "{silent} say nothing: {found:?}\n{matrix}");
}

#[test]
fn each_endpoint_does_as_its_edge_says() {
    let breaks = [Break::Service("profile"), Break::Database("account"), Break::Slow("billing")];
    let matrix = broken(Engines::One, &breaks);
    for row in [0, 1] {
        does(&matrix, row, ("billing", "find-usage"), Expected::Closed);
        does(&matrix, row, ("notification", "list-notifications"), Expected::Untouched);
        does(&matrix, row, ("billing", "find-invoice"), Expected::Untouched);
    }
    does(&matrix, 0, ("registry", "create-api"), Expected::Closed);
    does(&matrix, 0, ("registry", "find-api"), Expected::Open);
    does(&matrix, 0, ("profile", "find-profile"), Expected::Down);
    does(&matrix, 1, ("account", "find-organisation"), Expected::Down);
    let slow = &matrix.outcome.rows[2];
    assert_eq!(cell(&matrix, 2, "registry", "find-api").expected, Expected::Later);
    let ratio = |service: &str, needs_it| {
        let found = slow.slowdowns.iter().find(|of| of.service == service && of.needs_it == needs_it);
        found.unwrap_or_else(|| panic!("{service}: {matrix}")).estimate.unwrap().ratio
    };
    assert!(ratio("registry", true) > ratio("notification", false), "who needs it waits for it: {matrix}");
    assert!(!matrix.outcome.not_asked.is_empty());
    for title in ["Good answers before", "What a slow part costs", "No request of this load goes over the edges"] {
        assert!(matrix.to_string().contains(title), "{matrix}");
    }
}

/// On five servers, one of them is stopped: the other databases don't notice.
#[test]
fn a_server_of_its_own_stops_alone() {
    let matrix = broken(Engines::PerService, &[Break::Database("registry")]);
    does(&matrix, 0, ("registry", "find-api"), Expected::Down);
    does(&matrix, 0, ("account", "list-logins"), Expected::Untouched);
    does(&matrix, 0, ("profile", "find-profile"), Expected::Untouched);
    assert_eq!(matrix.plan["engines"], 5);
}

#[test]
fn a_part_of_the_other_architecture_is_wrong_usage() {
    for (layout, part) in [(Architecture::SharedDatabase, "profile-slow"), (Architecture::ApiCentric, "postgres")] {
        let options = failure::Options {
            layout: Layout { architecture: layout, ..Layout::default() },
            size: Size::TINY,
            breaks: vec![Break::parse(part).unwrap()],
            seconds: 1,
            rate_per_s: 1.0,
            seed: 1,
            optimised: false,
        };
        let error = failure::run(&options, &Arc::new(AtomicBool::new(false))).unwrap_err();
        assert!(matches!(error, lab::Failure::Usage(_)) && error.to_string().contains(part), "{error}");
    }
}

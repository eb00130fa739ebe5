//! `lab failure` where services call each other: every endpoint does as the table of edges says.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lab::data::Size;
use lab::experiments::failure::{self, Break, Cell, Expected, FailureMatrix, Share};
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
        seconds: 8,
        rate_per_s: Some(25.0),
        seed: 1,
        optimised: false,
    };
    let matrix = failure::run(&options, &Arc::new(AtomicBool::new(false))).unwrap();
    assert_eq!(matrix.outcome.rows.len(), breaks.len());
    for row in &matrix.outcome.rows {
        assert_eq!((row.cells.len(), row.writes_lost), (21, 0), "{matrix}");
    }
    matrix
}

fn cell<'a>(matrix: &'a Measured<FailureMatrix>, row: usize, service: &str, endpoint: &str) -> &'a Cell {
    let mut cells = matrix.outcome.rows[row].cells.iter();
    cells.find(|cell| cell.service == service && cell.endpoint == endpoint).unwrap()
}

/// What an endpoint must do on however busy a machine: there, a call may be given up though nobody is away.
fn does(matrix: &Measured<FailureMatrix>, row: usize, (service, endpoint): (&str, &str), expected: Expected) {
    let found = cell(matrix, row, service, endpoint);
    assert_eq!(found.expected, expected, "{found:?}");
    let Share { all, good, degraded } = found.during;
    match expected {
        Expected::Down | Expected::Closed => assert_eq!(good, 0, "{found:?}\n{matrix}"),
        Expected::Open => assert_eq!(good, degraded, "{found:?}\n{matrix}"),
        Expected::Untouched => assert!(all > 0 && good > 0, "{found:?}\n{matrix}"),
        Expected::Later => assert!(found.quickest_ms.is_none_or(|ms| ms >= 200), "{found:?}\n{matrix}"),
    }
}

#[test]
fn each_endpoint_does_as_its_edge_says() {
    let breaks = [Break::Service("profile"), Break::Database("account"), Break::Slow("billing")];
    let matrix = broken(Engines::One, &breaks);
    for row in [0, 1] {
        does(&matrix, row, ("billing", "find-usage"), Expected::Closed);
        does(&matrix, row, ("notification", "list-notifications"), Expected::Untouched);
        does(&matrix, row, ("billing", "list-invoices"), Expected::Untouched);
    }
    does(&matrix, 0, ("registry", "create-api"), Expected::Closed);
    does(&matrix, 0, ("account", "choose-too-small-plan"), Expected::Closed);
    does(&matrix, 0, ("account", "create-login"), Expected::Closed);
    does(&matrix, 1, ("profile", "create-profile"), Expected::Open);
    does(&matrix, 0, ("registry", "find-api"), Expected::Open);
    does(&matrix, 0, ("profile", "find-profile"), Expected::Down);
    does(&matrix, 1, ("account", "find-organisation"), Expected::Down);
    for endpoint in ["find-api", "list-apis", "create-api", "modify-api"] {
        does(&matrix, 2, ("registry", endpoint), Expected::Later);
    }
    does(&matrix, 2, ("account", "find-organisation"), Expected::Later);
    does(&matrix, 2, ("profile", "find-profile"), Expected::Untouched);
    let slowdowns = &matrix.outcome.rows[2].slowdowns;
    assert!(slowdowns.iter().any(|of| of.service == "registry" && of.needs_it), "{slowdowns:?}");
    assert!(slowdowns.iter().all(|of| of.service != "notification" || !of.needs_it), "{slowdowns:?}");
    let noticed =
        matrix.outcome.rows.iter().map(|row| row.noticed.iter().map(|of| of.service.as_str()).collect::<Vec<_>>());
    let needed = [vec!["account", "billing", "registry"], vec!["billing", "profile", "registry"], vec![]];
    assert_eq!(noticed.collect::<Vec<_>>(), needed);
    for title in ["Good answers before", "How soon each service noticed", "What a slow part costs"] {
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
            rate_per_s: Some(1.0),
            seed: 1,
            optimised: false,
        };
        let error = failure::run(&options, &Arc::new(AtomicBool::new(false))).unwrap_err();
        assert!(matches!(error, lab::Failure::Usage(_)) && error.to_string().contains(part), "{error}");
    }
}

//! The product's behaviours, on this architecture.

use behaviour::{account, billing, profile, registry};

use crate::town::{Plan, Town};

#[test]
fn the_behaviour_suites_hold() {
    let town = Town::new(Plan::default());
    for suite in [registry::suite(), profile::suite()] {
        behaviour::run(&town.world, &suite);
    }
    let _ = (account::suite, billing::suite);
}

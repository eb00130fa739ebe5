//! The product's behaviours, on this architecture.

use behaviour::{account, billing, notification, profile, registry};

use crate::town::{Plan, Town};

#[test]
fn the_behaviour_suites_hold() {
    let town = Town::new(Plan::default());
    let suite =
        [registry::suite(), profile::suite(), account::suite(), billing::suite(), notification::suite()].concat();
    behaviour::run(&town.world, &suite);
}

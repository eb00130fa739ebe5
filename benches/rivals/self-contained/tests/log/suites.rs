//! The product's behaviours, on this architecture: the same cases, with a wait after each write until the copies have it.

use std::time::Duration;

use behaviour::{account, billing, notification, profile, registry};

use crate::copies::equal;
use crate::deployment::Deployment;

#[test]
fn the_behaviour_suites_hold_and_every_copy_is_its_view() {
    let Some(deployment) = Deployment::find() else { return };
    for suite in [registry::suite(), profile::suite(), account::suite(), billing::suite(), notification::suite()] {
        behaviour::run(&deployment.world, &suite);
        let count = equal(&deployment.ground);
        println!("{count:?}");
    }
    let (median, longest, waits) = deployment.freshness.took();
    println!("{waits} writes were everywhere after {median:?} in the median, {longest:?} at most");
    assert!(median < Duration::from_secs(2), "promised: within 2 s");
}

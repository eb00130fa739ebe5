//! The product's behaviours, on this architecture: the same cases, with a wait after each write until the copies have it.

use behaviour::{account, billing, notification, profile, registry};

use crate::copies::equal;
use crate::deployment::Deployment;

/// Cases at a time: nearly all of a case is waiting for the log.
const AT_A_TIME: usize = 6;

/// Afterwards every topic and every copy is its owner's view.
#[test]
fn the_behaviours_hold_and_every_copy_is_its_view() {
    let Some(deployment) = Deployment::find() else { return };
    // The longest first, so that they don't run alone at the end.
    let suite =
        [notification::suite(), registry::suite(), profile::suite(), account::suite(), billing::suite()].concat();
    behaviour::run_together(&deployment.world, &suite, AT_A_TIME);
    let count = equal(&deployment.ground);
    println!("{count:?}; {}", deployment.freshness.took());
}

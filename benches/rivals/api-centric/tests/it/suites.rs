//! The product's behaviours, on this architecture.

use behaviour::{account, billing, notification, profile, registry};

use crate::deployment::{Deployment, Plan};

#[test]
fn the_behaviour_suites_hold() {
    let deployment = Deployment::new(Plan::default());
    let suite =
        [registry::suite(), profile::suite(), account::suite(), billing::suite(), notification::suite()].concat();
    behaviour::run(&deployment.world, &suite);
}

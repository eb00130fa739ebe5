//! The product's behaviours, on this architecture: the same cases, with a wait after each write until the copies have it.

use behaviour::{Case, account, billing, notification, profile, registry};

use crate::copies::equal;
use crate::deployment::Deployment;

/// On a deployment of its own; afterwards every topic and every copy is its owner's view.
fn holds(suite: &[Case]) {
    // Account's cases accept their logins themselves.
    let confirm = suite.iter().all(|case| !case.name.starts_with("logins: "));
    let Some(deployment) = Deployment::find(confirm) else { return };
    behaviour::run(&deployment.world, suite);
    let count = equal(&deployment.ground);
    println!("{count:?}; {}", deployment.freshness.took());
}

#[test]
fn of_account_hold_and_every_copy_is_its_view() {
    holds(&account::suite());
}

#[test]
fn of_profile_hold_and_every_copy_is_its_view() {
    holds(&profile::suite());
}

#[test]
fn of_registry_hold_and_every_copy_is_its_view() {
    holds(&registry::suite());
}

#[test]
fn of_billing_hold_and_every_copy_is_its_view() {
    holds(&billing::suite());
}

#[test]
fn of_notification_hold_and_every_copy_is_its_view() {
    holds(&notification::suite());
}

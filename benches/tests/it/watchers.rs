//! The cases of the contract that need all services: who is told of what they watch.

use crate::support::{shared, world};

#[test]
fn watchers_are_told_by_the_order_of_the_feed_and_as_long_as_they_can_sign_in() {
    behaviour::run(&world(shared()), &behaviour::notification::watching());
}

//! The contract's assertions, on this service.

use behaviour::registry;

use crate::fixture::House;

#[test]
fn domains() {
    behaviour::run(&House::new().world, &registry::domains());
}

#[test]
fn sub_domains() {
    behaviour::run(&House::new().world, &registry::sub_domains());
}

#[test]
fn apis() {
    behaviour::run(&House::new().world, &registry::apis());
}

#[test]
fn versions() {
    behaviour::run(&House::new().world, &registry::versions());
}

#[test]
fn tags() {
    behaviour::run(&House::new().world, &registry::tags());
}

#[test]
fn watches() {
    behaviour::run(&House::new().world, &registry::watches());
}

#[test]
fn across() {
    behaviour::run(&House::new().world, &registry::across());
}

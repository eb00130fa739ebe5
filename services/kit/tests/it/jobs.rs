//! Work by the clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::http::until;
use crate::sample::{Settings, World};

#[test]
fn a_job_runs_again_and_again_until_the_service_stops() {
    let settings = Settings::default();
    let ticks = Arc::clone(&settings.ticks);
    let world = World::with(settings, |_| {});
    until("two turns", || (ticks.load(Ordering::SeqCst) >= 2).then_some(()));
    world.service.stop().unwrap();
    let at_the_end = ticks.load(Ordering::SeqCst);
    let start = std::time::Instant::now();
    until("two seconds", || (start.elapsed().as_secs() >= 2).then_some(()));
    assert_eq!(ticks.load(Ordering::SeqCst), at_the_end);
}

//! A panic in each thread beside the event loops: it is counted, and the work goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::http::{get, json as send_json, until};
use crate::sample::{Settings, World};

/// How soon it must go on.
const WITHIN: Duration = Duration::from_secs(10);

#[test]
fn work_goes_on_after_a_panic_in_each_thread() {
    let settings = Settings::default();
    let ticks = Arc::clone(&settings.ticks);
    let world = World::with(settings, |_| {});
    let create =
        |name: &str| send_json("POST", &world.url("/organisations"), &[], &serde_json::json!({ "name": name }));
    let ready = || get(&format!("{}/readyz", world.service.url), &[]);
    until("ready", || (ready().status == 200).then_some(()));
    let panics = |name: &str| {
        let background = world.service.background().into_iter().find(|one| one.0 == name).map(|one| one.2);
        background.or_else(|| world.service.lanes().into_iter().find(|one| one.0 == name).map(|one| one.2)).unwrap()
    };
    for name in ["account-read", "account-write", "account-hint"] {
        assert!(world.service.plant_panic(name), "{name}");
        let start = Instant::now();
        let mut answers = Vec::new();
        until("it panicked", || {
            answers.push(get(&world.url("/organisations"), &[]).status);
            answers.push(create(&format!("{name} {}", answers.len())).status);
            (panics(name) == 1).then_some(())
        });
        assert_eq!(get(&world.url("/organisations"), &[]).status, 200);
        assert_eq!(create(&format!("{name} again")).status, 201);
        let waits = |one: &(String, Duration, u64)| one.0 == "account-hint" && one.1.is_zero();
        until("the hint is sent", || world.service.background().iter().any(waits).then_some(()));
        println!("{name}: goes on after {:?}; {answers:?}", start.elapsed());
        assert!(start.elapsed() < WITHIN, "{name}: {:?}", start.elapsed());
    }
    // A job's panic is an error of that turn; its thread is the lane's.
    assert!(world.service.plant_panic("tick"));
    let before = ticks.load(Ordering::SeqCst);
    let start = Instant::now();
    until("more turns", || (ticks.load(Ordering::SeqCst) >= before + 3).then_some(()));
    assert!(start.elapsed() < WITHIN, "{:?}", start.elapsed());
    assert_eq!(ready().status, 200);
    let metrics = get(&format!("{}/metrics", world.service.url), &[]).text();
    for line in [
        "thread_panics_total{thread=\"account-hint\",service=\"account\"} 1",
        "background_age_seconds{thread=\"tick\",service=\"account\"} ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert!(!world.service.plant_panic("no such thread"));
    world.service.stop().unwrap();
}

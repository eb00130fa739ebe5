//! A server that is stopped (SIGSTOP) and keeps its connections: nobody waits for it longer than for a full pool.

use std::thread;
use std::time::{Duration, Instant};

use crate::http::{get, until};
use crate::own::Own;

const POOL_WAIT: Duration = Duration::from_millis(1000);

/// So many requests at once, half reads and half writes; the status and time of each.
fn attack(own: &Own, count: usize) -> Vec<(u16, String, Duration)> {
    let ask = |number: usize| {
        let start = Instant::now();
        let answer = if number.is_multiple_of(2) { own.list() } else { own.create(&format!("stopped {number}")) };
        (answer.status, answer.header("retry-after").to_owned(), start.elapsed())
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..count).map(|number| scope.spawn(move || ask(number))).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn everybody_is_answered_in_time_and_all_is_well_again_by_itself() {
    let own = Own::new(|_| {});
    let seconds = std::env::var("STOPPED_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let mut acknowledged = 0;
    for number in 0..8 {
        until("it works", || (own.create(&format!("before {number}")).status == 201).then_some(()));
        acknowledged += 1;
    }
    let frozen = own.freeze();
    let start = Instant::now();
    let mut waves = 0;
    while start.elapsed() < Duration::from_secs(seconds) || waves == 0 {
        let began = Instant::now();
        let ready = thread::scope(|scope| {
            let ready = scope.spawn(|| (own.ready(), began.elapsed()));
            let answers = attack(&own, 70);
            let slowest = answers.iter().map(|(_, _, time)| *time).max().unwrap();
            let refused = answers.iter().filter(|(status, after, _)| *status == 503 && after == "1").count();
            println!("wave {waves}: {refused} of 70 are 503 with Retry-After, the slowest after {slowest:?}");
            assert_eq!(refused, 70, "{answers:?}");
            assert!(slowest <= POOL_WAIT + Duration::from_millis(500), "{slowest:?}");
            ready.join().unwrap()
        });
        println!("readyz: {} after {:?}", ready.0.status, ready.1);
        assert_eq!(ready.0.status, 503, "{}", ready.0.text());
        assert!(ready.1 <= Duration::from_secs(2), "{:?}", ready.1);
        assert_eq!(get(&format!("{}/healthz", own.service.url), &[]).status, 200);
        waves += 1;
    }
    println!("threads that hang: {:?}", own.service.lanes());
    assert!(own.service.lanes().iter().all(|(_, hanging, _)| *hanging <= 4), "one lane's worth at most");
    drop(frozen);
    let moved = Instant::now();
    until("a 200", || (own.list().status == 200).then_some(()));
    println!("the first 200 {:?} after SIGCONT", moved.elapsed());
    assert!(moved.elapsed() <= Duration::from_secs(5), "{:?}", moved.elapsed());
    until("ready", || (own.ready().status == 200).then_some(()));
    until("a write", || (own.create("after").status == 201).then_some(()));
    acknowledged += 1;
    until("no thread hangs", || own.service.lanes().iter().all(|(_, hanging, _)| *hanging == 0).then_some(()));
    let kept = own.list().json()["items"].as_array().unwrap().len();
    assert!(kept >= acknowledged, "{kept} rows, {acknowledged} acknowledged");
}

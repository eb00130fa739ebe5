use super::*;
use std::sync::{Mutex, mpsc};

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn lane(max: usize, patience: Duration) -> Lane {
    limited(1, max, patience, None)
}

fn limited(threads: u32, max: usize, patience: Duration, limit: Option<Duration>) -> Lane {
    Lane::start(LaneOptions { name: "t".to_owned(), threads, max, patience, limit, answering: None }).unwrap()
}

#[test]
fn a_panic_is_an_error_and_costs_no_thread() {
    let lane = lane(4, Duration::from_secs(9));
    let (result, _) = block(lane.run::<(), _>(|| panic!("oh")));
    assert_eq!(result, Err(Error::internal("panic: oh")));
    assert_eq!(block(lane.run(|| Ok(1))).0, Ok(1));
}

#[test]
fn a_full_queue_refuses_and_an_old_job_is_refused() {
    let lane = lane(1, Duration::from_millis(30));
    let (go, gate) = mpsc::channel::<()>();
    let (started, running) = mpsc::channel::<()>();
    let first = lane.run(move || {
        started.send(()).unwrap();
        gate.recv().unwrap();
        Ok(1)
    });
    running.recv().unwrap();
    let second = lane.run(|| Ok(2));
    let third = lane.run(|| Ok(3));
    assert_eq!(block(third).0, Err(Error::Busy(Busy::Queue)), "full");
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(40) {
        std::hint::spin_loop();
    }
    go.send(()).unwrap();
    assert_eq!(block(first).0, Ok(1));
    assert_eq!(block(second).0, Err(Error::Busy(Busy::Queue)), "waited too long");
}

#[test]
fn a_dropped_request_is_not_run_and_closing_finishes_the_queue() {
    let lane = lane(9, Duration::from_secs(9));
    let (go, gate) = mpsc::channel::<()>();
    let (told, tell) = mpsc::channel();
    let (abandoned, kept) = (told.clone(), told);
    let first = lane.run(move || {
        gate.recv().ok();
        Ok(())
    });
    drop(lane.run(move || {
        abandoned.send("abandoned").ok();
        Ok(())
    }));
    let last = lane.run(move || {
        kept.send("kept").ok();
        Ok(())
    });
    go.send(()).unwrap();
    lane.close(Instant::now() + Duration::from_secs(5));
    assert_eq!(block(first).0, Ok(()));
    assert_eq!(block(last).0, Ok(()));
    assert_eq!(tell.try_iter().collect::<Vec<_>>(), ["kept"]);
    assert_eq!(block(lane.run(|| Ok(()))).0, Err(Error::Busy(Busy::Queue)), "closed");
}

#[test]
fn a_job_that_waits_is_refused_by_the_clock_though_no_thread_moves() {
    let lane = lane(9, Duration::from_millis(30));
    let (go, gate) = mpsc::channel::<()>();
    let (started, running) = mpsc::channel::<()>();
    let _first = lane.run(move || {
        started.send(()).unwrap();
        let _ = gate.recv();
        Ok(1)
    });
    running.recv().unwrap();
    assert_eq!(block(lane.run(|| Ok(2))).0, Err(Error::Busy(Busy::Queue)), "while the only thread is held");
    drop(go);
}

#[test]
fn threads_that_hang_are_replaced_once_each_and_end_when_they_move() {
    let lane = limited(2, 9, Duration::from_millis(10), Some(Duration::from_millis(20)));
    let (go, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let hang = || {
        let gate = Arc::clone(&gate);
        block(lane.run(move || {
            let _ = gate.lock().unwrap().recv();
            Ok(1)
        }))
    };
    // As many as there are threads, and as many again: the last ones find nobody in their place.
    for round in 0..2 {
        let mut hang_there = 0;
        while hang_there < 2 {
            match hang().0 {
                Err(Error::Busy(Busy::Hangs)) => hang_there += 1,
                // On a busy machine a thread may take its time.
                other => assert_eq!(other, Err(Error::Busy(Busy::Queue)), "round {round}"),
            }
        }
        lane.watch();
        assert_eq!(lane.state().1, 2, "one lane's worth at most");
    }
    drop(go);
    while lane.watch() > 0 || lane.state().1 > 0 {
        std::thread::yield_now();
    }
    assert_eq!(block(lane.run(|| Ok(3))).0, Ok(3));
}

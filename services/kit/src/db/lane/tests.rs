use super::*;
use std::sync::mpsc;

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn a_panic_is_an_error_and_costs_no_thread() {
    let lane = Lane::start("t", 1, 4, Duration::from_secs(9)).unwrap();
    let (result, _) = block(lane.run::<(), _>(|| panic!("oh")));
    assert_eq!(result, Err(Error::internal("panic: oh")));
    assert_eq!(block(lane.run(|| Ok(1))).0, Ok(1));
}

#[test]
fn a_full_queue_refuses_and_an_old_job_is_refused() {
    let lane = Lane::start("t", 1, 1, Duration::from_millis(30)).unwrap();
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
    let lane = Lane::start("t", 1, 9, Duration::from_secs(9)).unwrap();
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

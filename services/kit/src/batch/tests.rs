use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::threads::LaneOptions;

const SHARING: Sharing = Sharing { max: 4, together: 1, always: false };

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// A store that answers each key with its double, tells what it was asked, and waits for each statement to be let go.
struct Scene {
    batch: Arc<Batch<u32, u32>>,
    lane: Lane,
    asked: Mutex<mpsc::Receiver<Vec<u32>>>,
    go: mpsc::Sender<()>,
}

type Asked = oneshot::Receiver<(Result<u32, Error>, Timing)>;

impl Scene {
    /// With room for `max` waiting requests.
    fn new(max: usize, patience: Duration) -> Self {
        Self::on(2, max, patience)
    }

    fn on(threads: u32, max: usize, patience: Duration) -> Self {
        let (tell, asked) = mpsc::channel();
        let (go, gate) = mpsc::channel();
        let gate = Mutex::new(gate);
        let batch = Batch::with(move |keys: &[u32]| {
            tell.send(keys.to_vec()).unwrap();
            gate.lock().unwrap().recv().unwrap();
            match keys {
                _ if keys.contains(&13) => Err(Error::internal("13")),
                _ if keys.contains(&17) => panic!("17"),
                // An answer too few.
                [_, _, ..] if keys.contains(&19) => Ok(vec![Ok(1)]),
                _ => Ok(keys
                    .iter()
                    .map(|key| match key {
                        404 => Err(Error::NotFound),
                        key => Ok(key * 2),
                    })
                    .collect()),
            }
        });
        let options = LaneOptions { name: "t".to_owned(), threads, max, patience, limit: None, answering: None };
        Self { batch, lane: Lane::start(options).unwrap(), asked: Mutex::new(asked), go }
    }

    fn ask(&self, key: u32) -> Option<Asked> {
        self.batch.shared.push(key, &self.lane, SHARING).map(|(_, asked)| asked)
    }

    /// The keys of the next statement, which waits.
    fn statement(&self) -> Vec<u32> {
        self.asked.lock().unwrap().recv().unwrap()
    }

    /// Lets so many statements go.
    fn go(&self, statements: usize) {
        (0..statements).for_each(|_| self.go.send(()).unwrap());
    }
}

fn answer(asked: Option<Asked>) -> Result<u32, Error> {
    block(asked.unwrap()).unwrap().0
}

fn patient() -> Scene {
    Scene::new(100, Duration::from_secs(60))
}

#[test]
fn one_goes_alone_and_those_that_wait_meanwhile_go_together() {
    let scene = patient();
    let first = scene.ask(1);
    assert_eq!(scene.statement(), [1], "nobody is waited for");
    let others: Vec<_> = [2, 404, 2, 5, 6, 7].map(|key| scene.ask(key)).into();
    scene.go(3);
    assert_eq!(scene.statement(), [2, 404, 2, 5], "as many as may be");
    assert_eq!(scene.statement(), [6, 7], "and the rest");
    assert_eq!(answer(first), Ok(2));
    let answers: Vec<_> = others.into_iter().map(answer).collect();
    let expected = [Ok(4), Err(Error::NotFound), Ok(4), Ok(10), Ok(12), Ok(14)];
    assert_eq!(answers, expected);
    assert_eq!(scene.lane.depth(), 0);
}

#[test]
fn one_that_fails_harms_nobody_else() {
    for bad in [13, 17, 19] {
        let scene = patient();
        let first = scene.ask(1);
        scene.statement();
        let others = [2, bad, 3].map(|key| scene.ask(key));
        scene.go(5);
        let [two, bad_one, three] = others.map(answer);
        assert_eq!((answer(first), two, three), (Ok(2), Ok(4), Ok(6)), "{bad}");
        match bad {
            // Alone it is answered as it should be.
            19 => assert_eq!(bad_one, Ok(38)),
            _ => assert!(matches!(bad_one, Err(Error::Internal(_))), "{bad_one:?}"),
        }
        let asked: Vec<_> = (0..4).map(|_| scene.statement()).collect();
        assert_eq!(asked, [vec![2, bad, 3], vec![2], vec![bad], vec![3]]);
    }
}

#[test]
fn other_work_has_its_turn_though_the_only_thread_s_queue_is_full() {
    let scene = Scene::on(1, 1, Duration::from_secs(60));
    let first = scene.ask(1);
    assert_eq!(scene.statement(), [1]);
    let (tell, told) = mpsc::channel();
    let at = scene.batch.clone();
    let other = scene.lane.run(move || {
        // None is asked for a second statement before this.
        tell.send(at.shared.lock().waiting.len()).unwrap();
        Ok(())
    });
    let second = scene.ask(2);
    scene.go(1);
    assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(1));
    assert_eq!(block(other).0, Ok(()));
    assert_eq!(scene.statement(), [2]);
    scene.go(1);
    assert_eq!((answer(first), answer(second)), (Ok(2), Ok(4)));
}

#[test]
fn a_full_queue_refuses_and_whoever_left_is_not_asked_for() {
    let scene = Scene::new(2, Duration::from_secs(60));
    let first = scene.ask(1);
    scene.statement();
    drop(scene.ask(2));
    let third = scene.ask(3);
    assert_eq!(scene.lane.depth(), 2);
    assert!(scene.ask(4).is_none(), "two wait");
    scene.go(2);
    assert_eq!(scene.statement(), [3]);
    assert_eq!((answer(first), answer(third)), (Ok(2), Ok(6)));
    let fifth = scene.ask(5);
    scene.go(1);
    assert_eq!(answer(fifth), Ok(10), "all good again");
}

#[test]
fn whoever_waited_too_long_is_refused() {
    let scene = Scene::new(9, Duration::from_millis(30));
    let first = scene.ask(1);
    scene.statement();
    let second = scene.ask(2);
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(40) {
        std::hint::spin_loop();
    }
    scene.go(1);
    assert_eq!(answer(first), Ok(2));
    assert_eq!(answer(second), Err(Error::Busy(Busy::Queue)));
}

#[test]
fn closing_answers_what_waits() {
    let scene = patient();
    let first = scene.ask(1);
    scene.statement();
    let others = [2, 3, 4, 5, 6, 7].map(|key| scene.ask(key));
    scene.go(3);
    scene.lane.close(Instant::now() + Duration::from_secs(60));
    assert_eq!(answer(first), Ok(2));
    assert_eq!(others.map(answer), [4, 6, 8, 10, 12, 14].map(Ok));
    assert!(scene.ask(8).is_none(), "closed");
}

#[test]
fn rows_go_where_their_keys_stood_or_nowhere() {
    assert_eq!(in_order(2, [(2, 'b'), (1, 'a')]), Ok(vec!['a', 'b']));
    for wrong in [vec![(1, 'a')], vec![(1, 'a'), (1, 'b')], vec![(1, 'a'), (3, 'b')]] {
        assert!(in_order(2, wrong.clone()).is_err(), "{wrong:?}");
    }
}

//! What the tests share: one `lab up` for those that break nothing, one system for those that do, conditions to wait for.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use behaviour::{Api, HttpFixture, Urls, World, json};
use lab::Place;
use lab::system::{Deployment, Options};

/// The binary under test.
pub const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// A `lab up --ephemeral --port-base 0 --format json` that all tests share which leave it whole. It ends with this process.
pub fn shared() -> &'static Place {
    static SHARED: OnceLock<Place> = OnceLock::new();
    SHARED.get_or_init(|| {
        let (answer, answered) = mpsc::channel::<Place>();
        // The system ends a child so marked when the thread that made it ends: this one stays until the process ends.
        std::thread::spawn(move || {
            let (mut child, target) =
                start_json(&mut lab(&["up", "--ephemeral", "--port-base", "0", "--format", "json"]));
            answer.send(target).unwrap();
            child.wait().unwrap();
        });
        answered.recv().expect("`lab up` prints its line")
    })
}

/// `lab` with arguments, on its own whatever is set around the tests.
pub fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(LAB);
    command.args(arguments).env_remove("DATABASE_URL").stdin(Stdio::null());
    command
}

/// Starts `lab up --format json` and waits for its line.
pub fn start_json(command: &mut Command) -> (Child, Place) {
    end_with_thread(command);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let target = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    (child, target)
}

/// A failing test leaves no `lab up` behind: SIGTERM lets it stop what it started.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std offers no other way to do something between fork and exec")]
pub fn end_with_thread(command: &mut Command) {
    use rustix::process::{Signal, set_parent_process_death_signal};
    // SAFETY: one system call, nothing allocates.
    unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::TERM))?)) };
}

/// Elsewhere it is ended by hand.
#[cfg(not(target_os = "linux"))]
pub fn end_with_thread(_: &mut Command) {}

/// A system for one test at a time, which may break it and must leave it whole.
pub fn breakable() -> MutexGuard<'static, Broken> {
    static BREAKABLE: OnceLock<Mutex<Broken>> = OnceLock::new();
    let broken = BREAKABLE.get_or_init(|| Mutex::new(Broken::start()));
    // A test that failed may have left it in pieces: the next one puts it together again.
    let mut guard = broken.lock().unwrap_or_else(PoisonError::into_inner);
    guard.mend();
    guard
}

/// A system whose parts can be stopped.
pub struct Broken {
    pub up: Deployment,
    news: Arc<Mutex<Vec<String>>>,
}

impl Broken {
    fn start() -> Self {
        let news = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&news);
        let options = Options { ephemeral: true, ..Options::default() };
        let up = Deployment::start(&options, move |text| heard.lock().unwrap().push(text.to_owned())).unwrap();
        Self { up, news }
    }

    fn mend(&mut self) {
        self.up.start_database().unwrap();
        for name in lab::system::services::names() {
            self.up.start_service(name).unwrap();
        }
        self.news.lock().unwrap().clear();
    }

    /// What was told since the test began.
    pub fn news(&self) -> Vec<String> {
        self.news.lock().unwrap().clone()
    }
}

/// The suites' world on a running system.
pub fn world(target: &Place) -> World {
    let urls = urls(target);
    let operator = target.operator.as_ref().unwrap();
    let database = target.database_of("billing").unwrap().to_owned();
    let fixture = HttpFixture::new(&urls)
        .with_operator(&operator.email, &operator.password)
        .with_standings(Box::new(move |org, standing| crate::sql::set_standing(&database, org, standing)));
    World::new(urls, fixture)
}

/// What the contract asks of each of the five.
pub fn suites() -> [Vec<behaviour::Case>; 5] {
    [
        behaviour::account::suite(),
        behaviour::profile::suite(),
        behaviour::registry::suite(),
        behaviour::billing::suite(),
        behaviour::notification::suite(),
    ]
}

pub fn urls(target: &Place) -> Urls {
    target.services.iter().collect()
}

/// Waits until `condition` holds; panics with `what` after two minutes: on a busy machine all takes longer.
#[track_caller]
pub fn until(what: &str, condition: impl FnMut() -> bool) -> Duration {
    until_within(what, Duration::from_secs(120), condition)
}

/// The same with another patience.
#[track_caller]
pub fn until_within(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    started.elapsed()
}

/// A name that no other test uses.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A tenant's place to put APIs: a domain with one sub domain.
pub fn sub_domain(registry: &Api, org: impl std::fmt::Display, token: &str) -> String {
    let path = format!("/organisations/{org}/domains");
    let domain = registry.post(&path).token(token).json(&json!({"name": unique("domain")})).send().expect(201).id();
    let sub = registry.post(&format!("{path}/{domain}/sub-domains")).token(token).json(&json!({"name": "sub"}));
    sub.send().expect(201).id().to_string()
}

/// Threads that do something again and again until told to stop.
pub struct Load<T> {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<T>>,
}

impl<T: Send + 'static> Load<T> {
    /// `work` gets its thread's number and a way to ask whether to go on.
    pub fn start(threads: usize, work: impl Fn(usize, &dyn Fn() -> bool) -> T + Send + Sync + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let work = Arc::new(work);
        let threads = (0..threads)
            .map(|number| {
                let (stop, work) = (Arc::clone(&stop), Arc::clone(&work));
                std::thread::spawn(move || work(number, &|| !stop.load(Ordering::Relaxed)))
            })
            .collect();
        Self { stop, threads }
    }

    /// What each came to.
    pub fn end(self) -> Vec<T> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

/// Sends lines of a reader to a channel, so that a test can wait for one.
pub fn lines(reader: impl std::io::Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
}

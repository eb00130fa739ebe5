//! The console of `lab up`: the page of `dba watch`, with a load, switches for known harms, and links. For development alone: it listens
//! on this machine, needs its token, and the services know nothing of it.
//!
//! One thread does what pages ask for. Where no page is open, there is neither load nor harm.

mod figures;
mod ground;
mod harm;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use schema::coupling::Owners;
use schema::watch::http::{Serving, serve_beside};
use schema::watch::{Options, Watching, console};
use serde::Deserialize;
use serde_json::json;

use crate::data::Size;
use crate::load::driver::{self, Driving, Settings};
use crate::load::schedule::{MATRIX, ServiceWorkload, Workload};
use crate::measure::cell;
use crate::result::ServiceInfo;
use crate::{Failure, Place};
use figures::Figures;
use ground::Ground;
use harm::{Harm, On};

/// Requests per second of all services together, at the most.
const RATE_MAX: u32 = 300;

/// Arrivals are made for so long at a time.
const CHUNK: Duration = Duration::from_secs(120);

/// How often it looks whether something has ended.
const TICK: Duration = Duration::from_millis(100);

/// A page that is loaded anew is gone for a moment.
const PAGES_BACK_WITHIN: Duration = Duration::from_secs(3);

/// Locks and sessions are asked for again after so many times as long as the server took: what happens is to be seen at once.
const REST: u32 = 20;

/// What a page asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
enum Order {
    /// So many requests per second; 0: none.
    Rate(u32),
    /// This harm and no other; none: no harm.
    Harm(Option<String>),
}

/// What pages are told.
struct Shared {
    figures: Arc<Figures>,
    harms: Vec<Harm>,
    links: Vec<(String, String)>,
    pages: AtomicUsize,
    now: Mutex<Now>,
    orders: Mutex<Sender<Order>>,
}

#[derive(Default)]
struct Now {
    rate: u32,
    harm: Option<(&'static str, Instant)>,
    note: Option<String>,
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, text: &str) {
        self.now().note = Some(text.to_owned());
    }
}

impl console::Console for Shared {
    fn state(&self) -> String {
        let services = self.figures.lines(Instant::now());
        let now = self.now();
        let harm = now.harm.map(|(name, until)| {
            json!({ "name": name, "endsInS": until.saturating_duration_since(Instant::now()).as_secs_f64().ceil() })
        });
        json!({
            "rate": now.rate, "rateMax": RATE_MAX, "services": services, "harms": self.harms, "harm": harm,
            "note": now.note, "links": self.links,
        })
        .to_string()
    }

    fn order(&self, order: &str) -> Result<(), String> {
        let order: Order = serde_json::from_str(order).map_err(|error| format!("That is no order: {error}."))?;
        match &order {
            Order::Rate(rate) if *rate > RATE_MAX => return Err(format!("At most {RATE_MAX} requests per second.")),
            Order::Harm(Some(name)) if self.harms.iter().all(|harm| harm.name != name) => {
                return Err(format!("Unknown harm {name}."));
            }
            _ => {}
        }
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.send(order).map_err(|_| "Everything is being stopped.".to_owned())
    }

    fn opened(&self) {
        self.pages.fetch_add(1, Ordering::Relaxed);
    }

    fn closed(&self) {
        self.pages.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A console; when it is dropped, its load ends, and its harm is undone.
pub struct Console {
    /// With the token.
    pub url: String,
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Console {
    /// Of the system at this place with this home folder; `size` of the rows that its load needs, where they are missing. Listens on this
    /// machine at `port`, or at a free one where that is taken.
    ///
    /// # Errors
    /// When its services have a database each, or it can't be read.
    pub fn begin(place: &Place, home: &Path, size: Size, port: u16) -> Result<Self, Failure> {
        let ground = Ground::new(place.clone(), home.join("signing-key.pem"), size);
        let harms = harm::all()?;
        harm::clean(ground.database_url()?, &harms)?;
        let options = Options { url: ground.database_url()?.to_owned(), owners: Owners::default(), check_roles: None };
        let watching = Watching::begin_with(options, REST)?;
        let (orders, asked) = channel();
        let shared = Arc::new(Shared {
            figures: Arc::default(),
            harms,
            links: ground.links(),
            pages: AtomicUsize::new(0),
            now: Mutex::default(),
            orders: Mutex::new(orders),
        });
        let token = format!("{:032x}", rand::random::<u128>());
        let serve = |port: u16| {
            let listen = ([127, 0, 0, 1], port).into();
            let serving = Serving { listen, token: token.clone(), metrics: false };
            let console: Arc<dyn console::Console> = Arc::<Shared>::clone(&shared);
            serve_beside(Arc::clone(&watching), serving, console)
        };
        let at = serve(port).or_else(|_| serve(0))?;
        let (stop, stopped) = channel();
        let work = Work { shared, ground, driving: None, on: None, seen: Instant::now() };
        let thread = std::thread::spawn(move || work.until(&stopped, &asked));
        Ok(Self { url: format!("http://{at}/?token={token}"), stop, thread: Some(thread) })
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Work {
    shared: Arc<Shared>,
    ground: Ground,
    /// And until when it has arrivals.
    driving: Option<(Driving, Instant)>,
    on: Option<On>,
    /// When a page was open last.
    seen: Instant,
}

impl Work {
    fn until(mut self, stopped: &Receiver<()>, asked: &Receiver<Order>) {
        while stopped.try_recv().is_err() {
            let done = match asked.recv_timeout(TICK) {
                Ok(order) => {
                    self.shared.now().note = None;
                    self.obey(order)
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(failure) = done {
                self.shared.note(&failure.to_string());
            }
        }
        if let Err(failure) = self.harm(None) {
            eprintln!("{failure}");
        }
        self.driving = None;
    }

    fn obey(&mut self, order: Order) -> Result<(), Failure> {
        match order {
            Order::Rate(rate) => self.drive(rate),
            Order::Harm(name) => self.harm(name.as_deref()),
        }
    }

    /// Ends what is over.
    fn look(&mut self) -> Result<(), Failure> {
        if self.shared.pages.load(Ordering::Relaxed) > 0 {
            self.seen = Instant::now();
        }
        if self.seen.elapsed() > PAGES_BACK_WITHIN {
            self.harm(None)?;
            return self.drive(0);
        }
        if self.on.as_ref().is_some_and(|on| on.until <= Instant::now()) {
            self.harm(None)?;
        }
        if self.driving.as_ref().is_some_and(|(_, until)| *until <= Instant::now()) {
            let rate = self.shared.now().rate;
            self.drive(rate)?;
        }
        Ok(())
    }

    fn ready(&mut self) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        self.ground.ready(|news| shared.note(news))?;
        self.shared.now().note = None;
        Ok(())
    }

    fn drive(&mut self, rate: u32) -> Result<(), Failure> {
        let next = if rate > 0 { Some(self.start(rate)?) } else { None };
        if let Some((before, _)) = std::mem::replace(&mut self.driving, next) {
            // It sends no more, and waits for what is under way, which a harm may hold up.
            std::thread::spawn(move || drop(before));
        }
        self.shared.now().rate = rate;
        Ok(())
    }

    fn start(&mut self, rate: u32) -> Result<(Driving, Instant), Failure> {
        self.ready()?;
        let mut workload = Workload::parse(MATRIX).map_err(|error| Failure::could_not_run(format!("{error}.")))?;
        let here = self.ground.services();
        workload.services.retain(|name, _| here.contains(name.as_str()));
        let total: f64 = workload.services.values().map(|of| of.weight).sum();
        let member =
            |(name, of): (&String, &ServiceWorkload)| ServiceInfo::at(name, f64::from(rate) * of.weight / total);
        let members: Vec<ServiceInfo> = workload.services.iter().map(member).collect();
        let mut loads = cell::loads(&self.ground, &workload, &members, CHUNK, rand::random())?;
        loads.iter_mut().for_each(|load| self.shared.figures.watch(load));
        // So short that never so many are under way that one isn't sent at all.
        let settings = Settings { timeout: Duration::from_secs(5), settle: Duration::ZERO, ..Settings::default() };
        Ok((driver::start(loads, settings), Instant::now() + CHUNK))
    }

    /// One at a time: they would be in each other's way.
    fn harm(&mut self, name: Option<&str>) -> Result<(), Failure> {
        if let Some(on) = self.on.take() {
            let off = on.off();
            self.shared.now().harm = None;
            off?;
        }
        let Some(name) = name else { return Ok(()) };
        self.ready()?;
        let stage = self.ground.stage()?;
        let Some(harm) = self.shared.harms.iter().find(|harm| harm.name == name) else { return Ok(()) };
        let on = harm.on(&stage)?;
        self.shared.now().harm = Some((on.harm.name, on.until));
        self.on = Some(on);
        Ok(())
    }
}

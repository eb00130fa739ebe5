//! What a suite runs in: the services, and who there is.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::assert::eventually;
use crate::http::{Api, Response};
use crate::services::{Services, Urls};

/// The services and the means to populate them.
pub struct World {
    /// The services.
    pub services: Services,
    /// Who makes tenants and people.
    pub fixture: Box<dyn Fixture>,
}

impl World {
    /// A world of services at these URLs, populated by this fixture.
    pub fn new(urls: Urls, fixture: impl Fixture + 'static) -> Self {
        Self::over(Services::new(urls), fixture)
    }

    /// A world of these services, populated by this fixture.
    pub fn over(services: Services, fixture: impl Fixture + 'static) -> Self {
        Self { services, fixture: Box::new(fixture) }
    }

    /// A service by its name; panics if it takes no part.
    #[track_caller]
    pub fn service(&self, name: &str) -> Api {
        self.services.api(name).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Account.
    #[track_caller]
    pub fn account(&self) -> Api {
        self.service("account")
    }

    /// Profile.
    #[track_caller]
    pub fn profile(&self) -> Api {
        self.service("profile")
    }

    /// Registry.
    #[track_caller]
    pub fn registry(&self) -> Api {
        self.service("registry")
    }

    /// Billing.
    #[track_caller]
    pub fn billing(&self) -> Api {
        self.service("billing")
    }

    /// Notification.
    #[track_caller]
    pub fn notification(&self) -> Api {
        self.service("notification")
    }

    /// A new tenant on this plan.
    pub fn tenant(&self, plan: &str) -> Tenant {
        self.fixture.tenant(plan)
    }

    /// Has the login at this path, which was added, accepted: as it is then.
    pub fn accept(&self, path: &str, token: &str) -> Response {
        let read = || self.account().get(path).token(token).send().expect(200);
        self.fixture.accept(read().id());
        eventually("the login is accepted", || Some(read()).filter(|login| login.json()["invited"] != true))
    }
}

/// An organisation with an admin and a member, each a login linked to a profile.
///
/// So two of the plan's users are taken from the start.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The organisation's id.
    pub org: Uuid,
    /// The organisation's name, unique.
    pub name: String,
    /// A token of scope `admin`.
    pub admin_token: String,
    /// The admin's login id, the token's `sub`.
    pub admin_login: Uuid,
    /// The admin's profile, the token's `profile`.
    pub admin_profile: Uuid,
    /// A token of scope `member`.
    pub member_token: String,
    /// The member's login id, the token's `sub`.
    pub member_login: Uuid,
    /// The member's profile, the token's `profile`.
    pub member_profile: Uuid,
}

impl Tenant {
    /// A path below the organisation: `tenant.path("/apis")`.
    pub fn path(&self, rest: &str) -> String {
        format!("/organisations/{}{rest}", self.org)
    }
}

/// Makes what a suite needs but does not test itself.
pub trait Fixture: Send + Sync {
    /// A new organisation on a plan (`free`, `team`, `enterprise`, `payg`), with an admin and a member.
    fn tenant(&self, plan: &str) -> Tenant;

    /// One more person of the tenant; counts against its plan.
    fn profile(&self, tenant: &Tenant) -> Uuid;

    /// The owner of its address accepts a login that was added. By default somebody else sees to that: whoever reads the mails.
    fn accept(&self, login: Uuid) {
        let _ = login;
    }

    /// Whether nobody but [`Fixture::accept`] accepts a login.
    fn accepts_alone(&self) -> bool {
        false
    }

    /// A token of the platform's own staff.
    fn operator_token(&self) -> String;

    /// Whether [`Fixture::set_standing`] works here; cases that need it are left out where it doesn't.
    fn can_set_standing(&self) -> bool {
        true
    }

    /// Sets how an organisation stands with its invoices: `active`, `overdue` or `frozen`.
    fn set_standing(&self, org: Uuid, standing: &str);

    /// A frozen organisation and the token of one of its logins, where there can be one.
    fn frozen(&self) -> Option<(Uuid, String)> {
        let tenant = self.can_set_standing().then(|| self.tenant("team"))?;
        self.set_standing(tenant.org, "frozen");
        Some((tenant.org, tenant.member_token))
    }
}

/// One behaviour: a name and assertions that panic where it is not shown.
///
/// Others may run beside it on the same services, see [`run_together`]: it makes its own tenants, and neither counts nor stops nor moves what
/// all of them share.
#[derive(Clone, Copy)]
pub struct Case {
    /// `resource: what must hold`.
    pub name: &'static str,
    /// The assertions.
    pub run: fn(&World),
}

thread_local! {
    /// The panic of the case that runs on this thread; none: no case runs.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

impl Case {
    /// Runs the assertions; an error is the first that failed, and where it stands.
    pub fn check(&self, world: &World) -> Result<(), String> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = take_hook();
            set_hook(Box::new(move |panic| {
                if !catch(panic) {
                    before(panic);
                }
            }));
        });
        CAUGHT.set(Some(String::new()));
        let result = catch_unwind(AssertUnwindSafe(|| (self.run)(world)));
        let caught = CAUGHT.take().unwrap_or_default();
        result.map_err(|_| caught)
    }
}

/// Keeps the panic of a case as text, so that nothing is printed; false where it is not a case's.
fn catch(panic: &PanicHookInfo<'_>) -> bool {
    let text = || {
        let place = panic.location().map_or_else(String::new, |place| format!(" ({}:{})", place.file(), place.line()));
        format!("{}{place}", panic.payload_as_str().unwrap_or("an assertion failed"))
    };
    let keep = |caught: &mut Option<String>| caught.as_mut().map(|caught| *caught = text()).is_some();
    CAUGHT.try_with(|caught| keep(&mut caught.borrow_mut())).unwrap_or(false)
}

/// Runs every case, also after one has failed, and panics with the names of those that did.
pub fn run(world: &World, cases: &[Case]) {
    run_together(world, cases, 1);
}

/// The same, so many at a time: most of a case's time is waiting.
pub fn run_together(world: &World, cases: &[Case], at_a_time: usize) {
    let failed = Mutex::new(Vec::new());
    check_together(world, cases, at_a_time, |number, took, ended| {
        let (name, took) = (cases[number].name, took.as_secs_f64());
        match ended {
            Ok(()) => println!("ok     {took:5.1} s  {name}"),
            Err(why) => {
                println!("FAILED {took:5.1} s  {name}: {why}");
                failed.lock().unwrap_or_else(PoisonError::into_inner).push(name);
            }
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failed.is_empty(), "{} of {} cases failed: {failed:#?}", failed.len(), cases.len());
}

/// Checks so many cases at a time; after each, `ended` is called with its number, how long it took, and what failed first.
pub fn check_together(
    world: &World,
    cases: &[Case],
    at_a_time: usize,
    ended: impl Fn(usize, Duration, Result<(), String>) + Sync,
) {
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(number) else { return };
            let began = Instant::now();
            let found = case.check(world);
            ended(number, began.elapsed(), found);
        }
    };
    if at_a_time <= 1 {
        return work();
    }
    std::thread::scope(|scope| (0..at_a_time.min(cases.len())).for_each(|_| drop(scope.spawn(work))));
}

//! What a suite runs in: where the services are, and who there is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use uuid::Uuid;

use crate::http::{Api, Client};

/// Base URLs of the services that take part; the others are not called.
#[derive(Debug, Clone, Default)]
pub struct Urls {
    /// Account's.
    pub account: Option<String>,
    /// Profile's.
    pub profile: Option<String>,
    /// Registry's.
    pub registry: Option<String>,
    /// Billing's.
    pub billing: Option<String>,
    /// Notification's.
    pub notification: Option<String>,
}

/// The services and the means to populate them.
pub struct World {
    /// Where the services are.
    pub urls: Urls,
    /// Who makes tenants and people.
    pub fixture: Box<dyn Fixture>,
    /// The client all calls go through.
    pub client: Client,
}

impl World {
    /// A world of these services, populated by this fixture.
    pub fn new(urls: Urls, fixture: impl Fixture + 'static) -> Self {
        Self { urls, fixture: Box::new(fixture), client: Client::new() }
    }

    /// A service by its name; panics if it does not take part.
    #[track_caller]
    pub fn service(&self, name: &str) -> Api {
        let url = match name {
            "account" => &self.urls.account,
            "profile" => &self.urls.profile,
            "registry" => &self.urls.registry,
            "billing" => &self.urls.billing,
            "notification" => &self.urls.notification,
            _ => panic!("no service is called {name}"),
        };
        self.client.api(url.as_deref().unwrap_or_else(|| panic!("{name} takes no part in this world")))
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

    /// A token of the platform's own staff.
    fn operator_token(&self) -> String;

    /// Whether [`Fixture::set_standing`] works here; cases that need it are left out where it doesn't.
    fn can_set_standing(&self) -> bool {
        true
    }

    /// Sets how an organisation stands with its invoices: `active`, `overdue` or `frozen`.
    fn set_standing(&self, org: Uuid, standing: &str);
}

/// One behaviour: a name and assertions that panic where it is not shown.
#[derive(Clone, Copy)]
pub struct Case {
    /// `resource: what must hold`.
    pub name: &'static str,
    /// The assertions.
    pub run: fn(&World),
}

/// Runs every case, also after one has failed, and panics with the names of those that did.
pub fn run(world: &World, cases: &[Case]) {
    let failed: Vec<&str> = cases
        .iter()
        .filter(|case| {
            let failed = catch_unwind(AssertUnwindSafe(|| (case.run)(world))).is_err();
            println!("{} {}", if failed { "FAILED" } else { "ok    " }, case.name);
            failed
        })
        .map(|case| case.name)
        .collect();
    assert!(failed.is_empty(), "{} of {} cases failed: {failed:#?}", failed.len(), cases.len());
}

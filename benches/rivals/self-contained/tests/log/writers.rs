//! Who writes while things are killed, through every service.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use behaviour::http::Call;
use behaviour::{PASSWORD, Response, Services, Tenant, json, unique};
use uuid::Uuid;

use crate::deployment::Deployment;
use crate::people::texts;

/// How long a writer waits for one thing: meanwhile all that it depends on may be killed again and again.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two changes of a writer.
const PACE: Duration = Duration::from_millis(100);
/// Of an organisation: each can be paid a hundred times in vain.
const INVOICES: usize = 60;

/// An organisation whose members are told of what is written.
pub struct Desk {
    pub tenant: Tenant,
    /// The login of a second admin: the first one, who writes, isn't told of it.
    pub witness: Uuid,
    /// The member watches it.
    domain: Uuid,
    /// They are never paid.
    invoices: Vec<String>,
}

impl Desk {
    pub fn new(deployment: &Deployment) -> Self {
        let world = &deployment.world;
        let tenant = world.tenant("enterprise");
        let (admin, logins) = (&tenant.admin_token, tenant.path("/logins"));
        let body = json!({"email": format!("{}@suite.example", unique()), "password": PASSWORD, "scope": "admin"});
        let witness = world.account().post(&logins).token(admin).json(&body).send().expect(201).id();
        world.accept(&format!("{logins}/{witness}"), admin);
        let domain = world.registry().post(&tenant.path("/domains")).token(admin);
        let domain = domain.json(&json!({"name": unique()})).send().expect(201).id();
        let watch = world.registry().post(&tenant.path("/watches")).token(&tenant.member_token);
        watch.json(&json!({"kind": "domain", "targetId": domain})).send().expect(201);
        let card = world.billing().put(&tenant.path("/payment-method")).token(admin);
        card.json(&json!({"paymentMethodToken": "pm_card_chargeCustomerFail"})).send().expect(201);
        let invoices = format!(
            "with run as (
                insert into billing.runs (id, period, status, organisations, invoices, amount_cents, version, created_at, updated_at)
                values (gen_random_uuid(), '2001-01', 'done', 0, 0, 0, 1, now(), now())
                on conflict (period) do update set version = 1 returning id
            )
            insert into billing.invoices (organisation_id, id, run_id, period, currency, amount_cents, status, issued_at, version, created_at, updated_at)
            select '{}', gen_random_uuid(), run.id, to_char(date '2001-01-01' + n * interval '1 month', 'YYYY-MM'), 'EUR', 4900, 'open', now(), 1, now(), now()
            from run, generate_series(1, {INVOICES}) n returning id::text",
            tenant.org
        );
        let invoices = texts(&mut deployment.ground.connect("billing"), &invoices);
        // Everybody knows of the witness.
        deployment.freshness.settle();
        Self { tenant, witness, domain, invoices }
    }
}

/// Those who write until an [`Ending`] is dropped.
pub struct Writers {
    services: Services,
    made: AtomicUsize,
    over: AtomicBool,
}

impl Writers {
    pub fn new(services: Services) -> Self {
        Self { services, made: AtomicUsize::new(0), over: AtomicBool::new(false) }
    }

    /// One of whom each change concerns two services; and one for each service that it concerns alone: whatever else is away, there
    /// are changes to be told.
    pub fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, desk: &'scope Desk) {
        let (organisation, member) = (desk.tenant.path(""), desk.tenant.member_profile);
        let person = desk.tenant.path(&format!("/profiles/{member}"));
        let domain = desk.tenant.path(&format!("/domains/{}", desk.domain));
        scope.spawn(move || self.one_of_each(desk));
        scope.spawn(move || self.again_and_again("account", desk, &organisation, "name"));
        scope.spawn(move || self.again_and_again("profile", desk, &person, "jobTitle"));
        scope.spawn(move || self.again_and_again("registry", desk, &domain, "description"));
        scope.spawn(move || self.payments(desk));
    }

    /// Changes that were answered.
    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    fn go_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    fn one_of_each(&self, desk: &Desk) {
        let mut round = 0;
        while self.go_on() {
            write_one_of_each(&self.services, &desk.tenant, round);
            round += 1;
        }
    }

    /// A new value.
    fn again_and_again(&self, service: &str, desk: &Desk, path: &str, field: &str) {
        while self.go_on() {
            let value = Uuid::now_v7().to_string();
            if guarded(&self.services, service, &desk.tenant, "PATCH", path, &json!({field: value})) {
                self.made.fetch_add(1, Ordering::SeqCst);
            }
            thread::sleep(PACE);
        }
    }

    /// Payments that the provider declines.
    fn payments(&self, desk: &Desk) {
        let billing = self.services.api("billing").unwrap();
        let mut left = desk.invoices.iter();
        let mut invoice = left.next();
        while self.go_on() {
            let path = desk.tenant.path(&format!("/invoices/{}/payments", invoice.unwrap()));
            let answer = until_answered(|| billing.post(&path).token(&desk.tenant.admin_token)).expect(409).text();
            if answer.contains("payment-declined") {
                self.made.fetch_add(1, Ordering::SeqCst);
            } else {
                assert!(answer.contains("limit-reached"), "{answer}");
                invoice = left.next();
            }
            thread::sleep(PACE);
        }
    }
}

/// Ends the writers when it is dropped, also where the test fails: else they would be waited for without end.
pub struct Ending<'a>(pub &'a Writers);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

/// A person, a domain of theirs that is watched and then changed, and a new name for the person. Each third domain goes again.
fn write_one_of_each(services: &Services, tenant: &Tenant, round: usize) {
    let (registry, profile) = (services.api("registry").unwrap(), services.api("profile").unwrap());
    let name = Uuid::now_v7().to_string();
    let people = tenant.path("/profiles");
    let person = made(None, || {
        let body = json!({"name": name, "jobTitle": "Tester", "email": format!("{name}@people.example"), "timeZone": "Europe/Zurich"});
        profile.post(&people).token(&tenant.admin_token).json(&body)
    });
    let domains = tenant.path("/domains");
    let domain = made(Some("businessOwnerId"), || {
        let body = json!({"name": name, "businessOwnerId": person});
        registry.post(&domains).token(&tenant.admin_token).json(&body)
    });
    let watches = tenant.path("/watches");
    made(None, || {
        let body = json!({"kind": "domain", "targetId": domain});
        registry.post(&watches).token(&tenant.member_token).json(&body)
    });
    let domain = format!("{domains}/{domain}");
    guarded(services, "registry", tenant, "PATCH", &domain, &json!({"description": name}));
    let person = format!("{people}/{person}");
    guarded(services, "profile", tenant, "PATCH", &person, &json!({"name": format!("{name} renamed")}));
    if round.is_multiple_of(3) {
        guarded(services, "registry", tenant, "DELETE", &domain, &json!({}));
    }
}

/// Makes something, once it is known there what this field refers to.
fn made(refers: Option<&str>, call: impl Fn() -> Call) -> Uuid {
    until(|| {
        let key = Uuid::now_v7().to_string();
        let answer = until_answered(|| call().idempotency_key(&key));
        match answer.status {
            // What was just made elsewhere isn't known here yet. Anything else that is wrong stays so.
            422 if refers.is_some_and(|field| answer.value()["errors"][0]["field"] == field) => Err(answer.describe()),
            // A watch that is there already.
            200 => Ok(answer.id()),
            _ => Ok(answer.expect(201).id()),
        }
    })
}

/// A change of what is as it was read; whether it was answered that it was done. Sent again after it was done: 412, or 404 where it is gone.
fn guarded(
    services: &Services,
    service: &str,
    tenant: &Tenant,
    method: &str,
    path: &str,
    body: &behaviour::Value,
) -> bool {
    let api = services.api(service).unwrap();
    let etag = until_answered(|| api.get(path).token(&tenant.admin_token)).expect(200).etag();
    let answer = until_answered(|| {
        let call = api.request(method, path).token(&tenant.admin_token).if_match(&etag);
        if method == "DELETE" { call } else { call.json(body) }
    });
    assert!([200, 204, 404, 412].contains(&answer.status), "{}", answer.describe());
    answer.status < 300
}

/// Asks until there is an answer that says what became of it.
fn until_answered(call: impl Fn() -> Call) -> Response {
    until(|| match call().try_send() {
        Ok(answer) if answer.status < 500 && answer.status != 429 => Ok(answer),
        Ok(answer) => Err(answer.describe()),
        Err(error) => Err(error.to_string()),
    })
}

/// Asks until there is what was asked for; in the end says why not.
fn until<T>(mut ask: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(found) => return found,
            Err(why) => assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {why}"),
        }
        // What is on its way up needs the processor more.
        thread::sleep(Duration::from_millis(50));
    }
}

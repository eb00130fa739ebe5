//! Nobody is mailed who didn't ask: one mail with a link, and nothing more before it is used; and never too many.

use std::thread;

use behaviour::{World, json};
use chrono::{TimeDelta, Utc};
use kit::testing::Running;
use mail_sink::Mail;
use notification::settings::Settings;
use uuid::Uuid;

use crate::here::{Change, Here, Person, until};

/// So many mails an attacker could have sent to a stranger within half a minute.
const CHANGES: i64 = 2_557;

pub struct Scene {
    pub here: Here,
    org: Uuid,
    api: Uuid,
}

impl Scene {
    pub fn new() -> Self {
        let here = Here::new();
        Self { org: here.organisation(), here, api: Uuid::now_v7() }
    }

    /// With the limits that a service has by itself, but for these.
    pub fn start(&self, mails_per_address: u32, mails_per_organisation: u32) -> Running {
        let asks_per_organisation = 500;
        self.here.start_with(Settings {
            mails_per_address,
            mails_per_organisation,
            asks_per_organisation,
            ..self.here.settings()
        })
    }

    /// Somebody who watches the API.
    pub fn watcher(&self, of: impl Fn(&Here, Uuid) -> Person) -> (Person, String) {
        let person = of(&self.here, self.org);
        self.here.watch(self.org, person.profile, "api", self.api);
        (person, format!("{}@people.example", person.profile))
    }

    pub fn change(&self, count: i64) {
        let change = Change::new("registry", "ApiModified", self.org, self.api);
        let sql = change.from(json!({"name": "see http://evil.example/"})).to(json!({"name": "b"})).sql();
        for _ in 0..count / 500 {
            self.here.run("registry_writer", &format!("{};", vec![sql.as_str(); 500].join(";")));
        }
        self.here.run(
            "registry_writer",
            &format!("{}; notify registry_changes", vec![sql.as_str(); (count % 500) as usize].join(";")),
        );
    }

    /// All that may be sent has been.
    pub fn settled(&self) {
        let due = "select count(*) from notification.deliveries where status = 'waiting' or status = 'held' and address_id is null";
        until("settled", || self.here.all_read() && self.here.count(due) == 0);
    }

    pub fn mails(&self, address: &str) -> Vec<Mail> {
        self.here.sink.mails_to(address)
    }

    fn held(&self) -> i64 {
        self.here.count("select count(*) from notification.deliveries where status = 'held'")
    }
}

/// The token of a mail that asks.
pub fn token(mail: &Mail) -> String {
    let text = mail.text.as_deref().unwrap();
    let link = text.lines().find_map(|line| line.strip_prefix("https://govrnanza.example/api/v1/confirmations/"));
    link.unwrap_or_else(|| panic!("no link in {text}")).to_owned()
}

pub fn look(world: &World, token: &str, status: u16) -> String {
    let page = world.notification().get(&format!("/confirmations/{token}")).send();
    assert_eq!(page.status, status);
    page.text().to_owned()
}

pub fn press(world: &World, token: &str, status: u16) {
    assert_eq!(world.notification().post(&format!("/confirmations/{token}")).send().status, status);
}

#[test]
fn a_stranger_gets_one_mail_whatever_is_done() {
    let scene = Scene::new();
    let (person, address) = scene.watcher(|here, org| here.stranger(org, "member"));
    let service = scene.start(30, 20_000);
    scene.change(CHANGES);
    scene.settled();
    assert_eq!(scene.here.told(person.profile).len() as i64, CHANGES, "told in the service");
    let mails = scene.mails(&address);
    assert_eq!(mails.len(), 1, "{CHANGES} changes");
    assert_eq!(mails[0].subject(), "Confirm your e-mail address");
    let raw = String::from_utf8_lossy(&mails[0].raw).into_owned();
    assert!(!raw.contains("evil") && !raw.contains("Org "), "nothing of the organisation: {raw}");
    assert_eq!(scene.held(), 1, "all the rest is one mail");

    // The token is in the mail alone; looking, as programs that check links do, changes nothing.
    let (token, world) = (token(&mails[0]), scene.here.world(&service.url));
    let kept = format!("select count(*) from notification.confirmations where token_hash = sha256('{token}')");
    assert_eq!(scene.here.count(&kept), 1);
    for _ in 0..2 {
        let page = look(&world, &token, 200);
        assert!(page.contains("Org ") && page.contains("<button>"), "{page}");
    }
    assert_eq!(scene.here.count("select count(*) from notification.addresses where confirmed_at is not null"), 0);

    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| press(&world, &token, 200));
        }
    });
    until("what waited comes", || scene.mails(&address).len() == 2);
    press(&world, &token, 200);
    scene.settled();
    let mails = scene.mails(&address);
    assert_eq!((mails.len(), mails[1].subject()), (2, "2557 changes"));
    assert!(mails[1].text.as_deref().unwrap().contains("and 2357 more"));
    assert!(!look(&world, &token, 200).contains("<button>"));
}

#[test]
fn what_is_too_much_is_one_mail_later() {
    let scene = Scene::new();
    let (_, address) = scene.watcher(|here, org| here.person(org, "member"));
    let _service = scene.start(3, 20_000);
    scene.change(10);
    scene.settled();
    assert_eq!((scene.mails(&address).len(), scene.held()), (3, 1));
    scene.change(2);
    scene.settled();
    assert_eq!((scene.mails(&address).len(), scene.held()), (3, 1));
    scene.here.set_clock(Utc::now() + TimeDelta::minutes(62));
    until("the rest comes", || scene.mails(&address).len() == 4);
    let last = scene.mails(&address).pop().unwrap();
    assert_eq!(last.subject(), "9 changes");
    assert_eq!(last.text.unwrap().matches("evil.example").count(), 18, "nothing is lost");
}

#[test]
fn an_organisation_sends_so_many() {
    let scene = Scene::new();
    let addresses: Vec<_> = (0..3).map(|_| scene.watcher(|here, org| here.person(org, "member")).1).collect();
    let _service = scene.start(30, 2);
    let sent = || addresses.iter().map(|address| scene.mails(address).len()).sum::<usize>();
    scene.change(1);
    scene.settled();
    assert_eq!((sent(), scene.held()), (2, 1));
    scene.here.set_clock(Utc::now() + TimeDelta::minutes(62));
    until("the third comes", || sent() == 3);
    let changed = |mail: &Mail| mail.subject() == "API see http://evil.example/ was changed";
    assert!(addresses.iter().all(|address| scene.mails(address).iter().all(changed)), "one change is no digest");
}

#[test]
fn a_link_confirms_its_address_whoever_has_it_now() {
    let scene = Scene::new();
    let (person, old) = scene.watcher(|here, org| here.stranger(org, "member"));
    let service = scene.start(30, 20_000);
    let world = scene.here.world(&service.url);
    scene.change(1);
    scene.settled();
    let new = format!("new-{old}");
    let email = format!("update profile.profiles set email = '{new}' where id = '{}'", person.profile);
    scene.here.run("profile_writer", &email);
    scene.change(1);
    scene.settled();
    let link = token(&scene.mails(&old)[0]);
    press(&world, &link, 200);
    scene.change(1);
    scene.settled();
    assert_eq!(
        (scene.mails(&old).len(), scene.mails(&new).len(), scene.held()),
        (1, 1, 1),
        "the new one isn't confirmed"
    );
    press(&world, &token(&scene.mails(&new)[0]), 200);
    until("what waited comes", || scene.mails(&new).len() == 2);
    assert_eq!((scene.mails(&new)[1].subject(), scene.mails(&old).len()), ("3 changes", 1));
}

#[test]
fn a_mailbox_is_asked_once_a_day_by_all_together() {
    let scene = Scene::new();
    let people: Vec<_> = (0..3)
        .map(|number| {
            let org = scene.here.organisation();
            let person = scene.here.stranger(org, "member");
            let address = format!("ada+{number}@mailbox.example");
            let email = format!("update profile.profiles set email = '{address}' where id = '{}'", person.profile);
            scene.here.run("profile_writer", &email);
            (org, person, address)
        })
        .collect();
    let _service = scene.start(30, 20_000);
    for (org, person, _) in &people {
        scene.here.change(&Change::new("profile", "ProfileModified", *org, person.profile).to(json!({"name": "x"})));
    }
    let sent = || people.iter().map(|(.., address)| scene.mails(address).len()).sum::<usize>();
    scene.settled();
    assert_eq!(sent(), 1);
    scene.here.set_clock(Utc::now() + TimeDelta::hours(25));
    until("another organisation asks", || sent() == 2);
    scene.settled();
    assert_eq!(sent(), 2);
}

#[test]
fn links_end() {
    let scene = Scene::new();
    let (_, address) = scene.watcher(|here, org| here.stranger(org, "member"));
    let service = scene.start(30, 20_000);
    let world = scene.here.world(&service.url);
    scene.change(1);
    scene.settled();
    let link = token(&scene.mails(&address)[0]);
    scene.here.set_clock(Utc::now() + TimeDelta::days(31));
    until("expired", || world.notification().get(&format!("/confirmations/{link}")).send().status == 410);
    press(&world, &link, 410);
    press(&world, &"0".repeat(64), 404);
    look(&world, "x", 400);
    scene.settled();
    assert_eq!((scene.mails(&address).len(), scene.held()), (1, 1));
    // The platform's staff has a new link sent.
    scene.here.set_clock(Utc::now());
    let asking = "select id::text as line from notification.deliveries where confirms";
    let ids: Vec<Uuid> = scene.here.lines(asking).iter().map(|id| id.parse().unwrap()).collect();
    let retry = world.notification().post("/deliveries/retry").token(&world.fixture.operator_token());
    retry.json(&json!({ "ids": ids })).send().expect(204);
    until("a new link", || scene.mails(&address).len() == 2);
    press(&world, &token(&scene.mails(&address)[1]), 200);
    until("what waited comes", || scene.mails(&address).len() == 3);
}

#[test]
fn a_service_that_is_killed_again_and_again_asks_once() {
    let scene = Scene::new();
    let (_, address) = scene.watcher(|here, org| here.stranger(org, "member"));
    for _ in 0..6 {
        let child = scene.here.child(&[("SMTP_TIMEOUT_SECONDS", "2"), ("MAIL_LEASE_SECONDS", "5")]);
        scene.change(100);
        let read = scene.here.count("select count(*) from notification.notifications");
        until("it works", || scene.here.count("select count(*) from notification.notifications") > read);
        drop(child);
    }
    let _service = scene.start(30, 20_000);
    scene.settled();
    let mut ids: Vec<_> = scene.mails(&address).iter().map(|mail| mail.message_id().to_owned()).collect();
    // A mail whose sender died before it was recorded comes again, as the same.
    ids.dedup();
    assert_eq!((ids.len(), scene.held()), (1, 1));
    let kept = "select count(*) from notification.notifications n join notification.deliveries d on d.id = n.delivery_id where d.status = 'held'";
    assert_eq!(scene.here.count(kept), 600);
}

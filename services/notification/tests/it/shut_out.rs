//! Who can't sign in any more is told nothing more: not at once, not in the digest that waits, not days later.

use behaviour::json;
use chrono::{TimeDelta, Utc};
use mail_sink::Dials;
use uuid::Uuid;

use crate::here::{Change, Here, Person, until};

struct Scene {
    here: Here,
    org: Uuid,
    api: Uuid,
    /// Told at once; told by digest; with a second login; nobody's business.
    instant: Person,
    digest: Person,
    both: Person,
    other: Person,
}

impl Scene {
    fn new() -> Self {
        let here = Here::new();
        let (org, api) = (here.organisation(), Uuid::now_v7());
        let [instant, digest, both, other] = [(); 4].map(|()| here.person(org, "member"));
        let later = (Utc::now() + TimeDelta::hours(2)).format("daily %H:%M").to_string();
        here.set_schedule(org, digest.profile, &later, "UTC");
        for person in [instant, digest, both, other] {
            here.watch(org, person.profile, "api", api);
        }
        here.second_login(org, both.profile);
        Self { here, org, api, instant, digest, both, other }
    }

    fn change(&self) {
        self.here.change(&Change::new("registry", "ApiModified", self.org, self.api).to(json!({"name": "a"})));
        for person in [self.instant, self.digest, self.both, self.other] {
            let change = Change::new("profile", "ProfileModified", self.org, person.profile);
            self.here.change(&change.to(json!({"jobTitle": "b"})));
        }
    }

    fn read(&self) {
        until("all read", || self.here.all_read());
    }

    fn shut_out(&self, person: Person, kind: &'static str) {
        let login = person.login;
        self.here.run(
            "account_writer",
            &match kind {
                "LoginDeleted" => format!("delete from account.logins where id = '{login}'"),
                _ => format!("update account.logins set disabled_at = now() where id = '{login}'"),
            },
        );
        let is = |disabled| json!({"email": "a@b.example", "scope": "member", "profileId": person.profile, "disabledAt": disabled});
        let change = Change::new("account", kind, self.org, login).from(is(None::<&str>));
        self.here.change(&if kind == "LoginDeleted" { change } else { change.to(is(Some("2026-11-29T00:00:00Z"))) });
    }

    fn of_the_organisation(&self, person: Person) -> usize {
        self.here.told(person.profile).len()
    }
}

fn ends(kind: &'static str) {
    let scene = Scene::new();
    let here = &scene.here;
    // Mails made before wait for the mail server.
    here.sink.set_dials(Dials { down: true, ..Dials::default() });
    let _service = here.start();
    scene.change();
    scene.read();
    for person in [scene.instant, scene.digest, scene.both] {
        scene.shut_out(person, kind);
    }
    scene.read();
    let waiting = |person: Person| {
        here.count(&format!(
            "select count(*) from notification.deliveries where profile_id = '{}' and status = 'waiting'",
            person.profile
        ))
    };
    assert_eq!([scene.instant, scene.both, scene.other].map(waiting), [0, 2, 2], "at once");
    assert_eq!(here.count("select count(*) from notification.notifications where pending"), 0, "the digest");
    scene.change();
    scene.read();
    here.sink.set_dials(Dials::default());
    // A day on, past the digest's time.
    here.set_clock(Utc::now() + TimeDelta::days(1));
    until("the others have theirs", || waiting(scene.both) + waiting(scene.other) == 0);
    let mails = |person: Person| here.sink.mails_to(&format!("{}@people.example", person.profile)).len();
    let people = [scene.instant, scene.digest, scene.both, scene.other];
    assert_eq!(people.map(mails), [0, 0, 4, 4]);
    assert_eq!(people.map(|person| scene.of_the_organisation(person)), [2, 2, 4, 4], "nothing after it");
    // Back again: the watch has only rested.
    if kind == "LoginModified" {
        here.run(
            "account_writer",
            &format!("update account.logins set disabled_at = null where id = '{}'", scene.instant.login),
        );
        scene.change();
        scene.read();
        assert_eq!(scene.of_the_organisation(scene.instant), 4);
    }
}

#[test]
fn a_disabled_login_ends_what_its_person_is_told() {
    ends("LoginModified");
}

#[test]
fn a_deleted_login_ends_what_its_person_is_told() {
    ends("LoginDeleted");
}

/// The digest looks again when its time comes: the feed that says who was shut out may be read after it.
#[test]
fn a_digest_looks_who_can_sign_in() {
    let scene = Scene::new();
    let here = &scene.here;
    let mut connection = here.writer();
    let service = here.start();
    scene.change();
    scene.read();
    drop(service);
    here.run(
        "account_writer",
        &format!("update account.logins set disabled_at = now() where id = '{}'", scene.digest.login),
    );
    notification::rollups::run(&mut connection, Utc::now() + TimeDelta::days(1)).unwrap();
    assert_eq!(here.count("select count(*) from notification.notifications where pending"), 0);
    let mails = format!("select count(*) from notification.deliveries where profile_id = '{}'", scene.digest.profile);
    assert_eq!(here.count(&mails), 0);
}

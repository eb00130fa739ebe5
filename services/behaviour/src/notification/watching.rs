//! Who is told of what they watch: decided by the order of the feed, and by who can sign in. Needs Registry, and Account for the logins.

use std::collections::BTreeSet;
use std::sync::Barrier;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::assert::{changes, eventually, pages};
use crate::http::Response;
use crate::registry::Desk;
use crate::session::{PASSWORD, token, unique};
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "notifications: who watches before a change is told of it, however the two raced", run: raced },
        Case { name: "notifications: who can't sign in is told nothing more", run: shut_out },
    ]
}

/// Races of each kind; as many pairs as tell something in a few seconds.
const PAIRS: usize = 40;

/// The kinds of notifications that the token's holder has of APIs that changed: the APIs, each as often as it was told.
fn told(world: &World, desk: &Desk, token: &str) -> Vec<String> {
    let all = pages(&world.notification(), &desk.tenant.path("/notifications"), token, 200);
    let of_apis = all.iter().filter(|item| item["kind"] == "apiModified");
    of_apis.filter_map(|item| item["entity"]["id"].as_str().map(str::to_owned)).collect()
}

fn watch(desk: &Desk, token: &str, api: Uuid) -> Response {
    let call = desk.service.post(&desk.tenant.path("/watches")).token(token);
    call.json(&json!({"kind": "api", "targetId": api})).send()
}

/// The admin changes an API whose ETag is known.
fn modify(desk: &Desk, api: Uuid, etag: &str) {
    let call = desk.service.patch(&desk.tenant.path(&format!("/apis/{api}"))).token(&desk.tenant.admin_token);
    call.if_match(etag).json(&json!({"description": unique()})).send().expect(200);
}

/// Both at once; each has its connection before it starts.
fn at_once(one: impl FnOnce() + Send, other: impl FnOnce() + Send) {
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            one();
        });
        barrier.wait();
        other();
    });
}

fn raced(world: &World) {
    if world.services.urls.registry.is_none() {
        return;
    }
    let desk = Desk::new(world, "enterprise");
    let member = desk.tenant.member_token.clone();
    let (_, place) = desk.place();
    let make = |name: String| {
        let answer = desk.post("/apis", &json!({"name": name, "subDomainId": place})).expect(201);
        (answer.id(), answer.etag())
    };
    let last = make("last".to_owned());
    watch(&desk, &member, last.0).expect(201);
    for number in 0..PAIRS {
        let (api, etag) = make(format!("opened-{number}"));
        at_once(|| drop(watch(&desk, &member, api).expect(201)), || modify(&desk, api, &etag));
    }
    for number in 0..PAIRS {
        let (api, etag) = make(format!("ended-{number}"));
        let path = format!("/watches/{}", watch(&desk, &member, api).expect(201).id());
        at_once(|| drop(desk.call("DELETE", &path).send().expect(204)), || modify(&desk, api, &etag));
    }
    modify(&desk, last.0, &last.1);
    let last = last.0.to_string();
    // The feed is read in its order: who has been told of the last change has been told of all before it.
    eventually("told of the last change", || told(world, &desk, &member).contains(&last).then_some(()));
    let found = told(world, &desk, &member);
    let once: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!(once.len(), found.len(), "told twice: {found:?}");
    let expected = expected(&desk, &last);
    let lost: Vec<_> = expected.difference(&once).collect();
    let more: Vec<_> = once.difference(&expected).collect();
    assert!(lost.is_empty() && more.is_empty(), "lost: {lost:?}; told though nobody watched before it: {more:?}");
}

/// The APIs of whose change the member is to be told, by the order of the feed alone.
fn expected(desk: &Desk, last: &str) -> BTreeSet<String> {
    let path = desk.tenant.path("/registry-changes");
    let feed = eventually("the feed holds the last change", || {
        let (feed, _) = changes(&desk.service, &path, &desk.tenant.member_token, None);
        feed.iter().any(|change| change["kind"] == "ApiModified" && change["entityId"] == last).then_some(feed)
    });
    let mut open = BTreeSet::new();
    let mut expected = BTreeSet::new();
    for change in feed {
        let target = |side: &str| change[side]["targetId"].as_str().unwrap_or_default().to_owned();
        match change["kind"].as_str() {
            Some("WatchCreated") => drop(open.insert(target("after"))),
            Some("WatchEnded") => drop(open.remove(&target("before"))),
            Some("ApiModified") => expected.extend(change["entityId"].as_str().and_then(|api| open.get(api).cloned())),
            _ => {}
        }
    }
    expected
}

/// An organisation in which the member and a witness watch one API, and the admin changes it.
struct Scene<'a> {
    world: &'a World,
    desk: Desk,
    api: Uuid,
    witness: String,
    changes: usize,
}

impl Scene<'_> {
    fn login_path(&self, login: Uuid) -> String {
        self.desk.tenant.path(&format!("/logins/{login}"))
    }

    /// A login of this person, and its token.
    fn login(&self, profile: Uuid) -> (Uuid, String) {
        let email = format!("{}@suite.example", unique());
        let body = json!({"email": email, "password": PASSWORD, "scope": "member", "profileId": profile});
        let call = self.world.account().post(&self.desk.tenant.path("/logins")).token(&self.desk.tenant.admin_token);
        let id = call.json(&body).send().expect(201).id();
        self.world.accept(&self.login_path(id), &self.desk.tenant.admin_token);
        (id, token(&self.world.services, &email, PASSWORD).unwrap_or_else(|why| panic!("{why}")))
    }

    /// The admin does this to a login; whose token this is has been told of it then, and Notification knows.
    fn change_login(&self, login: Uuid, reader: &str, kind: &str, method: &str, body: Option<Value>) {
        let (account, path, admin) = (self.world.account(), self.login_path(login), &self.desk.tenant.admin_token);
        let count = || {
            let all = pages(&self.world.notification(), &self.desk.tenant.path("/notifications"), reader, 200);
            all.iter().filter(|item| item["kind"] == kind && item["entity"]["id"] == login.to_string()).count()
        };
        let before = count();
        let etag = account.get(&path).token(admin).send().expect(200).etag();
        let call = account.request(method, &path).token(admin).if_match(&etag);
        let status = if body.is_some() { 200 } else { 204 };
        body.into_iter().fold(call, |call, body| call.json(&body)).send().expect(status);
        eventually("the login is told of it", || (count() > before).then_some(()));
    }

    /// The API is changed once more, the witness is told, and the member was told this often.
    fn change(&mut self, reader: &str, times: usize, when: &str) {
        let path = self.desk.tenant.path(&format!("/apis/{}", self.api));
        let etag = self.desk.service.get(&path).token(&self.desk.tenant.admin_token).send().expect(200).etag();
        modify(&self.desk, self.api, &etag);
        self.changes += 1;
        let all = || told(self.world, &self.desk, &self.witness).len();
        eventually("the witness is told", || (all() == self.changes).then_some(()));
        assert_eq!(told(self.world, &self.desk, reader).len(), times, "{when}");
    }
}

fn shut_out(world: &World) {
    let urls = &world.services.urls;
    if urls.registry.is_none() || urls.account.is_none() {
        return;
    }
    let desk = Desk::new(world, "enterprise");
    let (_, place) = desk.place();
    let api = desk.api(place, "watched");
    let tenant = desk.tenant.clone();
    let mut scene = Scene { world, desk, api, witness: String::new(), changes: 0 };
    scene.witness = scene.login(world.fixture.profile(&tenant)).1;
    let (first, person) = (tenant.member_token.as_str(), tenant.member_profile);
    for token in [first, &scene.witness] {
        watch(&scene.desk, token, api).expect(201);
    }
    scene.change(first, 1, "a login that works");
    scene.change_login(tenant.member_login, first, "loginModified", "PATCH", Some(json!({"disabled": true})));
    scene.change(first, 1, "disabled: nothing more");
    scene.change_login(tenant.member_login, first, "loginModified", "PATCH", Some(json!({"disabled": false})));
    scene.change(first, 2, "back again: the watch has rested");
    let (second_login, second) = scene.login(person);
    scene.change_login(tenant.member_login, first, "loginDeleted", "DELETE", None);
    scene.change(&second, 3, "another login of the person works");
    scene.change_login(second_login, &second, "loginDeleted", "DELETE", None);
    let path = tenant.path("/registry-changes");
    eventually("the watch has ended in the feed", || {
        let (feed, _) = changes(&scene.desk.service, &path, &scene.witness, None);
        let ended =
            |change: &Value| change["kind"] == "WatchEnded" && change["before"]["profileId"] == person.to_string();
        feed.iter().any(ended).then_some(())
    });
    scene.change(&second, 3, "the last login is gone");
    let third = scene.login(person).1;
    scene.change(&third, 3, "a new login of the person: the watch has ended");
}

//! Each edge with its owner stopped, slow, flapping, and answering rubbish: what the caller's clients get.

// Long: the table of edges, and each way in which an owner is away, read side by side.

use std::time::{Duration, Instant};

use behaviour::{Response, Tenant, Value, json};
use uuid::Uuid;

use crate::deployment::{Deployment, Plan};
use crate::relay::Condition;

/// What a client is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// As if nothing were wrong.
    Whole(u16),
    /// The same, with `X-Degraded`.
    Degraded(u16),
    /// 503.
    Refused,
}
use Answer::{Degraded, Refused, Whole};

/// One request of one tenant.
type Ask = fn(&Scene<'_>) -> Response;

/// A line of the table: a request over an edge, and its answers while the owner is stopped, flapping, or answers rubbish. Slow (200
/// of 300 ms) it is whole for all.
struct Line {
    edge: &'static str,
    owner: &'static str,
    ask: Ask,
    away: Answer,
    well: u16,
}

const TABLE: &[Line] = &[
    Line { edge: "2 standing", owner: "billing", ask: read_domain, away: Degraded(200), well: 200 },
    Line { edge: "3 plan", owner: "account", ask: create_domain, away: Degraded(201), well: 201 },
    Line { edge: "4 a new owner", owner: "profile", ask: new_owner, away: Refused, well: 200 },
    Line { edge: "4 the owner that it has", owner: "profile", ask: title_alone, away: Degraded(200), well: 200 },
    Line { edge: "4 a watch", owner: "profile", ask: watch, away: Refused, well: 201 },
    Line { edge: "5 names", owner: "profile", ask: read_api, away: Degraded(200), well: 200 },
    Line { edge: "6 one more person", owner: "account", ask: create_person, away: Degraded(201), well: 201 },
    Line { edge: "7 a person goes", owner: "registry", ask: delete_person, away: Refused, well: 204 },
    Line { edge: "8 an organisation", owner: "billing", ask: organisation, away: Degraded(200), well: 200 },
    Line { edge: "9 another plan, usage", owner: "registry", ask: change_plan, away: Refused, well: 200 },
    Line { edge: "9 another plan, people", owner: "profile", ask: change_plan, away: Refused, well: 200 },
    Line { edge: "10 a login of a person", owner: "profile", ask: create_login, away: Refused, well: 201 },
    Line { edge: "11 usage, plan", owner: "account", ask: usage, away: Refused, well: 200 },
    Line { edge: "11 usage, counts", owner: "registry", ask: usage, away: Refused, well: 200 },
    Line { edge: "11 usage, people", owner: "profile", ask: usage, away: Refused, well: 200 },
];

struct Scene<'a> {
    deployment: &'a Deployment,
    tenant: Tenant,
    domain: Uuid,
    api: Uuid,
    person: Uuid,
}

impl<'a> Scene<'a> {
    /// A tenant with a domain and an API that both its people own, and a person more.
    fn new(deployment: &'a Deployment) -> Self {
        let tenant = deployment.world.tenant("enterprise");
        let person = deployment.world.fixture.profile(&tenant);
        let mut scene = Self { deployment, tenant, domain: Uuid::nil(), api: Uuid::nil(), person };
        scene.domain = create_domain(&scene).expect(201).id();
        let sub_domains = format!("/domains/{}/sub-domains", scene.domain);
        let sub_domain = scene.post("registry", &sub_domains, json!({"name": "Sub"})).expect(201).id();
        let owners = json!({
            "name": "API", "subDomainId": sub_domain,
            "businessOwnerId": scene.tenant.admin_profile, "technicalOwnerId": scene.tenant.member_profile,
        });
        scene.api = scene.post("registry", "/apis", owners).expect(201).id();
        scene
    }

    fn get(&self, service: &str, path: &str) -> Response {
        self.deployment.api(service).get(&self.tenant.path(path)).token(&self.tenant.admin_token).send()
    }

    fn post(&self, service: &str, path: &str, body: Value) -> Response {
        self.deployment.api(service).post(&self.tenant.path(path)).token(&self.tenant.admin_token).json(&body).send()
    }
}

fn unique() -> String {
    Uuid::now_v7().to_string()
}

fn read_domain(scene: &Scene<'_>) -> Response {
    scene.get("registry", &format!("/domains/{}", scene.domain))
}

fn create_domain(scene: &Scene<'_>) -> Response {
    scene.post("registry", "/domains", json!({"name": unique()}))
}

fn read_api(scene: &Scene<'_>) -> Response {
    scene.get("registry", &format!("/apis/{}", scene.api))
}

fn change_api(scene: &Scene<'_>, body: Value) -> Response {
    let path = scene.tenant.path(&format!("/apis/{}", scene.api));
    let api = scene.deployment.api("registry");
    let etag = read_api(scene).expect(200).etag();
    api.patch(&path).token(&scene.tenant.admin_token).if_match(&etag).json(&body).send()
}

fn new_owner(scene: &Scene<'_>) -> Response {
    change_api(scene, json!({"businessOwnerId": scene.person}))
}

fn title_alone(scene: &Scene<'_>) -> Response {
    change_api(scene, json!({"title": unique(), "businessOwnerId": scene.tenant.admin_profile}))
}

fn watch(scene: &Scene<'_>) -> Response {
    scene.post("registry", "/watches", json!({"kind": "domain", "targetId": scene.domain}))
}

fn create_person(scene: &Scene<'_>) -> Response {
    let body = json!({"name": "Pat", "email": format!("{}@people.example", unique()), "timeZone": "Europe/Zurich"});
    scene.post("profile", "/profiles", body)
}

fn delete_person(scene: &Scene<'_>) -> Response {
    let path = scene.tenant.path(&format!("/profiles/{}", scene.person));
    let profile = scene.deployment.api("profile");
    let etag = profile.get(&path).token(&scene.tenant.admin_token).send().expect(200).etag();
    profile.delete(&path).token(&scene.tenant.admin_token).if_match(&etag).send()
}

fn organisation(scene: &Scene<'_>) -> Response {
    scene.get("account", "")
}

fn change_plan(scene: &Scene<'_>) -> Response {
    let etag = organisation(scene).expect(200).etag();
    let path = scene.tenant.path("");
    let account = scene.deployment.api("account");
    account.patch(&path).token(&scene.tenant.admin_token).if_match(&etag).json(&json!({"plan": "team"})).send()
}

fn create_login(scene: &Scene<'_>) -> Response {
    let email = format!("{}@logins.example", unique());
    let body = json!({"email": email, "password": behaviour::PASSWORD, "scope": "member", "profileId": scene.person});
    scene.post("account", "/logins", body)
}

fn usage(scene: &Scene<'_>) -> Response {
    scene.get("billing", "/usage")
}

fn seen(response: &Response) -> Answer {
    match (response.status, response.header("x-degraded")) {
        (503, _) => Refused,
        (status, None) => Whole(status),
        (status, Some(_)) => Degraded(status),
    }
}

#[test]
fn each_edge_answers_as_the_table_says_whatever_its_owner_does() {
    let deployment = Deployment::new(Plan::default());
    let mut wrong = Vec::new();
    for line in TABLE {
        for condition in [Condition::Well, Condition::Slow, Condition::Stopped, Condition::Rubbish] {
            let expected =
                if matches!(condition, Condition::Well | Condition::Slow) { Whole(line.well) } else { line.away };
            let scene = Scene::new(&deployment);
            deployment.relays[line.owner].is(condition);
            let began = Instant::now();
            let response = (line.ask)(&scene);
            let took = began.elapsed();
            deployment.relays[line.owner].is(Condition::Well);
            if seen(&response) != expected || took > Duration::from_secs(2) {
                wrong.push(format!(
                    "{} {condition:?}: {} in {took:?}, expected {expected:?}",
                    line.edge,
                    response.describe()
                ));
            }
            deployment.recover(&scene.tenant);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_encoded_id_passes_no_edge() {
    let deployment = Deployment::new(Plan::default());
    let scene = Scene::new(&deployment);
    let id = scene.tenant.member_profile.to_string();
    let path = |id: &str| scene.tenant.path(&format!("/profiles/{id}"));
    let profile = deployment.api("profile");
    let token = &scene.tenant.admin_token;
    let etag = profile.get(&path(&id)).token(token).send().expect(200).etag();
    // Its first character, as a browser or a proxy may write it.
    let encoded = format!("%{:02X}{}", id.as_bytes()[0], &id[1..]);
    for id in [id.as_str(), &encoded] {
        profile.delete(&path(id)).token(token).if_match(&etag).send().expect(409);
    }
}

#[test]
fn a_flapping_owner_is_whole_or_as_if_away() {
    let deployment = Deployment::new(Plan::default());
    let scene = Scene::new(&deployment);
    for line in TABLE.iter().filter(|line| line.well == 200 && line.away == Degraded(200)) {
        deployment.relays[line.owner].is(Condition::Flapping);
        for _ in 0..20 {
            let response = (line.ask)(&scene);
            assert!([Whole(200), Degraded(200)].contains(&seen(&response)), "{}: {}", line.edge, response.describe());
        }
        deployment.relays[line.owner].is(Condition::Well);
        deployment.recover(&scene.tenant);
    }
}

#[test]
fn a_patch_while_profile_is_stopped_keeps_both_owners() {
    let deployment = Deployment::new(Plan::default());
    let scene = Scene::new(&deployment);
    deployment.relays["profile"].is(Condition::Stopped);
    let patched = title_alone(&scene).expect(200).json();
    let owners = |answer: &Value| [answer["businessOwner"].clone(), answer["technicalOwner"].clone()];
    let ids = [scene.tenant.admin_profile, scene.tenant.member_profile].map(|id| json!({"id": id}));
    assert_eq!(owners(&patched), ids, "ids alone");
    deployment.relays["profile"].is(Condition::Well);
    deployment.recover(&scene.tenant);
    let read = read_api(&scene).expect(200);
    assert_eq!(seen(&read), Whole(200));
    let names = owners(&read.json()).map(|owner| owner["name"].clone());
    assert_eq!(names, [json!("Ada Admin"), json!("Mel Member")]);
}

#[test]
fn who_is_frozen_stays_so_while_billing_is_stopped() {
    let deployment = Deployment::new(Plan::default());
    let scene = Scene::new(&deployment);
    deployment.set_standing(scene.tenant.org, "frozen");
    read_domain(&scene).expect(402);
    deployment.relays["billing"].is(Condition::Stopped);
    assert_eq!(seen(&read_domain(&scene)), Degraded(402), "last known");
    deployment.relays["billing"].is(Condition::Well);
    deployment.set_standing(scene.tenant.org, "active");
    deployment.recover(&scene.tenant);
    read_domain(&scene).expect(200);
}

/// How soon, on a machine with nothing else to do, `lab failure` measures.
#[test]
fn the_breaker_answers_fast_and_closes_again() {
    let deployment = Deployment::new(Plan::default());
    let scene = Scene::new(&deployment);
    deployment.relays["profile"].is(Condition::Stopped);
    let stopped = Instant::now();
    let mut fast = None;
    while fast.is_none() {
        let began = Instant::now();
        assert_eq!(seen(&read_api(&scene)), Degraded(200));
        let unasked = calls(&deployment).iter().any(|line| line.contains("breaker"));
        fast = (unasked && began.elapsed() < Duration::from_millis(50)).then(|| stopped.elapsed());
        assert!(stopped.elapsed() < Duration::from_secs(60), "never fast");
    }
    println!("fast after {fast:?}");
    let metrics = deployment.api("registry").root("/metrics").send().text();
    assert!(metrics.contains(r#"edge_breaker_open{neighbour="profile",service="registry"} 1"#), "{metrics}");
    deployment.relays["profile"].is(Condition::Well);
    let back = Instant::now();
    behaviour::assert::eventually("names again", || (seen(&read_api(&scene)) == Whole(200)).then_some(()));
    println!("names again after {:?}", back.elapsed());
}

#[test]
fn with_a_time_to_live_an_answer_serves_again() {
    let deployment = Deployment::new(Plan { ttl: Some("60000"), ..Plan::default() });
    let scene = Scene::new(&deployment);
    read_api(&scene).expect(200);
    let before = calls(&deployment);
    for _ in 0..10 {
        assert_eq!(seen(&read_api(&scene)), Whole(200));
    }
    assert_eq!(calls(&deployment), before);
}

#[test]
fn strangers_and_heads_cause_no_call() {
    let deployment = Deployment::new(Plan::default());
    let (scene, other) = (Scene::new(&deployment), Scene::new(&deployment));
    let path = scene.tenant.path(&format!("/apis/{}", scene.api));
    let before = calls(&deployment);
    let registry = deployment.api("registry");
    registry.get(&path).send().expect(401);
    registry.get(&path).token(&other.tenant.admin_token).send().expect(403);
    registry.request("HEAD", &path).token(&scene.tenant.admin_token).send().expect(200);
    registry.request("PUT", &path).token(&scene.tenant.admin_token).send().expect(405);
    registry.root("/metrics").send().expect(200);
    assert_eq!(calls(&deployment), before);
    read_api(&scene).expect(200);
    assert_ne!(calls(&deployment), before);
}

/// Registry's calls that its requests caused.
fn calls(deployment: &Deployment) -> Vec<String> {
    let metrics = deployment.api("registry").root("/metrics").send().text();
    let caused = |line: &&str| line.starts_with("edge_calls_total") && !line.contains(r#"neighbour="account""#);
    metrics.lines().filter(caused).map(str::to_owned).collect()
}

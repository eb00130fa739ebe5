//! Notification: notifications, and what became of the mails.

mod watching;

pub use watching::cases as watching;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::assert::{has_members, moment, pages, problem, problem_at};
use crate::http::Response;
use crate::world::{Case, Tenant, World};

/// All cases. Those that need something to be told of run where the services that tell it are there too; see [`told`].
pub fn suite() -> Vec<Case> {
    let own = vec![
        Case { name: "notifications: none where nothing has changed", run: empty },
        Case { name: "notifications: what is not one's own can't be read", run: not_ones_own },
        Case { name: "notifications: bodies that can't be taken are named", run: values },
        Case { name: "notifications: the organisation's alone", run: rights },
        Case { name: "notifications: a profile changed by somebody else", run: through_profile },
        Case { name: "deliveries: for operators, by state", run: deliveries },
    ];
    [own, watching()].concat()
}

fn list(world: &World, tenant: &Tenant, query: &str) -> Response {
    world.notification().get(&tenant.path(&format!("/notifications{query}"))).token(&tenant.member_token).send()
}

fn read(world: &World, tenant: &Tenant, token: &str, ids: &Value) -> Response {
    world.notification().post(&tenant.path("/notifications/read")).token(token).json(&json!({ "ids": ids })).send()
}

fn empty(world: &World) {
    let tenant = world.tenant("team");
    for query in ["", "?unread=true", "?unread=false", "?limit=1"] {
        let page = list(world, &tenant, query).expect(200).json();
        has_members(&page, &["items", "nextCursor"]);
        let items = page["items"].as_array().cloned().unwrap_or_default();
        assert_eq!(but_welcomes(items), Vec::<Value>::new(), "{query}");
    }
}

fn not_ones_own(world: &World) {
    let tenant = world.tenant("team");
    let ids = json!([Uuid::now_v7()]);
    problem_at(&read(world, &tenant, &tenant.member_token, &ids), 422, "ids[0]");
}

fn values(world: &World) {
    let tenant = world.tenant("team");
    let send = |body: Value| {
        world.notification().post(&tenant.path("/notifications/read")).token(&tenant.member_token).json(&body).send()
    };
    problem_at(&send(json!({"ids": []})), 422, "ids");
    problem_at(&send(json!({"ids": vec![Uuid::now_v7(); 201]})), 422, "ids");
    problem_at(&send(json!({"ids": ["x"]})), 422, "ids[0]");
    problem_at(&send(json!({"ids": [], "all": true})), 400, "all");
    problem_at(&send(json!({})), 400, "ids");
    problem_at(&list(world, &tenant, "?unread=perhaps"), 400, "unread");
    problem_at(&list(world, &tenant, "?since=yesterday"), 400, "since");
}

fn rights(world: &World) {
    let (tenant, stranger) = (world.tenant("team"), world.tenant("team"));
    let api = world.notification();
    for token in [&stranger.member_token, &stranger.admin_token, &world.fixture.operator_token()] {
        problem(&api.get(&tenant.path("/notifications")).token(token).send(), 403);
        problem(&read(world, &tenant, token, &json!([Uuid::now_v7()])), 403);
    }
    problem(&api.get(&tenant.path("/notifications")).send(), 401);
}

fn deliveries(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.notification());
    for token in [&tenant.member_token, &tenant.admin_token] {
        problem(&api.get("/deliveries").token(token).send(), 403);
    }
    let operator = world.fixture.operator_token();
    for query in ["", "?status=waiting", "?status=sent", "?status=failed", "?limit=2"] {
        let page = api.get(&format!("/deliveries{query}")).token(&operator).send().expect(200).json();
        assert!(page["items"].is_array() && !page["nextCursor"].is_number(), "{page}");
    }
    problem_at(&api.get("/deliveries?status=lost").token(&operator).send(), 400, "status");
}

/// The admin changes the member's profile, through the contract.
fn through_profile(world: &World) {
    if world.services.urls.profile.is_none() {
        return;
    }
    told(world, &|tenant, times| {
        let profile = world.profile();
        let path = tenant.path(&format!("/profiles/{}", tenant.member_profile));
        for number in 0..times {
            let etag = profile.get(&path).token(&tenant.admin_token).send().expect(200).etag();
            let body = json!({ "jobTitle": format!("Job {number}") });
            profile.patch(&path).token(&tenant.admin_token).if_match(&etag).json(&body).send().expect(200);
        }
        wait_for(world, tenant, times);
    });
}

/// All but what people are told of their own login, where it was made through Account.
fn but_welcomes(mut items: Vec<Value>) -> Vec<Value> {
    items.retain(|item| item["kind"] != "loginCreated");
    items
}

fn wait_for(world: &World, tenant: &Tenant, times: usize) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let path = tenant.path("/notifications");
    let told = || pages(&world.notification(), &path, &tenant.member_token, 50);
    while but_welcomes(told()).len() < times {
        assert!(std::time::Instant::now() < end, "not told in time");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// What holds once the member of a tenant has been told of so many changes to the member's profile by the admin, which `tell` makes happen.
pub fn told(world: &World, tell: &dyn Fn(&Tenant, usize)) {
    let tenant = world.tenant("team");
    tell(&tenant, 5);
    let api = world.notification();
    let path = tenant.path("/notifications");
    let all = but_welcomes(pages(&api, &path, &tenant.member_token, 2));
    assert_eq!(all.len(), 5);
    for item in &all {
        let members =
            ["at", "body", "change", "createdAt", "entity", "id", "kind", "readAt", "requestId", "title", "version"];
        has_members(item, &members);
        assert_eq!(
            (&item["kind"], &item["readAt"], &item["version"]),
            (&json!("profileModified"), &Value::Null, &json!(1))
        );
        assert_eq!(item["entity"], json!({"type": "profile", "id": tenant.member_profile}));
        assert_eq!(item["change"]["feed"], "profile");
        assert!(!item["requestId"].as_str().unwrap_or_default().is_empty());
    }
    let times: Vec<_> = all.iter().map(|item| moment(&item["createdAt"])).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first: {times:?}");
    let admins = but_welcomes(pages(&api, &path, &tenant.admin_token, 50));
    assert!(admins.is_empty(), "nobody is told of what they did themselves: {admins:?}");

    let id = |number: usize| all[number]["id"].clone();
    problem_at(&read(world, &tenant, &tenant.admin_token, &json!([id(0)])), 422, "ids[0]");
    let mixed = json!([id(0), Uuid::now_v7()]);
    problem_at(&read(world, &tenant, &tenant.member_token, &mixed), 422, "ids[1]");
    assert_eq!(list(world, &tenant, "?unread=false").expect(200).json()["items"], json!([]), "all or none");
    for _ in 0..2 {
        let done = read(world, &tenant, &tenant.member_token, &json!([id(0), id(3), id(0)])).expect(204);
        assert!(done.body.is_empty());
    }
    let unread_path = format!("{path}?unread=true");
    let unread = but_welcomes(pages(&api, &unread_path, &tenant.member_token, 2));
    assert_eq!(unread, [all[1].clone(), all[2].clone(), all[4].clone()]);
    let read = list(world, &tenant, "?unread=false").expect(200).json();
    let read = read["items"].as_array().cloned().unwrap_or_default();
    assert_eq!(read.iter().map(|item| item["id"].clone()).collect::<Vec<_>>(), [id(0), id(3)]);
    assert!(read.iter().all(|item| item["readAt"].is_string() && item["version"] == 2));
}

//! Frozen organisations.

use uuid::Uuid;

use super::desk::Desk;
use crate::assert::{problem, problem_at, problem_of, same};
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "standing: a frozen organisation gets 402 for everything, at once, until it is not", run: frozen },
        Case { name: "standing: who is frozen gets 402, also for what isn't there", run: who_is_frozen },
        Case { name: "standing: an overdue one goes on", run: overdue },
    ]
}

/// Every read, of what is there and of what isn't.
const READS: [&str; 15] = [
    "/domains",
    "/domains/{domain}",
    "/domains/{nowhere}",
    "/domains/{domain}/sub-domains",
    "/domains/{nowhere}/sub-domains",
    "/sub-domains/{sub_domain}",
    "/apis",
    "/apis?tag=none",
    "/apis/{api}",
    "/apis/{nowhere}",
    "/apis/{api}/versions",
    "/apis/{nowhere}/versions",
    "/tags",
    "/watches",
    "/registry-changes",
];

/// Every write: what would be done, what has nothing to be done to, and what is wrong besides.
const WRITES: [(&str, &str, &str); 20] = [
    ("POST", "/domains", r#"{"name": "Other"}"#),
    ("POST", "/domains", r#"{"name": ""}"#),
    ("PATCH", "/domains/{domain}", r#"{"name": "x"}"#),
    ("PATCH", "/domains/{nowhere}", r#"{"name": ""}"#),
    ("DELETE", "/domains/{domain}", ""),
    ("POST", "/domains/{domain}/sub-domains", r#"{"name": "x"}"#),
    ("POST", "/domains/{nowhere}/sub-domains", r#"{"name": ""}"#),
    ("PATCH", "/sub-domains/{sub_domain}", r#"{"name": "x"}"#),
    ("POST", "/sub-domains/{sub_domain}/move", r#"{"domainId": "{nowhere}"}"#),
    ("DELETE", "/sub-domains/{sub_domain}", ""),
    ("POST", "/apis", r#"{"name": "x", "subDomainId": "{nowhere}"}"#),
    ("POST", "/apis", r#"{"name": "", "subDomainId": "{nowhere}"}"#),
    ("PATCH", "/apis/{api}", r#"{"name": "x"}"#),
    ("POST", "/apis/{api}/move", r#"{"subDomainId": "{nowhere}"}"#),
    ("DELETE", "/apis/{api}", ""),
    ("POST", "/apis/{api}/versions", r#"{"major": 1, "minor": 0}"#),
    ("PUT", "/apis/{api}/versions/0.1/status", r#"{"status": "development"}"#),
    ("DELETE", "/apis/{api}/versions/0.1", ""),
    ("POST", "/watches", r#"{"kind": "api", "targetId": "{api}"}"#),
    ("DELETE", "/watches/{nowhere}", ""),
];

fn frozen(world: &World) {
    if !world.fixture.can_set_standing() {
        return;
    }
    let desk = Desk::new(world, "team");
    let (domain, sub_domain) = desk.place();
    let api = desk.api(sub_domain, "cards");
    let nowhere = Uuid::now_v7();
    let fill = |text: &str| {
        [("{domain}", domain), ("{sub_domain}", sub_domain), ("{api}", api), ("{nowhere}", nowhere)]
            .iter()
            .fold(text.to_owned(), |text, (name, id)| text.replace(name, &id.to_string()))
    };
    let before = desk.get(&format!("/apis/{api}")).expect(200).json();
    for _ in 0..2 {
        world.fixture.set_standing(desk.tenant.org, "frozen");
        for path in READS {
            problem_of(&desk.get(&fill(path)), 402, "organisation-frozen");
        }
        for (method, path, body) in WRITES {
            let mut call = desk.call(method, &fill(path)).if_match("\"99\"");
            if !body.is_empty() {
                call = call.body("application/json", fill(body).into_bytes());
            }
            problem_of(&call.clone().send(), 402, "organisation-frozen");
            if method == "POST" {
                let keyed = call.idempotency_key("frozen").send();
                problem_of(&keyed, 402, "organisation-frozen");
            }
        }
        told_first(world, &desk, &READS.map(fill));
        world.fixture.set_standing(desk.tenant.org, "active");
        let after = desk.get(&format!("/apis/{api}")).expect(200).json();
        same(&before, &after);
    }
    for path in READS {
        assert_ne!(desk.get(&fill(path)).status, 402, "{path}");
    }
}

fn who_is_frozen(world: &World) {
    let Some((org, token)) = world.fixture.frozen() else {
        return;
    };
    for path in ["/apis".to_owned(), format!("/apis/{}", Uuid::now_v7())] {
        let call = world.registry().get(&format!("/organisations/{org}{path}")).token(&token);
        problem_of(&call.send(), 402, "organisation-frozen");
    }
}

/// A stranger never learns that it is frozen, and what can't be read is told first.
fn told_first(world: &World, desk: &Desk, reads: &[String]) {
    let stranger = world.tenant("team").member_token;
    for path in reads {
        let call = desk.service.get(&desk.tenant.path(path));
        problem(&call.clone().token(&stranger).send(), 403);
        problem(&call.send(), 401);
    }
    let broken = desk.call("POST", "/domains");
    problem(&broken.body("application/json", b"{".to_vec()).send(), 400);
    problem_at(&desk.get("/apis?limit=0"), 400, "limit");
}

fn overdue(world: &World) {
    if !world.fixture.can_set_standing() {
        return;
    }
    let desk = Desk::new(world, "team");
    world.fixture.set_standing(desk.tenant.org, "overdue");
    desk.place();
}

//! Each service needs the database and nobody else.

use behaviour::{PASSWORD, Session, json};

use crate::support::{breakable, unique, world};

#[test]
fn the_others_go_on_while_one_is_stopped() {
    let system = breakable();
    let world = world(system.up.place());
    let tenant = world.tenant("team");
    let services: Vec<&str> = lab::system::services::names().collect();
    for stopped in &services {
        let stopped: &'static str = services.iter().find(|name| *name == stopped).unwrap();
        system.up.stop_service(stopped).unwrap();
        assert!(world.service(stopped).root("/healthz").try_send().is_err(), "{stopped} is really gone");
        for other in services.iter().filter(|name| **name != stopped) {
            world.service(other).root("/readyz").send().expect(200);
        }
        let token = &tenant.admin_token;
        if stopped != "registry" {
            let domain = json!({"name": unique("domain")});
            world.registry().post(&tenant.path("/domains")).token(token).json(&domain).send().expect(201);
            world.registry().get(&tenant.path("/apis")).token(&tenant.member_token).send().expect(200);
        }
        if stopped != "profile" {
            let email = format!("{}@stopped.example", unique("p"));
            let person = json!({"name": "P", "email": email, "timeZone": "UTC"});
            world.profile().post(&tenant.path("/profiles")).token(token).json(&person).send().expect(201);
        }
        if stopped != "account" {
            world.account().get(&tenant.path("")).token(token).send().expect(200);
            // A whole tenant: sign-up, sessions, logins. Without Notification nobody is invited, so a login that is added waits.
            match stopped {
                "profile" => {}
                "notification" => {
                    let email = format!("{}@stopped.example", unique("first"));
                    Session::sign_up(&world.services, &unique("Stopped"), "free", &email, PASSWORD).unwrap();
                }
                _ => drop(world.tenant("free")),
            }
        }
        system.up.start_service(stopped).unwrap();
    }
    assert!(system.news().is_empty(), "nobody died: {:?}", system.news());
}

/// A service started anew while Account is away has no key in its memory: it finds them in the database.
#[test]
fn tokens_are_checked_without_account_even_by_a_fresh_process() {
    let system = breakable();
    let world = world(system.up.place());
    let tenant = world.tenant("free");
    system.up.stop_service("account").unwrap();
    system.up.stop_service("registry").unwrap();
    system.up.start_service("registry").unwrap();
    world.registry().get(&tenant.path("/apis")).token(&tenant.member_token).send().expect(200);
    system.up.start_service("account").unwrap();
}

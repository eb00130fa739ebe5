//! `lab clock` moves the time of every running service at once.

use std::process::Command;

use behaviour::json;

use crate::support::{LAB, breakable, world};

#[test]
fn moves_all_services() {
    let system = breakable();
    let world = world(system.up.place());
    let tenant = world.tenant("team");
    let up_json = system.up.up_json().to_str().unwrap().to_owned();
    let clock = |movement: &str| {
        let output = Command::new(LAB).args(["clock", movement, "--target", &up_json]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let ahead = |answer: behaviour::Response| {
        let created = answer.expect(201).json()["createdAt"].as_str().unwrap().to_owned();
        let created: chrono::DateTime<chrono::Utc> = created.parse().unwrap();
        (created - chrono::Utc::now()).num_minutes()
    };
    let everywhere = |n: usize| {
        // A token is good for an hour at most, so each move within it; its own time is the clock's, too.
        let domain = json!({"name": format!("d{n}")});
        let person = json!({"name": "P", "email": format!("p{n}@clock.example"), "timeZone": "UTC"});
        let email = format!("{}@clock.example", crate::support::unique("l"));
        let login = json!({"email": email, "password": "long enough to pass", "scope": "member"});
        let token = &tenant.admin_token;
        [
            ahead(world.registry().post(&tenant.path("/domains")).token(token).json(&domain).send()),
            ahead(world.profile().post(&tenant.path("/profiles")).token(token).json(&person).send()),
            ahead(world.account().post(&tenant.path("/logins")).token(token).json(&login).send()),
        ]
    };
    assert!(clock("show").contains("the system's time"));
    assert!(everywhere(1).iter().all(|minutes| *minutes == 0));
    assert!(clock("+30m").contains("30m ahead"));
    for minutes in everywhere(2) {
        assert!((29..=30).contains(&minutes), "{minutes} min ahead");
    }
    assert!(clock("-20m").contains("10m ahead"), "moves add up");
    for minutes in everywhere(3) {
        assert!((9..=10).contains(&minutes), "{minutes} min ahead");
    }
    clock("reset");
    assert!(everywhere(4).iter().all(|minutes| *minutes == 0));
}

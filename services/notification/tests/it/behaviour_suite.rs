//! The contract's assertions: this service's own, and those that hold for every operation.

use behaviour::json;
use behaviour::table::{Table, Victim};
use behaviour::{Tenant, World, notification};
use uuid::Uuid;

use crate::here::{Change, Here, until};

/// The suite needs changes, which other services write: here as rows, by their logins.
#[test]
fn suite() {
    let here = Here::new();
    let service = here.start();
    let world = here.world(&service.url);
    let tell = |tenant: &Tenant, times: usize| {
        for number in 0..times {
            let change = Change::new("profile", "ProfileModified", tenant.org, tenant.member_profile);
            here.change(&change.by(tenant.admin_login).to(json!({"name": format!("n{number}")})));
        }
        until("told", || here.told(tenant.member_profile).len() >= times);
    };
    behaviour::run(&world, &notification::suite());
    notification::told(&world, &tell);
    here.db.assert_plans_are_kept("notification", 2);
}

macro_rules! table {
    ($($check:ident),+) => {$(
        #[test]
        fn $check() {
            let here = Here::new();
            let service = here.start();
            let world = here.world(&service.url);
            Table::new(&world, "notification", victim(&here, &world)).$check();
        }
    )+};
}
table!(tenants, tokens, bodies, parameters, preconditions, methods, heads, negotiation);

fn victim(here: &Here, world: &World) -> Victim {
    let tenant = world.tenant("team");
    let change = Change::new("profile", "ProfileModified", tenant.org, tenant.member_profile);
    here.change(&change.by(tenant.admin_login).to(json!({"name": "Sibyl Secret"})));
    until("told", || !here.told(tenant.member_profile).is_empty());
    let id = here.lines(&format!(
        "select id::text as line from notification.notifications where profile_id = '{}'",
        tenant.member_profile
    ));
    let bodies = vec![("read_notifications".to_owned(), json!({"ids": [id[0].parse::<Uuid>().unwrap()]}))];
    let link = "c0ffee00".repeat(8);
    here.run(
        "notification_writer",
        &format!(
            "insert into notification.confirmations (token_hash, organisation_id, address_id, expires_at) \
             values (sha256('{link}'), '{}', '{}', now() + interval '1 day')",
            tenant.org,
            Uuid::now_v7()
        ),
    );
    // Who has the link may see the organisation's name, and nothing else of it.
    Victim {
        ids: vec![("token".to_owned(), link)],
        secrets: vec!["Sibyl".to_owned(), "@fixture.example".to_owned()],
        bodies,
        tenant,
    }
}

//! A service that is killed in the middle of its work leaves nothing half done.

use std::time::Duration;

use behaviour::json;
use rustix::process::Signal;

use crate::processes::signal;
use crate::sql;
use crate::support::{Load, breakable, sub_domain, unique, until, world};

#[test]
fn counters_equal_what_they_count_after_a_kill_under_load() {
    let system = breakable();
    let target = system.up.place().clone();
    let world = world(&target);
    let tenant = world.tenant("enterprise");
    let sub = sub_domain(&world.registry(), tenant.org, &tenant.admin_token);
    let mut database = sql::connect(&target);
    let of_tenant = format!("where organisation_id = '{}'", tenant.org);
    for service in ["registry", "profile"] {
        let (path, table) = match service {
            "registry" => ("/apis", "registry.apis"),
            _ => ("/profiles", "profile.profiles"),
        };
        let counted = format!("select count(*) as count from {table} {of_tenant}");
        let before = sql::count(&mut database, &counted);
        let (api, owner, sub) = (world.service(service), tenant.clone(), sub.clone());
        let load = Load::start(8, move |thread, go_on| {
            let mut created = 0;
            while go_on() {
                let name = unique(&format!("crash-{thread}"));
                let body = match path {
                    "/apis" => json!({"name": name, "subDomainId": sub}),
                    _ => {
                        json!({"name": name, "email": format!("{name}@crash.example"), "timeZone": "UTC"})
                    }
                };
                let call = api.post(&owner.path(path)).token(&owner.admin_token).json(&body);
                match call.try_send() {
                    Ok(answer) if answer.status == 201 => created += 1,
                    Ok(answer) => panic!("{}", answer.describe()),
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
            created
        });
        until("work is under way", || sql::count(&mut database, &counted) > before + 30);
        signal(system.up.process_id(service).unwrap(), Signal::KILL);
        until("it is seen to have died", || system.up.process_id(service).is_none());
        system.up.start_service(service).unwrap();
        let again = sql::count(&mut database, &counted);
        until("work goes on", || sql::count(&mut database, &counted) > again + 10);
        let created: i64 = load.end().iter().sum();
        let there = sql::count(&mut database, &counted) - before;
        assert!(there >= created, "{there} rows of {created} that were answered with 201");
        assert_eq!(sql::wrong_counters(&mut database), Vec::<String>::new(), "after the death of {service}");
        let news = system.news().join("\n");
        assert!(news.contains(&format!("{service} died (signal 9)")), "{news}");
    }
}

//! A panic in each background thread: the feeds are read and mails are sent all the same.

use std::time::{Duration, Instant};

use behaviour::json;
use uuid::Uuid;

use crate::here::{Change, Here, until};

#[test]
fn feeds_and_mails_go_on_after_a_panic_in_each_thread() {
    let here = Here::new();
    let (org, api) = (here.organisation(), Uuid::now_v7());
    let person = here.person(org, "member");
    here.watch(org, person.profile, "api", api);
    let service = here.start();
    let of = |name: &str| service.background().into_iter().find(|one| one.0 == name).unwrap();
    let sent = || here.count("select count(*) from notification.deliveries where status = 'sent'");
    for (number, name) in ["feeds", "mail-0", "mail-1", "notification-hint"].into_iter().enumerate() {
        let start = Instant::now();
        assert!(service.plant_panic(name), "{name}");
        until("it panicked, and has got something done since", || {
            let (_, age, panics) = of(name);
            panics == 1 && age < Duration::from_secs(2)
        });
        println!("{name} goes on after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(10), "{name}: {:?}", start.elapsed());
        here.change(&Change::new("registry", "ApiModified", org, api).to(json!({"name": format!("a {number}")})));
        // Not within the ten seconds: another test's open transaction may hold the feed back.
        until("a mail", || sent() == i64::try_from(number).unwrap() + 1);
    }
    service.stop().unwrap();
}

//! Everybody at everything at once: no wait in a circle, no count that drifts, no child without its parent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use behaviour::json;
use behaviour::registry::Desk;
use uuid::Uuid;

use crate::fixture::House;
use crate::sql;

#[test]
fn creates_deletes_and_moves_of_the_same_few_things() {
    let house = House::with_pools(6);
    let desk = Desk::new(&house.world, "payg");
    let domains: Vec<Uuid> = (0..3).map(|n| desk.domain(&format!("Domain {n}"))).collect();
    let places: Vec<Uuid> = (0..4).map(|n| desk.sub_domain(domains[n % 3], &format!("Place {n}"))).collect();
    let apis: Vec<Uuid> = (0..4).map(|n| desk.api(places[n], &format!("api-{n}"))).collect();
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..8_usize {
            let (desk, domains, places, apis, done) = (&desk, &domains, &places, &apis, &done);
            scope.spawn(move || {
                for n in 0..60 {
                    let (domain, place, api) =
                        (domains[(thread + n) % 3], places[(thread + n * 3) % 4], apis[(thread * 3 + n) % 4]);
                    let status = step(desk, (thread + n * 5) % 9, domain, place, api);
                    assert!(status < 500, "{status}");
                    done.fetch_add(u64::from(status < 300), Ordering::Relaxed);
                }
            });
        }
    });
    println!("{} of 480 did something", done.load(Ordering::Relaxed));
    let mut superuser = house.db.connect("superuser");
    assert_eq!(sql::miscounted(&mut superuser), "");
    let lonely = "select (select count(*) from registry.watches w where w.ended_at is null and not exists (
            select from registry.apis a where a.id = w.target_id union all select from registry.domains d where d.id = w.target_id
            union all select from registry.sub_domains s where s.id = w.target_id))
        + (select count(*) from registry.apis a where not exists (select from registry.versions v where v.api_id = a.id))";
    assert_eq!(sql::number(&mut superuser, lonely), 0);
    // Each entity's versions come in the feed's order, one by one.
    let disorder = "select count(*) from (
            select version, lag(version) over (partition by entity_id order by xid, id) as previous
            from registry.changes where kind not like 'Watch%'
        ) c where version <> coalesce(previous, 0) + 1";
    assert_eq!(sql::number(&mut superuser, disorder), 0);
}

/// One request of one kind; whatever it is answered, it must be an answer.
fn step(desk: &Desk, kind: usize, domain: Uuid, place: Uuid, api: Uuid) -> u16 {
    let etag = |path: &str| desk.get(path).header("etag").unwrap_or("\"1\"").to_owned();
    let change = |method: &str, of: &str, below: &str, body: behaviour::Value| {
        let call = desk.call(method, &format!("{of}{below}")).if_match(&etag(of));
        if body.is_null() { call.send().status } else { call.json(&body).send().status }
    };
    let name = Uuid::now_v7().to_string();
    match kind {
        0 => desk.post("/apis", &json!({"name": name, "subDomainId": place})).status,
        1 => desk.post(&format!("/domains/{domain}/sub-domains"), &json!({"name": name})).status,
        2 => change("DELETE", &format!("/sub-domains/{place}"), "", json!(null)),
        3 => change("DELETE", &format!("/apis/{api}"), "", json!(null)),
        4 => change("POST", &format!("/apis/{api}"), "/move", json!({"subDomainId": place})),
        5 => change("POST", &format!("/sub-domains/{place}"), "/move", json!({"domainId": domain})),
        6 => change("PATCH", &format!("/apis/{api}"), "", json!({"title": name, "tags": [name]})),
        7 => desk.post("/watches", &json!({"kind": "api", "targetId": api})).status,
        _ => change("DELETE", &format!("/domains/{domain}"), "", json!(null)),
    }
}

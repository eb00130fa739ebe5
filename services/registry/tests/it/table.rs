//! What holds for every operation of the contract, whatever it does.

use behaviour::assert::{changes, eventually};
use behaviour::json;
use behaviour::registry::Desk;
use behaviour::table::{Table, Victim};

use crate::fixture::House;

/// A tenant with two of everything, so that lists have pages, and a desk to work at.
fn victim(house: &House) -> Victim {
    let desk = Desk::new(&house.world, "team");
    let secret = "Secret of the victim";
    let domain = desk.domain(secret);
    let other_domain = desk.domain("Second domain");
    let sub_domain = desk.sub_domain(domain, secret);
    let other_sub_domain = desk.sub_domain(domain, "Second sub domain");
    let body = json!({"name": "secret-of-the-victim", "title": secret, "tags": ["secret-tag", "second-tag"],
        "subDomainId": sub_domain, "businessOwnerId": desk.tenant.admin_profile});
    let api = desk.post("/apis", &body).expect(201).id();
    desk.api(sub_domain, "second-api");
    let version = json!({"major": 1, "minor": 0});
    desk.post(&format!("/apis/{api}/versions"), &version).expect(201);
    let watch = |target| desk.post("/watches", &json!({"kind": "domain", "targetId": target})).expect(201).id();
    let (watch, _) = (watch(domain), watch(other_domain));
    // The feed holds back what a transaction elsewhere in the cluster may still overtake: once it is there, it stays.
    let feed = desk.tenant.path("/registry-changes");
    eventually("the feed has all nine changes", || {
        let (items, _) = changes(&desk.service, &feed, &desk.tenant.member_token, None);
        (items.len() == 9).then_some(())
    });
    let ids = [
        ("domain", domain.to_string()),
        ("sub_domain", sub_domain.to_string()),
        ("api", api.to_string()),
        ("watch", watch.to_string()),
        ("number", "1.0".to_owned()),
    ];
    let new_api = json!({"name": "new", "title": "t", "description": "d", "tags": ["a"], "subDomainId": sub_domain,
        "businessOwnerId": null, "technicalOwnerId": null, "version": {"major": 1, "minor": 0}});
    let bodies = [
        ("create_api", new_api),
        ("move_api", json!({"subDomainId": other_sub_domain})),
        ("move_sub_domain", json!({"domainId": other_domain})),
        ("create_watch", json!({"kind": "api", "targetId": api})),
    ];
    Victim {
        tenant: desk.tenant,
        ids: ids.map(|(name, id)| (name.to_owned(), id)).to_vec(),
        secrets: vec![secret.to_owned(), "secret-of-the-victim".to_owned(), "secret-tag".to_owned()],
        bodies: bodies.map(|(name, body)| (name.to_owned(), body)).to_vec(),
    }
}

behaviour::checks!(House::new(), table);

fn table(house: &House) -> Table<'_> {
    Table::new(&house.world, "registry", victim(house))
}

//! Organisations: what a plan allows, against what others say is in use.

use behaviour::assert::problem_of;
use behaviour::json;
use diesel::connection::SimpleConnection;

use crate::here::Here;

#[test]
fn a_downgrade_names_every_excess_and_one_that_fits_passes() {
    let here = Here::new();
    let (org, _, token) = here.organisation("team");
    let path = format!("/organisations/{org}");
    let patch = |plan: &str| {
        let etag = here.account.get(&path).token(&token).send().expect(200).etag();
        let call = here.account.patch(&path).token(&token).if_match(&etag);
        call.json(&json!({"plan": plan})).send()
    };
    let usage = |apis: i32, domains: i32, sub_domains: i32| {
        let text = format!(
            "insert into registry.usage values ('{org}', {apis}, {domains}, {sub_domains}) \
             on conflict (organisation_id) do update set apis = {apis}, domains = {domains}, sub_domains = {sub_domains}"
        );
        here.db.connect("registry_writer").batch_execute(&text).expect("usage");
    };
    usage(6, 1, 4);
    let text = format!("insert into profile.head_counts values ('{org}', 4)");
    here.db.connect("profile_writer").batch_execute(&text).expect("a head count");
    let refused = problem_of(&patch("free"), 409, "plan-limit-reached");
    assert_eq!(refused["plan"], "free");
    let excess = json!([
        {"resource": "apis", "limit": 5, "used": 6},
        {"resource": "subDomains", "limit": 3, "used": 4},
        {"resource": "users", "limit": 3, "used": 4},
    ]);
    assert_eq!(refused["excess"], excess, "domains are just within");
    usage(5, 1, 3);
    let refused = problem_of(&patch("free"), 409, "plan-limit-reached");
    assert_eq!(refused["excess"], json!([{"resource": "users", "limit": 3, "used": 4}]));
    patch("payg").expect(200);
    usage(1_000, 1_000, 1_000);
    patch("enterprise").expect(409);
}

#[test]
fn the_standing_is_read_with_the_organisation() {
    let here = Here::new();
    let (org, _, token) = here.organisation("free");
    let standing = || {
        let call = here.account.get(&format!("/organisations/{org}")).token(&token);
        call.send().expect(200).json()["standing"].clone()
    };
    assert_eq!(standing(), "active");
    here.world.fixture.set_standing(org, "frozen");
    assert_eq!(standing(), "frozen");
}

//! The feed over HTTP, and its hint.

use diesel::connection::SimpleConnection;
use kit::auth::Scope;
use serde_json::json;

use crate::http::{get, json as send_json, until};
use crate::sample::World;

#[test]
fn the_feed_shows_each_organisation_its_own_and_operators_all() {
    let world = World::new();
    let (a, b) = (world.organisation("A"), world.organisation("B"));
    let admin = world.token(Scope::Admin, Some(a));
    let headers = [("authorization", admin.as_str()), ("if-match", "\"1\""), ("x-request-id", "r-7")];
    let renamed = send_json("PATCH", &world.url(&format!("/organisations/{a}")), &headers, &json!({ "name": "A2" }));
    assert_eq!((renamed.status, renamed.header("etag")), (200, "\"2\""));

    let read = |path: &str, token: &str| get(&world.url(path), &[("authorization", token)]);
    // A transaction of another test on the same cluster may hold the feed back for a moment.
    let full = |path: &str, token: &str, count: usize| {
        until("the feed", || {
            let piece = read(path, token).json();
            (piece["items"].as_array().unwrap().len() == count).then_some(piece)
        })
    };
    let member = world.token(Scope::Member, Some(a));
    let own = full(&format!("/organisations/{a}/account-changes"), &member, 2);
    let kinds: Vec<_> = own["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["OrganisationCreated", "OrganisationModified"]);
    let last = &own["items"][1];
    assert_eq!((&last["requestId"], &last["version"], &last["entityId"]), (&json!("r-7"), &json!(2), &json!(a)));
    assert_eq!((&last["before"], &last["after"]), (&json!(null), &json!({ "name": "A2" })));
    assert!(last["actorId"].is_string() && own["items"][0]["actorId"].is_null());

    let operator = world.token(Scope::Operator, None);
    let all = full("/account-changes", &operator, 3);
    assert!(all.to_string().contains(&b.to_string()));
    read("/account-changes", &admin).problem(403);
    read(&format!("/organisations/{b}/account-changes"), &admin).problem(403);

    // Piece by piece, to the end, which stays where it is.
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let piece = read(&format!("/account-changes?limit=1{after}"), &operator).json();
        let next = piece["next"].as_str().unwrap().to_owned();
        if piece["items"].as_array().unwrap().is_empty() {
            assert_eq!(after, format!("&after={next}"));
            break;
        }
        count += 1;
        after = format!("&after={next}");
    }
    assert_eq!(count, 3);
    for bad in ["?after=x", "?limit=0", "?cursor=x", "?after="] {
        read(&format!("/account-changes{bad}"), &operator).problem(400);
    }
}

#[test]
fn a_commit_that_changed_something_is_told() {
    let world = World::new();
    let mut listener = world.db.connect("account_reader");
    listener.batch_execute("listen account_changes").unwrap();
    world.organisation("Acme");
    let told = until("the hint", || {
        listener.batch_execute("select 1").unwrap();
        listener.notifications_iter().next()
    });
    assert_eq!(told.unwrap().channel, "account_changes");
}

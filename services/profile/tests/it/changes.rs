//! Every mutating endpoint leaves exactly the rows that `docs/contract/changes.yaml` names for it, and no other key.

use std::collections::BTreeMap;

use behaviour::assert::{changes, eventually, keys};
use behaviour::table::operations;
use behaviour::{Response, Tenant, Value, World, json};
use diesel::prelude::*;
use kit::Service as _;

use crate::fixture::House;

/// This service's part of `changes.yaml`.
pub struct Declared {
    pub endpoints: BTreeMap<String, Vec<String>>,
    pub kinds: BTreeMap<String, Vec<String>>,
}

pub fn declared() -> Declared {
    let all: Value = serde_yaml_ng::from_str(include_str!("../../../../docs/contract/changes.yaml")).unwrap();
    let part = |name: &str| serde_json::from_value(all["profile"][name].clone()).unwrap();
    Declared { endpoints: part("endpoints"), kinds: part("kinds") }
}

/// What each mutating endpoint is called with here: the entity its rows are about, and the call's answer.
fn call(world: &World, tenant: &Tenant, operation: &str) -> (Option<String>, Response) {
    let api = world.profile();
    let person = world.fixture.profile(tenant);
    let path = tenant.path(&format!("/profiles/{person}"));
    let settings = format!("{path}/notification-settings");
    let token = &tenant.admin_token;
    let etag = |path: &str| api.get(path).token(token).send().expect(200).etag();
    let answer = match operation {
        "create_profile" => {
            let body = json!({"name": "New", "email": "new@changes.example", "timeZone": "UTC"});
            let created = api.post(&tenant.path("/profiles")).token(token).json(&body).send().expect(201);
            return (Some(created.id().to_string()), created);
        }
        "update_profile" => api.patch(&path).if_match(&etag(&path)).json(&json!({"name": "Other", "jobTitle": null})),
        "delete_profile" => api.delete(&path).if_match(&etag(&path)),
        "update_notification_settings" => api
            .put(&settings)
            .if_match(&etag(&settings))
            .json(&json!({"mode": "weekly", "day": "friday", "at": "08:15"})),
        other => panic!("{other} is new: say here how it is called"),
    };
    (Some(person.to_string()), answer.token(token).send())
}

diesel::table! {
    profile.changes (id) {
        id -> BigInt,
        organisation_id -> Nullable<Uuid>,
        kind -> Text,
        entity_id -> Text,
        version -> BigInt,
        actor_id -> Nullable<Uuid>,
        request_id -> Text,
        before -> Nullable<Jsonb>,
        after -> Nullable<Jsonb>,
    }
}

type Row = (String, String, i64, Option<uuid::Uuid>, String, Option<Value>, Option<Value>);

/// The rows of an organisation, in the order of their writing.
fn rows(house: &House, tenant: &Tenant) -> Vec<Row> {
    changes::table
        .filter(changes::organisation_id.eq(tenant.org))
        .order(changes::id)
        .select((
            changes::kind,
            changes::entity_id,
            changes::version,
            changes::actor_id,
            changes::request_id,
            changes::before,
            changes::after,
        ))
        .load(&mut house.db.connect("profile_reader"))
        .unwrap()
}

#[test]
fn every_mutating_endpoint_leaves_what_is_declared() {
    let house = House::new();
    let declared = declared();
    let contract: Value = serde_yaml_ng::from_str(profile::Service::CONTRACT).unwrap();
    for operation in operations(&contract).iter().filter(|operation| operation.method != "GET") {
        let kinds = declared.endpoints.get(&operation.id);
        let kinds = kinds.unwrap_or_else(|| panic!("{} is not in changes.yaml", operation.id));
        let tenant = house.world.tenant("team");
        let (entity, answer) = call(&house.world, &tenant, &operation.id);
        assert!((200..300).contains(&answer.status), "{}", answer.describe());
        let rows = rows(&house, &tenant);
        assert_eq!(
            rows.iter().map(|row| &row.0).collect::<Vec<_>>(),
            kinds.iter().collect::<Vec<_>>(),
            "{}",
            operation.id
        );
        for (kind, entity_id, version, actor, request_id, before, after) in rows {
            assert_eq!(Some(&entity_id), entity.as_ref(), "{kind}");
            assert_eq!(actor, Some(tenant.admin_login), "{kind}");
            assert_eq!(Some(request_id.as_str()), answer.header("x-request-id"), "{kind}");
            let of_answer = answer.header("etag").map(|etag| etag.trim_matches('"').to_owned());
            assert_eq!(version.to_string(), of_answer.unwrap_or_else(|| "2".to_owned()), "{kind}");
            assert_eq!(before.is_none(), kind.ends_with("Created"), "{kind}: before");
            assert_eq!(after.is_none(), kind.ends_with("Deleted"), "{kind}: after");
            let mut expected = declared.kinds[&kind].clone();
            expected.sort();
            for side in [before, after].into_iter().flatten() {
                assert_eq!(keys(&side), expected, "{kind}");
            }
        }
    }
}

#[test]
fn the_feed_shows_them_to_the_organisation_and_to_operators_alone() {
    let house = House::new();
    let (tenant, other) = (house.world.tenant("team"), house.world.tenant("team"));
    let api = house.world.profile();
    let (person, answer) = call(&house.world, &tenant, "update_profile");
    let (path, foreign) = (tenant.path("/profile-changes"), other.path("/profile-changes"));
    // The feed holds back what an older transaction anywhere in the cluster might still overtake.
    let (items, next) = eventually("the change is in the feed", || {
        let (items, next) = changes(&api, &path, &tenant.member_token, None);
        (!items.is_empty()).then_some((items, next))
    });
    assert_eq!(items.len(), 1);
    let change = &items[0];
    assert_eq!((&change["kind"], &change["entityId"]), (&json!("ProfileModified"), &json!(person)));
    assert_eq!(change["requestId"], answer.header("x-request-id").unwrap());
    assert_eq!(change["actorId"], json!(tenant.admin_login));
    assert_eq!((&change["before"]["jobTitle"], &change["after"]["jobTitle"]), (&json!("Engineer"), &json!(null)));
    assert_eq!(change["after"]["name"], "Other");
    assert_eq!(
        changes(&api, &path, &tenant.member_token, next.as_deref()).0,
        Vec::<Value>::new(),
        "read on from the end"
    );
    assert_eq!(changes(&api, &foreign, &other.admin_token, None).0, Vec::<Value>::new(), "another organisation's feed");
    let all = changes(&api, "/profile-changes", &house.world.fixture.operator_token(), None).0;
    assert_eq!(all, items, "the operators' feed");
}

#[test]
fn nothing_is_written_where_nothing_changes() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    let api = house.world.profile();
    let path = tenant.path(&format!("/profiles/{}", tenant.member_profile));
    let settings = format!("{path}/notification-settings");
    let token = &tenant.member_token;
    let before = api.get(&path).token(token).send().expect(200);
    let same = json!({"name": before.json()["name"], "email": before.json()["email"]});
    for body in [json!({}), same] {
        let answer = api.patch(&path).token(token).if_match(&before.etag()).json(&body).send().expect(200);
        assert_eq!((answer.etag(), answer.json()), (before.etag(), before.json()));
    }
    let instant =
        api.put(&settings).token(token).if_match("\"1\"").json(&json!({"mode": "instant"})).send().expect(200);
    assert_eq!(instant.etag(), "\"1\"");
    // A replay, and requests that fail.
    let new = json!({"name": "Once", "email": "once@changes.example", "timeZone": "UTC"});
    let post = |body: &Value, key: &str| {
        api.post(&tenant.path("/profiles")).token(&tenant.admin_token).idempotency_key(key).json(body).send()
    };
    let first = post(&new, "k1").expect(201);
    let again = post(&new, "k1").expect(201);
    assert_eq!((first.json(), first.header("location")), (again.json(), again.header("location")));
    post(&new, "k2").expect(409);
    assert_eq!(rows(&house, &tenant).len(), 1, "the one creation");
}

/// The order of a person's rows is that of the person's lock: settings are not changed while the person is being deleted.
#[test]
fn settings_wait_for_the_persons_lock() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    let path = tenant.path(&format!("/profiles/{}/notification-settings", tenant.member_profile));
    let writer = &mut house.db.connect("profile_writer");
    let answer = std::thread::scope(|scope| {
        let put = writer.transaction(|writer| {
            // What a deletion does first.
            profiles::table
                .find((tenant.org, tenant.member_profile))
                .for_update()
                .select(profiles::id)
                .execute(writer)?;
            let put = scope.spawn(|| {
                let call = house.world.profile().put(&path).token(&tenant.member_token).if_match("\"1\"");
                call.json(&json!({"mode": "daily", "at": "06:00"})).send()
            });
            eventually("the change of settings waits", || house.writer_waits().then_some(()));
            QueryResult::Ok(put)
        });
        put.unwrap().join().unwrap()
    });
    answer.expect(200);
}

diesel::table! {
    profile.profiles (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
    }
}

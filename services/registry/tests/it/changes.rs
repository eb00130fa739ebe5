//! The feed, table-driven over the contract: each endpoint leaves exactly the rows that `changes.yaml` names for it, with
//! exactly its keys, in the transaction that did it.

use behaviour::table::operations;
use behaviour::{Call, Value, json};
use diesel::PgConnection;
use uuid::Uuid;

use crate::contract::{CONTRACT, changes};
use crate::fixture::House;
use crate::scene::Scene;
use crate::sql;

/// The rows that a request left, in their order: kind, before, after, and whether all are of one transaction.
fn rows(connection: &mut PgConnection, request: &str) -> Vec<Value> {
    let rows = sql::text(
        connection,
        &format!(
            "select jsonb_agg(to_jsonb(c) || jsonb_build_object('transaction', c.xmin::text) order by c.id) from registry.changes c where c.request_id = '{request}'"
        ),
    );
    if rows.is_empty() { Vec::new() } else { serde_json::from_str(&rows).unwrap() }
}

fn sorted_keys(object: &Value) -> Vec<String> {
    behaviour::assert::keys(object)
}

/// Every row is as its kind says: the keys, and which side is null.
fn check_row(declared: &Value, row: &Value) {
    let kind = row["kind"].as_str().unwrap();
    let mut keys: Vec<String> = serde_json::from_value(declared["kinds"][kind].clone()).unwrap();
    keys.sort();
    let (before, after) = (&row["before"], &row["after"]);
    assert_eq!(before.is_null(), kind.ends_with("Created"), "{row}");
    assert_eq!(after.is_null(), kind.ends_with("Deleted") || kind.ends_with("Ended"), "{row}");
    if ["ApiModified", "ApiMoved"].contains(&kind) {
        // What it is known by, and what differs.
        keys.retain(|key| ["name", "domainId", "subDomainId"].contains(&key.as_str()) || before[key] != after[key]);
    }
    for side in [before, after].into_iter().filter(|side| !side.is_null()) {
        assert_eq!(sorted_keys(side), keys, "{kind}");
    }
    assert_ne!(before, after, "{row}");
    for key in ["organisation_id", "actor_id", "at", "entity_id"] {
        assert!(row[key].is_string(), "{key}: {row}");
    }
}

#[test]
fn every_endpoint_leaves_exactly_the_declared_rows() {
    let house = House::new();
    let declared = changes();
    let document: Value = serde_yaml_ng::from_str(CONTRACT).unwrap();
    let mut reader = house.db.connect("registry_reader");
    for operation in operations(&document) {
        let scene = Scene::new(&house);
        let (call, status) = scene.request(&operation, &house);
        let request = format!("changes-{}", operation.id);
        call.header("x-request-id", &request).send().expect(status);
        let rows = rows(&mut reader, &request);
        let kinds: Vec<_> = rows.iter().map(|row| row["kind"].clone()).collect();
        assert_eq!(json!(kinds), declared["endpoints"][&operation.id], "{}", operation.id);
        for row in &rows {
            check_row(&declared, row);
            assert_eq!(row["transaction"], rows[0]["transaction"], "one transaction: {}", operation.id);
            assert_eq!(row["actor_id"], json!(scene.desk.tenant.member_login));
            written_with(&mut reader, row);
        }
    }
}

/// The entity's row, where it is still there, was written by the transaction that wrote the change, and has its version.
fn written_with(reader: &mut PgConnection, row: &Value) {
    let table = match row["kind"].as_str().unwrap() {
        kind if kind.starts_with("Domain") => "domains",
        kind if kind.starts_with("SubDomain") => "sub_domains",
        kind if kind.starts_with("Watch") => return,
        _ => "apis",
    };
    let entity = row["entity_id"].as_str().unwrap();
    let found =
        sql::text(reader, &format!("select xmin || ' ' || version from registry.{table} where id = '{entity}'"));
    if !found.is_empty() {
        assert_eq!(found, format!("{} {}", row["transaction"].as_str().unwrap(), row["version"]), "{row}");
    }
}

#[test]
fn nothing_is_written_where_nothing_happens() {
    let house = House::new();
    let scene = Scene::new(&house);
    let desk = &scene.desk;
    let api = format!("/apis/{}", scene.api);
    let keyed = |call: Call| call.idempotency_key("one").json(&json!({"name": "Keyed"}));
    keyed(desk.call("POST", "/domains")).send().expect(201);
    let nothing = [
        (scene.change("PATCH", api.clone(), "", json!({})), 200),
        (scene.change("PATCH", api.clone(), "", json!({"tags": ["a"], "name": "cards"})), 200),
        (scene.change("PATCH", format!("/domains/{}", scene.domain), "", json!({"description": null})), 200),
        (scene.change("PATCH", format!("/sub-domains/{}", scene.sub_domain), "", json!({})), 200),
        (scene.change("POST", api.clone(), "/move", json!({"subDomainId": scene.sub_domain})), 200),
        (
            scene.change(
                "POST",
                format!("/sub-domains/{}", scene.sub_domain),
                "/move",
                json!({"domainId": scene.domain}),
            ),
            200,
        ),
        (desk.call("POST", "/watches").json(&json!({"kind": "api", "targetId": scene.api})), 200),
        (keyed(desk.call("POST", "/domains")), 201),
        (desk.call("POST", "/domains").json(&json!({"name": "keyed"})), 409),
        (scene.change("PUT", api.clone(), "/versions/1.0/status", json!({"status": "qa"})), 409),
        (scene.change("DELETE", format!("/domains/{}", scene.domain), "", Value::Null), 409),
        (scene.change("PATCH", api, "", json!({"businessOwnerId": Uuid::now_v7()})), 422),
    ];
    let mut reader = house.db.connect("registry_reader");
    let all = |reader: &mut PgConnection| {
        sql::text(
            reader,
            "select (select count(*) from registry.changes) || ' ' || (select jsonb_agg(to_jsonb(a) order by id) from registry.apis a)
                || (select jsonb_agg(to_jsonb(d) order by id) from registry.domains d)
                || (select jsonb_agg(to_jsonb(s) order by id) from registry.sub_domains s)",
        )
    };
    let before = all(&mut reader);
    for (call, status) in nothing {
        let answer = call.send().expect(status);
        assert_eq!(before, all(&mut reader), "{}", answer.describe());
    }
}

//! The feed, table-driven over the contract: each endpoint leaves exactly the rows that `changes.yaml` names for it, with
//! exactly its keys, in the transaction that did it.

use behaviour::registry::Desk;
use behaviour::table::{Operation, operations};
use behaviour::{Call, Value, json};
use diesel::PgConnection;
use uuid::Uuid;

use crate::contract::{CONTRACT, changes};
use crate::fixture::House;
use crate::sql;

/// One tenant's things, made anew for each operation: all of them watched, so that what is deleted ends a watch.
struct Scene {
    desk: Desk,
    domain: Uuid,
    empty_domain: Uuid,
    sub_domain: Uuid,
    empty_sub_domain: Uuid,
    api: Uuid,
    watch: Uuid,
}

impl Scene {
    fn new(house: &House) -> Self {
        let desk = Desk::new(&house.world, "team");
        let (domain, sub_domain) = desk.place();
        let empty_domain = desk.domain("Empty");
        let empty_sub_domain = desk.sub_domain(domain, "Empty");
        let owner = desk.tenant.admin_profile;
        let body = json!({"name": "cards", "subDomainId": sub_domain, "tags": ["a"], "businessOwnerId": owner});
        let api = desk.post("/apis", &body).expect(201).id();
        desk.post(
            &format!("/apis/{api}/versions"),
            &json!({"major": 1, "minor": 0}),
        )
        .expect(201);
        let watch = |kind: &str, id: Uuid| {
            desk.post("/watches", &json!({"kind": kind, "targetId": id}))
                .expect(201)
                .id()
        };
        watch("domain", empty_domain);
        watch("subDomain", empty_sub_domain);
        let watch = watch("api", api);
        Self {
            desk,
            domain,
            empty_domain,
            sub_domain,
            empty_sub_domain,
            api,
            watch,
        }
    }

    fn change(&self, method: &str, of: String, below: &str, body: Value) -> Call {
        let etag = self.desk.get(&of).expect(200).etag();
        let call = self
            .desk
            .call(method, &format!("{of}{below}"))
            .if_match(&etag);
        if body.is_null() {
            call
        } else {
            call.json(&body)
        }
    }

    /// A request that does what the operation is there for, and its status.
    fn request(&self, operation: &Operation, house: &House) -> (Call, u16) {
        let Self {
            desk,
            domain,
            empty_domain,
            sub_domain,
            empty_sub_domain,
            api,
            watch,
        } = self;
        let domain_path = |id: &Uuid| format!("/domains/{id}");
        let sub_domain_path = |id: &Uuid| format!("/sub-domains/{id}");
        let api_path = format!("/apis/{api}");
        let none = Value::Null;
        let get = |path: String| (desk.call("GET", &path), 200);
        let post = |path: String, body: Value| (desk.call("POST", &path).json(&body), 201);
        match operation.id.as_str() {
            "list_domains" => get("/domains".into()),
            "find_domain" => get(domain_path(domain)),
            "create_domain" => post(
                "/domains".into(),
                json!({"name": "New", "businessOwnerId": desk.tenant.admin_profile}),
            ),
            "update_domain" => (
                self.change(
                    "PATCH",
                    domain_path(domain),
                    "",
                    json!({"description": "New"}),
                ),
                200,
            ),
            "delete_domain" => (
                self.change("DELETE", domain_path(empty_domain), "", none),
                204,
            ),
            "list_sub_domains" => get(format!("/domains/{domain}/sub-domains")),
            "find_sub_domain" => get(sub_domain_path(sub_domain)),
            "create_sub_domain" => post(
                format!("/domains/{domain}/sub-domains"),
                json!({"name": "New"}),
            ),
            "update_sub_domain" => (
                self.change(
                    "PATCH",
                    sub_domain_path(sub_domain),
                    "",
                    json!({"name": "New"}),
                ),
                200,
            ),
            "delete_sub_domain" => (
                self.change("DELETE", sub_domain_path(empty_sub_domain), "", none),
                204,
            ),
            "move_sub_domain" => (
                self.change(
                    "POST",
                    sub_domain_path(sub_domain),
                    "/move",
                    json!({"domainId": empty_domain}),
                ),
                200,
            ),
            "list_apis" => get("/apis".into()),
            "find_api" => get(api_path),
            "create_api" => post(
                "/apis".into(),
                json!({"name": "new", "subDomainId": sub_domain, "tags": ["a"]}),
            ),
            "update_api" => (
                self.change("PATCH", api_path, "", json!({"tags": ["b"]})),
                200,
            ),
            "delete_api" => (self.change("DELETE", api_path, "", none), 204),
            "move_api" => (
                self.change(
                    "POST",
                    api_path,
                    "/move",
                    json!({"subDomainId": empty_sub_domain}),
                ),
                200,
            ),
            "list_versions" => get(format!("{api_path}/versions")),
            "create_version" => post(
                format!("{api_path}/versions"),
                json!({"major": 2, "minor": 0}),
            ),
            "set_version_status" => (
                self.change(
                    "PUT",
                    api_path,
                    "/versions/1.0/status",
                    json!({"status": "development"}),
                ),
                200,
            ),
            "delete_version" => (self.change("DELETE", api_path, "/versions/1.0", none), 204),
            "list_tags" => get("/tags".into()),
            "list_watches" => get("/watches".into()),
            "create_watch" => post(
                "/watches".into(),
                json!({"kind": "domain", "targetId": domain}),
            ),
            "end_watch" => (desk.call("DELETE", &format!("/watches/{watch}")), 204),
            "list_registry_changes" => get("/registry-changes".into()),
            "list_all_registry_changes" => {
                let token = house.world.fixture.operator_token();
                (desk.service.get("/registry-changes").token(&token), 200)
            }
            other => panic!(
                "{other} is new in the contract: say how it is called when it does something"
            ),
        }
    }
}

/// The rows that a request left, in their order: kind, before, after, and whether all are of one transaction.
fn rows(connection: &mut PgConnection, request: &str) -> Vec<Value> {
    let rows = sql::text(
        connection,
        &format!(
            "select jsonb_agg(to_jsonb(c) order by c.id) from registry.changes c where c.request_id = '{request}'"
        ),
    );
    if rows.is_empty() {
        Vec::new()
    } else {
        serde_json::from_str(&rows).unwrap()
    }
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
    assert_eq!(
        after.is_null(),
        kind.ends_with("Deleted") || kind.ends_with("Ended"),
        "{row}"
    );
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
        assert_eq!(
            json!(kinds),
            declared["endpoints"][&operation.id],
            "{}",
            operation.id
        );
        for row in &rows {
            check_row(&declared, row);
            assert_eq!(
                row["xid"], rows[0]["xid"],
                "one transaction: {}",
                operation.id
            );
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
    let found = sql::text(
        reader,
        &format!("select xmin || ' ' || version from registry.{table} where id = '{entity}'"),
    );
    if !found.is_empty() {
        // xmin is the lower half of the transaction's id; a test's database never gets beyond it.
        let xid = row["xid"]
            .as_str()
            .map_or_else(|| row["xid"].to_string(), str::to_owned);
        assert_eq!(found, format!("{xid} {}", row["version"]), "{row}");
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
        (
            scene.change(
                "PATCH",
                api.clone(),
                "",
                json!({"tags": ["a"], "name": "cards"}),
            ),
            200,
        ),
        (
            scene.change(
                "PATCH",
                format!("/domains/{}", scene.domain),
                "",
                json!({"description": null}),
            ),
            200,
        ),
        (
            scene.change(
                "PATCH",
                format!("/sub-domains/{}", scene.sub_domain),
                "",
                json!({}),
            ),
            200,
        ),
        (
            scene.change(
                "POST",
                api.clone(),
                "/move",
                json!({"subDomainId": scene.sub_domain}),
            ),
            200,
        ),
        (
            scene.change(
                "POST",
                format!("/sub-domains/{}", scene.sub_domain),
                "/move",
                json!({"domainId": scene.domain}),
            ),
            200,
        ),
        (
            desk.call("POST", "/watches")
                .json(&json!({"kind": "api", "targetId": scene.api})),
            200,
        ),
        (keyed(desk.call("POST", "/domains")), 201),
        (
            desk.call("POST", "/domains")
                .json(&json!({"name": "keyed"})),
            409,
        ),
        (
            scene.change(
                "PUT",
                api.clone(),
                "/versions/1.0/status",
                json!({"status": "qa"}),
            ),
            409,
        ),
        (
            scene.change(
                "DELETE",
                format!("/domains/{}", scene.domain),
                "",
                Value::Null,
            ),
            409,
        ),
        (
            scene.change("PATCH", api, "", json!({"businessOwnerId": Uuid::now_v7()})),
            422,
        ),
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

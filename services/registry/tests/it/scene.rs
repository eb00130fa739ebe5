//! One of everything, and a request that does something for each operation of the contract.

use behaviour::registry::Desk;
use behaviour::table::Operation;
use behaviour::{Call, Value, json};
use uuid::Uuid;

use crate::fixture::House;

/// One tenant's things, made anew for each operation: all of them watched, so that what is deleted ends a watch.
pub struct Scene {
    pub desk: Desk,
    pub domain: Uuid,
    pub empty_domain: Uuid,
    pub sub_domain: Uuid,
    pub empty_sub_domain: Uuid,
    pub api: Uuid,
    pub watch: Uuid,
}

impl Scene {
    pub fn new(house: &House) -> Self {
        let desk = Desk::new(&house.world, "team");
        let (domain, sub_domain) = desk.place();
        let empty_domain = desk.domain("Empty");
        let empty_sub_domain = desk.sub_domain(domain, "Empty");
        let owner = desk.tenant.admin_profile;
        let body = json!({"name": "cards", "subDomainId": sub_domain, "tags": ["a"], "businessOwnerId": owner});
        let api = desk.post("/apis", &body).expect(201).id();
        desk.post(&format!("/apis/{api}/versions"), &json!({"major": 1, "minor": 0})).expect(201);
        let watch =
            |kind: &str, id: Uuid| desk.post("/watches", &json!({"kind": kind, "targetId": id})).expect(201).id();
        watch("domain", empty_domain);
        watch("subDomain", empty_sub_domain);
        let watch = watch("api", api);
        Self { desk, domain, empty_domain, sub_domain, empty_sub_domain, api, watch }
    }

    pub fn change(&self, method: &str, of: String, below: &str, body: Value) -> Call {
        let etag = self.desk.get(&of).expect(200).etag();
        let call = self.desk.call(method, &format!("{of}{below}")).if_match(&etag);
        if body.is_null() { call } else { call.json(&body) }
    }

    /// A request that does what the operation is there for, and its status.
    pub fn request(&self, operation: &Operation, house: &House) -> (Call, u16) {
        let Self { desk, domain, empty_domain, sub_domain, empty_sub_domain, api, watch } = self;
        let domain_path = |id: &Uuid| format!("/domains/{id}");
        let sub_domain_path = |id: &Uuid| format!("/sub-domains/{id}");
        let api_path = format!("/apis/{api}");
        let none = Value::Null;
        let get = |path: String| (desk.call("GET", &path), 200);
        let post = |path: String, body: Value| (desk.call("POST", &path).json(&body), 201);
        match operation.id.as_str() {
            "list_domains" => get("/domains".into()),
            "find_domain" => get(domain_path(domain)),
            "create_domain" => {
                post("/domains".into(), json!({"name": "New", "businessOwnerId": desk.tenant.admin_profile}))
            }
            "update_domain" => (self.change("PATCH", domain_path(domain), "", json!({"description": "New"})), 200),
            "delete_domain" => (self.change("DELETE", domain_path(empty_domain), "", none), 204),
            "list_sub_domains" => get(format!("/domains/{domain}/sub-domains")),
            "find_sub_domain" => get(sub_domain_path(sub_domain)),
            "create_sub_domain" => post(format!("/domains/{domain}/sub-domains"), json!({"name": "New"})),
            "update_sub_domain" => (self.change("PATCH", sub_domain_path(sub_domain), "", json!({"name": "New"})), 200),
            "delete_sub_domain" => (self.change("DELETE", sub_domain_path(empty_sub_domain), "", none), 204),
            "move_sub_domain" => {
                (self.change("POST", sub_domain_path(sub_domain), "/move", json!({"domainId": empty_domain})), 200)
            }
            "list_apis" => get("/apis".into()),
            "find_api" => get(api_path),
            "create_api" => post("/apis".into(), json!({"name": "new", "subDomainId": sub_domain, "tags": ["a"]})),
            "update_api" => (self.change("PATCH", api_path, "", json!({"tags": ["b"]})), 200),
            "delete_api" => (self.change("DELETE", api_path, "", none), 204),
            "move_api" => (self.change("POST", api_path, "/move", json!({"subDomainId": empty_sub_domain})), 200),
            "list_versions" => get(format!("{api_path}/versions")),
            "create_version" => post(format!("{api_path}/versions"), json!({"major": 2, "minor": 0})),
            "set_version_status" => {
                (self.change("PUT", api_path, "/versions/1.0/status", json!({"status": "development"})), 200)
            }
            "delete_version" => (self.change("DELETE", api_path, "/versions/1.0", none), 204),
            "list_tags" => get("/tags".into()),
            "list_watches" => get("/watches".into()),
            "create_watch" => post("/watches".into(), json!({"kind": "domain", "targetId": domain})),
            "end_watch" => (desk.call("DELETE", &format!("/watches/{watch}")), 204),
            "list_registry_changes" => get("/registry-changes".into()),
            "list_all_registry_changes" => {
                let token = house.world.fixture.operator_token();
                (desk.service.get("/registry-changes").token(&token), 200)
            }
            other => panic!("{other} is new in the contract: say how it is called when it does something"),
        }
    }
}

//! A tenant at work in Registry.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Api, Call, Response};
use crate::world::{Tenant, World};

/// One tenant at work in Registry: calls as its member.
pub struct Desk {
    /// Registry.
    pub service: Api,
    /// The tenant.
    pub tenant: Tenant,
}

impl Desk {
    /// A new tenant on this plan.
    pub fn new(world: &World, plan: &str) -> Self {
        Self { service: world.registry(), tenant: world.tenant(plan) }
    }

    /// A call to a path below the organisation.
    pub fn call(&self, method: &str, path: &str) -> Call {
        self.service.request(method, &self.tenant.path(path)).token(&self.tenant.member_token)
    }

    /// The answer to a GET.
    pub fn get(&self, path: &str) -> Response {
        self.call("GET", path).send()
    }

    /// The answer to a POST.
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.call("POST", path).json(body).send()
    }

    /// The answer to a request on a resource, with the ETag that the resource has now.
    pub fn change(&self, method: &str, of: &str, path: &str, body: &Value) -> Response {
        let etag = self.get(of).expect(200).etag();
        self.call(method, path).if_match(&etag).json(body).send()
    }

    /// The answer to a PATCH with the present ETag.
    pub fn patch(&self, path: &str, body: &Value) -> Response {
        self.change("PATCH", path, path, body)
    }

    /// The answer to a DELETE with the present ETag.
    pub fn delete(&self, path: &str) -> Response {
        let etag = self.get(path).expect(200).etag();
        self.call("DELETE", path).if_match(&etag).send()
    }

    /// A new domain.
    pub fn domain(&self, name: &str) -> Uuid {
        self.post("/domains", &json!({"name": name})).expect(201).id()
    }

    /// A new sub domain.
    pub fn sub_domain(&self, domain: Uuid, name: &str) -> Uuid {
        self.post(&format!("/domains/{domain}/sub-domains"), &json!({"name": name})).expect(201).id()
    }

    /// A new API.
    pub fn api(&self, sub_domain: Uuid, name: &str) -> Uuid {
        let body = json!({"name": name, "subDomainId": sub_domain});
        self.post("/apis", &body).expect(201).id()
    }

    /// A new domain and a sub domain in it.
    pub fn place(&self) -> (Uuid, Uuid) {
        let domain = self.domain(&format!("Domain {}", Uuid::now_v7()));
        (domain, self.sub_domain(domain, "Sub domain"))
    }
}

/// The names of the items of a list's answer.
pub(super) fn names(page: &Response) -> Vec<String> {
    let page = page.json();
    let items = page["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
}

//! What holds for every operation of a contract, driven by the service's own `/openapi.json`: an endpoint that is new
//! in the contract is checked the day it is written, or the table says what it lacks (an example of its body, the id
//! of an entity for its path).
//!
//! The document must say of each operation: `x-scope` (`public`, `member`, `self`, `admin`, `operator`), its parameters
//! with schemas, `If-Match` where needed, and an `example` of each request body that would be accepted.

mod bodies;
mod contract;
mod media;
mod parameters;
mod protocol;
mod tenants;
mod tokens;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

pub use contract::{Operation, Parameter, operations, serves};

use crate::assert::complete_problem;
use crate::http::{Api, Call, Response};
use crate::world::{Tenant, World};

/// A tenant with one entity of everything that a path can name, and what of it nobody else may ever see.
pub struct Victim {
    /// The tenant.
    pub tenant: Tenant,
    /// Values of path parameters: `("api", "…")`, or `("move_api.api", "…")` for one operation alone.
    pub ids: Vec<(String, String)>,
    /// Texts of the tenant's that must not stand in an answer to anybody else: names, e-mail addresses.
    pub secrets: Vec<String>,
    /// Bodies, by operation, that replace the contract's examples: where a body refers to the tenant's entities.
    pub bodies: Vec<(String, Value)>,
}

/// One service, its operations, and a tenant whose entities are attacked.
pub struct Table<'a> {
    world: &'a World,
    api: Api,
    operations: Vec<Operation>,
    victim: Victim,
    intruder: Tenant,
}

/// A test for each check, so that one that fails doesn't hide the others: `checks!(House::new(), table)`, where `table(&house)` is the
/// service's [`Table`].
#[macro_export]
macro_rules! checks {
    ($house:expr, $table:ident) => {
        $crate::checks!($house, $table: tenants tokens bodies parameters preconditions methods heads negotiation);
    };
    ($house:expr, $table:ident: $($check:ident)+) => {$(
        #[test]
        fn $check() {
            let house = $house;
            $table(&house).$check();
        }
    )+};
}

impl<'a> Table<'a> {
    /// Reads the service's contract from the service itself.
    pub fn new(world: &'a World, service: &str, victim: Victim) -> Self {
        let api = world.service(service);
        let document = api.root("/openapi.json").send().expect(200).json();
        let operations = operations(&document);
        assert!(!operations.is_empty(), "the contract of {service} has no operations");
        let intruder = world.tenant("team");
        Self { world, api, operations, victim, intruder }
    }

    /// Every check there is.
    pub fn all(&self) {
        self.tenants();
        self.tokens();
        self.bodies();
        self.parameters();
        self.preconditions();
        self.methods();
        self.heads();
        self.negotiation();
    }

    /// Runs a check for each operation, also after one has failed; panics with all that failed.
    fn each(&self, check: &str, run: impl Fn(&Operation)) {
        let failed: Vec<String> = self
            .operations
            .iter()
            .filter(|operation| catch_unwind(AssertUnwindSafe(|| run(operation))).is_err())
            .map(|operation| format!("{} ({} {})", operation.id, operation.method, operation.path))
            .collect();
        assert!(failed.is_empty(), "{check}: {} of {} operations: {failed:#?}", failed.len(), self.operations.len());
    }

    /// The value for a path parameter of an operation.
    fn id(&self, operation: &Operation, name: &str) -> String {
        if name == "org" {
            return self.victim.tenant.org.to_string();
        }
        let own = format!("{}.{name}", operation.id);
        let find = |wanted: &str| self.victim.ids.iter().find(|(key, _)| key == wanted).map(|(_, id)| id.clone());
        find(&own).or_else(|| find(name)).unwrap_or_else(|| panic!("the victim has no id for {own}: add ({name:?}, …)"))
    }

    /// The operation's URL path for the victim's entities, some parameters replaced.
    fn path(&self, operation: &Operation, replaced: &[(&str, &str)]) -> String {
        operation.path_with(|name| match replaced.iter().find(|(other, _)| *other == name) {
            Some((_, value)) => (*value).to_owned(),
            None => self.id(operation, name),
        })
    }

    /// A call as somebody with every right would make it, but for body, If-Match and token.
    fn bare(&self, operation: &Operation, path: &str) -> Call {
        self.api.raw(&operation.method, path)
    }

    /// A token with the right to do it, if the operation wants one.
    fn token(&self, operation: &Operation) -> Option<String> {
        match operation.scope.as_str() {
            "public" => None,
            "member" => Some(self.victim.tenant.member_token.clone()),
            "admin" | "self" => Some(self.victim.tenant.admin_token.clone()),
            "operator" => Some(self.world.fixture.operator_token()),
            other => panic!("{}: x-scope {other:?} is not one of public, member, self, admin, operator", operation.id),
        }
    }

    /// Adds the token that may.
    fn permitted(&self, operation: &Operation, call: Call) -> Call {
        match self.token(operation) {
            Some(token) => call.token(&token),
            None => call,
        }
    }

    /// A body that would be accepted.
    fn body(&self, operation: &Operation) -> Option<Value> {
        let schema = operation.body.as_ref()?;
        let given = self.victim.bodies.iter().find(|(id, _)| *id == operation.id).map(|(_, body)| body.clone());
        let example = given.or_else(|| operation.example.clone());
        Some(example.unwrap_or_else(|| panic!("{}: the request body has no example: {schema}", operation.id)))
    }

    /// Adds a body and an If-Match that would be accepted.
    fn filled(&self, operation: &Operation, call: Call) -> Call {
        let call = self.matched(operation, call);
        match self.body(operation) {
            Some(body) => call.json(&body),
            None => call,
        }
    }

    /// Adds an If-Match that would be accepted, if the operation wants one.
    fn matched(&self, operation: &Operation, call: Call) -> Call {
        if operation.if_match { call.if_match(&self.etag(operation)) } else { call }
    }

    /// The present ETag: that of the nearest resource at or above the operation's path that has one.
    fn etag(&self, operation: &Operation) -> String {
        let mut path = operation.path.as_str();
        loop {
            if let Some(get) = self.operations.iter().find(|other| other.method == "GET" && other.path == path) {
                let url = get.path_with(|name| self.id(operation, name));
                let answer = self.permitted(get, self.bare(get, &url)).send().expect(200);
                if let Some(etag) = answer.header("etag") {
                    return etag.to_owned();
                }
            }
            path = path.rsplit_once('/').map(|(parent, _)| parent).unwrap_or_default();
            assert!(!path.is_empty(), "{}: nothing at or above its path has an ETag", operation.id);
        }
    }

    /// Sends a call and asserts what holds for every answer to a bad request: a complete 4xx problem.
    #[track_caller]
    fn refused(&self, call: Call) -> Response {
        let answer = self.send(call);
        assert!((400..500).contains(&answer.status), "expected a 4xx: {}", answer.describe());
        complete_problem(&answer);
        answer
    }

    /// Sends a call and asserts what holds for every answer.
    #[track_caller]
    fn send(&self, call: Call) -> Response {
        let answer = call.send();
        assert!(answer.status < 500, "5xx: {}", answer.describe());
        assert!(
            answer.header("x-request-id").is_some_and(|id| !id.is_empty()),
            "no X-Request-Id: {}",
            answer.describe()
        );
        let timing = answer.header("server-timing").unwrap_or_default();
        for part in ["queue;dur=", "pool;dur=", "db;dur=", "app;dur="] {
            assert!(timing.contains(part), "Server-Timing {timing:?} has no {part}: {}", answer.describe());
        }
        answer
    }
}

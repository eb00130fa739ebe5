//! Profile: people and when they want to be told.

mod people;
mod rules;
mod settings;

use serde_json::{Value, json};

use crate::http::Response;
use crate::world::{Case, Tenant, World};

/// All cases.
pub fn suite() -> Vec<Case> {
    [people::CASES, rules::CASES, settings::CASES].concat()
}

fn new(name: &str, email: &str) -> Value {
    json!({"name": name, "jobTitle": "Analyst", "email": email, "timeZone": "Europe/Zurich"})
}

fn create(world: &World, tenant: &Tenant, body: &Value) -> Response {
    world.profile().post(&tenant.path("/profiles")).token(&tenant.admin_token).json(body).send()
}

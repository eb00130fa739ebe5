//! What the names in a workload file mean over the HTTP contract.

use std::sync::Arc;

use behaviour::PASSWORD;
use bytes::Bytes;
use hyper::Uri;
use hyper::header::HeaderValue;
use uuid::Uuid;

use crate::Failure;
use crate::data::{Dataset, Organisation};
use crate::load::driver::{Call, Method};
use crate::load::schedule::Arrival;
use crate::load::writes::Written;

/// Makes an operation's call: the method, the path below the organisation, `If-Match` and a body.
type Make = fn(&Organisation, &Arrival, &Context) -> Shape;

/// What a call depends on beyond its arrival.
struct Context {
    written: Arc<Written>,
    /// Another one for each cell: bodies are alike in every arm, but names must be new and changes must change something.
    salt: u32,
}

/// Makes the call of an arrival.
pub type MakeCall = Arc<dyn Fn(&Arrival) -> Call + Send + Sync>;

/// Parts of a call that an operation decides.
struct Shape {
    method: Method,
    path: String,
    /// The row that is changed, and the version it is expected to have.
    changes: Option<(Uuid, i64)>,
    body: Option<String>,
}

/// Every operation: (service, name, what it does).
const OPERATIONS: &[(&str, &str, Make)] = &[
    ("registry", "find-api", |of, at, _| Shape::get(format!("/apis/{}", pick(&of.apis, at.row)))),
    ("registry", "list-apis", |_, _, _| Shape::get("/apis?limit=50".into())),
    ("registry", "list-apis-of-sub-domain", |of, at, _| {
        Shape::get(format!("/apis?limit=50&subDomainId={}", pick(&of.sub_domains, at.row)))
    }),
    ("registry", "create-api", |of, at, context| {
        let body = serde_json::json!({
            "name": format!("made-{:08x}-{:08x}-{:08x}", context.salt, at.row, at.body),
            "subDomainId": pick(&of.sub_domains, at.row),
            "technicalOwnerId": pick(&of.profiles, at.body),
            "tags": ["made-by-lab"],
        });
        Shape::post("/apis".into(), &body)
    }),
    ("registry", "modify-api", |of, at, context| {
        let id = pick(&of.apis, at.row);
        let body = serde_json::json!({ "title": format!("Title {:08x} {:08x}", context.salt, at.body) });
        Shape::patch(format!("/apis/{id}"), id, context, &body)
    }),
    ("profile", "find-profile", |of, at, _| Shape::get(format!("/profiles/{}", pick(&of.profiles, at.row)))),
    ("profile", "list-profiles", |_, _, _| Shape::get("/profiles?limit=50".into())),
    ("profile", "rename-profile", |of, at, context| {
        let id = pick(&of.profiles, at.row);
        let body = serde_json::json!({ "jobTitle": format!("Engineer {:08x} {:08x}", context.salt, at.body) });
        Shape::patch(format!("/profiles/{id}"), id, context, &body)
    }),
    ("profile", "create-profile", |_, at, context| {
        let email = format!("made-{:08x}-{:08x}-{:08x}@lab.example", context.salt, at.row, at.body);
        Shape::post("/profiles".into(), &serde_json::json!({ "name": "Made", "email": email, "timeZone": "UTC" }))
    }),
    // Refused: whoever is in the data set is responsible for something, where an organisation has twenty APIs.
    ("profile", "delete-responsible-profile", |of, at, context| {
        let id = pick(&of.profiles, at.row);
        let changes = Some((id, context.written.expect(id)));
        Shape { method: Method::DELETE, path: format!("/profiles/{id}"), changes, body: None }
    }),
    ("account", "find-organisation", |_, _, _| Shape::get(String::new())),
    ("account", "list-logins", |_, _, _| Shape::get("/logins?limit=50".into())),
    ("account", "rename-organisation", |of, at, context| {
        let body =
            serde_json::json!({ "name": format!("Organisation {} {:08x} {:08x}", of.id, context.salt, at.body) });
        Shape::patch(String::new(), of.id, context, &body)
    }),
    // Refused: an organisation of the data set uses more than the smallest plan allows.
    ("account", "choose-too-small-plan", |of, _, context| {
        Shape::patch(String::new(), of.id, context, &serde_json::json!({ "plan": "free" }))
    }),
    ("account", "create-login", |of, at, context| {
        let email = format!("made-{:08x}-{:08x}-{:08x}@lab.example", context.salt, at.row, at.body);
        let profile = pick(&of.profiles, at.body);
        let body = serde_json::json!({ "email": email, "password": PASSWORD, "scope": "member", "profileId": profile });
        Shape::post("/logins".into(), &body)
    }),
    ("billing", "list-invoices", |_, _, _| Shape::get("/invoices?limit=50".into())),
    ("billing", "find-invoice", |of, at, _| Shape::get(format!("/invoices/{}", pick(&of.invoices, at.row)))),
    ("billing", "find-usage", |_, _, _| Shape::get("/usage".into())),
    ("billing", "find-standing", |_, _, _| Shape::get("/standing".into())),
    ("notification", "list-notifications", |_, _, _| Shape::get("/notifications?limit=50".into())),
    ("notification", "read-notifications", |of, at, _| {
        let body = serde_json::json!({ "ids": [pick(&of.notifications, at.row)] });
        Shape::post("/notifications/read".into(), &body)
    }),
];

impl Shape {
    fn get(path: String) -> Self {
        Self { method: Method::GET, path, changes: None, body: None }
    }

    fn post(path: String, body: &serde_json::Value) -> Self {
        Self { method: Method::POST, path, changes: None, body: Some(body.to_string()) }
    }

    fn patch(path: String, id: Uuid, context: &Context, body: &serde_json::Value) -> Self {
        Self {
            method: Method::PATCH,
            path,
            changes: Some((id, context.written.expect(id))),
            body: Some(body.to_string()),
        }
    }
}

fn pick(ids: &[Uuid], row: u32) -> Uuid {
    if ids.is_empty() { Uuid::nil() } else { ids[row as usize % ids.len()] }
}

/// Turns arrivals of one service into calls. `endpoints` are the workload's names, in its order.
///
/// # Errors
/// A sentence that names the unknown operation and those there are.
pub fn calls(
    service: &str,
    base_url: &str,
    endpoints: &[String],
    data: &Arc<Dataset>,
    written: &Arc<Written>,
    salt: u32,
) -> Result<MakeCall, Failure> {
    let makes = endpoints
        .iter()
        .map(|endpoint| {
            OPERATIONS
                .iter()
                .find(|(of, name, _)| *of == service && name == endpoint)
                .map(|(_, _, make)| *make)
                .ok_or_else(|| unknown(service, endpoint))
        })
        .collect::<Result<Vec<Make>, Failure>>()?;
    let (base, data) = (base_url.trim_end_matches('/').to_owned(), Arc::clone(data));
    let context = Context { written: Arc::clone(written), salt };
    Ok(Arc::new(move |arrival| {
        let of = &data.organisations[arrival.organisation as usize % data.organisations.len()];
        let shape = makes[usize::from(arrival.endpoint)](of, arrival, &context);
        let url = format!("{base}/api/v1/organisations/{}{}", of.id, shape.path);
        Call {
            method: shape.method,
            // Ids and constants only, so it always is one; a target's own broken base shows as failed connections.
            url: url.parse().unwrap_or_else(|_| Uri::default()),
            authorization: (!of.token.is_empty()).then(|| of.token.clone()),
            headers: Arc::clone(&of.headers),
            if_match: shape.changes.and_then(|(_, version)| HeaderValue::from_str(&format!("\"{version}\"")).ok()),
            of: shape.changes.map(|(id, _)| id),
            body: shape.body.map(Bytes::from),
        }
    }))
}

/// What an operation asks, with ids of nobody.
pub struct Sample {
    /// GET, POST, …
    pub method: Method,
    /// Below `/api/v1/organisations/{org}`, without a query.
    pub path: String,
    /// JSON, where it has one.
    pub body: Option<String>,
}

/// What this operation asks; `None` of an unknown one.
#[must_use]
pub fn sample(service: &str, endpoint: &str) -> Option<Sample> {
    let (.., make) = OPERATIONS.iter().find(|(of, name, _)| *of == service && *name == endpoint)?;
    let (token, headers) = (HeaderValue::from_static(""), Arc::default());
    let none = Vec::new;
    let nobody = Organisation {
        id: Uuid::nil(),
        token,
        headers,
        apis: none(),
        sub_domains: none(),
        profiles: none(),
        invoices: none(),
        notifications: none(),
    };
    let at = Arrival { at_ns: 0, organisation: 0, endpoint: 0, row: 0, body: 0 };
    let Shape { method, path, body, .. } = make(&nobody, &at, &Context { written: Arc::default(), salt: 0 });
    let path = path.split('?').next().unwrap_or_default().to_owned();
    Some(Sample { method, path, body })
}

fn unknown(service: &str, endpoint: &str) -> Failure {
    let known: Vec<&str> = OPERATIONS.iter().filter(|(of, ..)| *of == service).map(|(_, name, _)| *name).collect();
    Failure::usage(format!(
        "The workload asks {service} for {endpoint:?}, which the lab doesn't know; there are: {}.",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::schedule::{EDGES, MATRIX, Workload};

    #[test]
    fn the_built_in_workloads_ask_for_nothing_unknown() {
        let data = Arc::new(Dataset { organisations: vec![] });
        for (service, of) in [MATRIX, EDGES].into_iter().flat_map(|text| Workload::parse(text).unwrap().services) {
            let names: Vec<String> = of.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
            assert!(calls(&service, "http://x", &names, &data, &Arc::default(), 0).is_ok(), "{service}");
        }
        let error = calls("registry", "http://x", &["fly".to_owned()], &data, &Arc::default(), 0).err().unwrap();
        assert!(error.to_string().contains("find-api"), "{error}");
    }
}

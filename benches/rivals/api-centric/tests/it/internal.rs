//! The internal endpoints: for services alone, each described in an OpenAPI file, and a month-end made of them.

use std::collections::BTreeSet;
use std::time::Duration;

use api_centric::SERVICES;
use api_centric::nouns::NOUNS;
use behaviour::{PASSWORD, json, token};

use crate::deployment::{Deployment, Plan};
use crate::relay::Condition;

#[test]
fn the_openapi_files_list_what_is_there() {
    for service in SERVICES {
        let path = format!("{}/internal/{service}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let document: serde_json::Value = serde_yaml_ng::from_str(&text).unwrap();
        let described: BTreeSet<String> =
            document["paths"].as_object().into_iter().flat_map(|paths| paths.keys().cloned()).collect();
        let mut there: BTreeSet<String> = NOUNS
            .iter()
            .filter(|noun| noun.owner == service)
            .map(|noun| format!("/internal/v1/{}", noun.name))
            .collect();
        if service != "notification" {
            there.insert("/internal/v1/changes".to_owned());
        }
        if service == "account" {
            there.extend(["/internal/v1/token", "/internal/v1/organisation-ids"].map(str::to_owned));
        }
        assert_eq!(described, there, "{service}");
    }
}

#[test]
fn they_are_for_services_alone_and_a_run_waits_for_all_answers() {
    let deployment = Deployment::new(Plan::default());
    let tenant = deployment.world.tenant("payg");
    let account = deployment.api("account");
    let persons = format!("/internal/v1/persons?organisation={}", tenant.org);
    let profile = deployment.api("profile");
    profile.root(&persons).send().expect(401);
    profile.root(&persons).token(&tenant.admin_token).send().expect(401);
    let operator = token(&deployment.world.services, "operator@fixture.example", PASSWORD).unwrap();
    profile.root(&persons).token(&operator).send().expect(401);

    let buy = |pair: &str| {
        let basic = format!("Basic {}", base64(pair));
        account.raw("POST", "/internal/v1/token").header("authorization", &basic).send()
    };
    buy("registry:wrong").expect(401);
    buy("nobody:secret-of-registry").expect(401);
    let service = buy("registry:secret-of-registry").expect(200).json()["accessToken"].as_str().unwrap().to_owned();
    let found = profile.root(&persons).token(&service).send().expect(200).json();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(2), "{found}");
    profile.root("/internal/v1/persons").token(&service).send().expect(400);
    // A service's token opens the internal paths alone.
    profile.get(&tenant.path("/profiles")).token(&service).send().expect(401);

    let billing = deployment.api("billing");
    let period = "2026-01";
    let run = |key: &str| {
        let call = billing.post("/billing-runs").token(&operator).idempotency_key(key);
        call.json(&json!({"period": period})).send()
    };
    deployment.relays["registry"].is(Condition::Rubbish);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| run("one"));
        std::thread::sleep(Duration::from_secs(1));
        assert!(!waiting.is_finished(), "it waits for Registry");
        deployment.relays["registry"].is(Condition::Well);
        waiting.join().unwrap().expect(202);
    });
    let mut copies = deployment.connect("billing", "superuser");
    let count = |client: &mut postgres::Client, of: &str| -> i64 {
        client.query_one(&format!("select count(*) from {of}"), &[]).unwrap().get(0)
    };
    let organisations = count(&mut deployment.connect("account", "superuser"), "account.organisations");
    assert_eq!(count(&mut copies, "published.organisations"), organisations);
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

//! Who gets in, at every endpoint of the five running services; and that what the docs say of it is so.

use std::fs;

use behaviour::table::{Operation, operations};
use behaviour::{Tenant, World};
use uuid::Uuid;

use crate::support::{shared, world};

const SECURITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SECURITY.md");
const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- /table -->";

/// Kinds of callers, in the table's order.
const CALLERS: [&str; 5] = ["nobody", "member", "admin", "stranger", "operator"];

/// What each caller gets at an operation: 401, 403, or 0 where the request is looked at.
fn expected(operation: &Operation) -> [u16; 5] {
    let stranger = if operation.of_organisation() { 403 } else { 0 };
    match operation.scope.as_str() {
        "public" => [0; 5],
        "admin" => [401, 403, 0, 403, 403],
        "operator" => [401, 403, 403, 403, 0],
        // Operators belong to no organisation: below one, they are strangers too.
        "member" | "self" => [401, 0, 0, stranger, stranger],
        other => panic!("{}: x-scope {other}", operation.id),
    }
}

fn all(world: &World) -> Vec<(&'static str, Vec<Operation>)> {
    let of = |name| {
        let document = world.service(name).root("/openapi.json").send().expect(200);
        (name, operations(&document.json()))
    };
    lab::system::services::names().map(of).collect()
}

#[test]
fn the_table_in_the_docs_is_the_contract() {
    let mut table = String::from("| service | request | right |");
    for caller in CALLERS {
        table += &format!(" {caller} |");
    }
    table += "\n|---|---|---|---|---|---|---|---|\n";
    for (service, operations) in all(&world(shared())) {
        for operation in operations {
            let path = operation.path.trim_start_matches("/api/v1");
            let cells = expected(&operation).map(|status| match status {
                0 => "yes".to_owned(),
                status => status.to_string(),
            });
            table += &format!(
                "| {service} | `{} {path}` | {} | {} |\n",
                operation.method,
                operation.scope,
                cells.join(" | ")
            );
        }
    }
    let text = fs::read_to_string(SECURITY).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (written, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_SECURITY").is_some() {
        fs::write(SECURITY, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
        return;
    }
    assert!(written == table, "docs/SECURITY.md isn't what the contract says: UPDATE_SECURITY=1 writes it anew");
}

/// Without body and If-Match: whoever may gets on to what is wrong with the request, and nothing is changed.
#[test]
fn every_cell_of_the_table_is_so() {
    let world = world(shared());
    let (tenant, other) = (world.tenant("team"), world.tenant("team"));
    let operator = world.fixture.operator_token();
    let mut wrong = Vec::new();
    let mut cells = 0;
    for (service, operations) in all(&world) {
        let api = world.service(service);
        for operation in operations {
            let path = operation.path_with(|name| id(&operation, name, &tenant));
            let tokens = [
                None,
                Some(&tenant.member_token),
                Some(&tenant.admin_token),
                Some(&other.admin_token),
                Some(&operator),
            ];
            for ((caller, token), expected) in CALLERS.iter().zip(tokens).zip(expected(&operation)) {
                let call = api.raw(&operation.method, &path);
                let answer = match token {
                    Some(token) => call.token(token).send(),
                    None => call.send(),
                };
                cells += 1;
                let got = match answer.status {
                    refused @ (401 | 403) => refused,
                    _ => 0,
                };
                if got != expected {
                    let line = format!("{service} {} for {caller}: {}", operation.id, answer.status);
                    wrong.push(line);
                }
            }
        }
    }
    println!("{cells} cells");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The caller's own person where a path names one, and otherwise something that isn't there.
fn id(operation: &Operation, name: &str, tenant: &Tenant) -> String {
    match name {
        "org" => tenant.org.to_string(),
        "code" => "no-such-plan".to_owned(),
        "number" => "9.9".to_owned(),
        _ if operation.path.contains("/profiles/") => tenant.member_profile.to_string(),
        _ => Uuid::from_u128(7).to_string(),
    }
}

/// One origin can hold all five: no path of one is a path of another, whatever stands in its parameters.
#[test]
fn paths_of_the_services_do_not_overlap() {
    let all = all(&world(shared()));
    let overlap = |one: &str, other: &str| {
        let (one, other): (Vec<_>, Vec<_>) = (one.split('/').collect(), other.split('/').collect());
        let fits = |(a, b): (&&str, &&str)| a == b || a.starts_with('{') || b.starts_with('{');
        one.len() == other.len() && one.iter().zip(&other).all(fits)
    };
    assert!(overlap("/a/{x}/b", "/a/c/{y}") && !overlap("/a/{x}", "/a/{x}/b"));
    for (index, (service, operations)) in all.iter().enumerate() {
        for (other, others) in &all[..index] {
            for (one, two) in operations.iter().flat_map(|one| others.iter().map(move |two| (one, two))) {
                assert!(!overlap(&one.path, &two.path), "{service} {} and {other} {}", one.path, two.path);
            }
        }
    }
}

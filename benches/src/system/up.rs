//! `lab up`: a deployment on this machine with one command; what it prints says where everything is, and what to type first.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use schema::cluster::ClusterOptions;

use super::deployment::Deployment;
use super::home::Home;
use super::running::Options;
use crate::{Failure, Place};

/// Brings it up, shows what is where (`json`: as one line and nothing else), and goes on until Ctrl-C or SIGTERM. How many
/// of its processes died unasked. `beside` is what runs along with it, with its URL: it ends before it.
pub fn run<T>(
    options: &Options,
    json: bool,
    beside: impl FnOnce(&Deployment) -> Option<(String, T)>,
) -> Result<usize, Failure> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&options.stop))
            .map_err(|error| Failure::could_not_run(format!("Signals can't be heard: {error}.")))?;
    }
    let up = Deployment::start(options, |news| eprintln!("{news}"))?;
    let beside = beside(&up);
    let text = if json {
        up.place().line()?
    } else {
        let console = beside.as_ref().map(|(url, _)| url.as_str());
        text(&shown(up.place(), options)?, console, up.home(), up.up_json())
    };
    // Who closed our standard output knows what they do: the system is up all the same.
    let _ = writeln!(std::io::stdout(), "{text}");
    let died = up.wait(|| drop(beside));
    eprintln!("Stopped.");
    Ok(died)
}

/// Without the password of a server that isn't ours: what is printed is read over shoulders and kept in logs.
fn shown(place: &Place, options: &Options) -> Result<Place, Failure> {
    let mut shown = place.clone();
    if !options.ephemeral && ClusterOptions::from_env().database_url.is_some() {
        for url in shown.database_url.iter_mut().chain(shown.databases.values_mut()) {
            *url = schema::session::address(url)?.to_string();
        }
    }
    Ok(shown)
}

/// A table of URLs and a first request to paste, step by step.
fn text(place: &Place, console: Option<&str>, home: &Path, up_json: &Path) -> String {
    let mut text = String::from("Everything is up.\n\n");
    let mut row = |name: &str, what: &str| {
        // Writing to a String can't fail.
        let _ = writeln!(text, "  {name:<15}{what}");
    };
    if let Some(url) = console {
        row("console", &format!("{url}   live: load, known harms, who blocks whom"));
    }
    for (name, url) in &place.services {
        row(name, &format!("{url}   {url}/docs"));
    }
    if let Some(architecture) = &place.architecture {
        row("architecture", architecture);
    }
    for (service, url) in &place.databases {
        row("database", &format!("{url}   {service}'s"));
    }
    for (part, url) in &place.parts {
        row(part, &format!("{url}/metrics"));
    }
    for (name, url) in [
        ("gateway", &place.gateway),
        ("mailbox", &place.mailbox),
        ("payments", &place.payments),
        ("kafka", &place.kafka),
        ("database", &place.database_url),
    ] {
        if let Some(url) = url {
            row(name, url);
        }
    }
    if let Some(operator) = &place.operator {
        row("operator", &format!("{}   {}", operator.email, operator.password));
    }
    row("logs", &home.join("logs").display().to_string());
    row("for scripts", &up_json.display().to_string());
    text.push_str("\nA first API, to paste into another terminal (sign up, get a token, create, read):\n\n");
    for line in first_requests(place).lines() {
        let _ = writeln!(text, "  {line}");
    }
    // Set where we were started by cargo: then `lab` alone would not be found.
    let lab = if std::env::var_os("CARGO").is_some() { "cargo lab" } else { "lab" };
    let usual = Home::usual().is_ok_and(|usual| usual == home);
    let target = if usual { String::new() } else { format!(" --target {}", up_json.display()) };
    let _ = writeln!(text, "\nOr 2,639 real ones: {lab} import benches/data/catalogue.jsonl{target}");
    let off = super::settings::LIMITS;
    if off.iter().all(|name| std::env::var_os(name).is_none()) {
        let _ =
            writeln!(text, "What clients may ask is not limited here, for the lab's own load ({}).", off.join(", "));
    }
    text.push_str("Ctrl-C stops what was started here.\n");
    text
}

/// Plain sh and curl. The name holds the time, so that the same lines can be pasted again.
pub fn first_requests(place: &Place) -> String {
    let url = |name: &str| place.services.get(name).map_or("", String::as_str);
    let mut text = String::new();
    for (variable, service) in [("ACCOUNT", "account"), ("PROFILE", "profile"), ("REGISTRY", "registry")] {
        let _ = writeln!(text, "{variable}={}/api/v1", url(service));
    }
    text.push_str(REQUESTS.trim_start());
    text
}

const REQUESTS: &str = r#"
field() { grep -o "\"$1\":\"[^\"]*" | head -n 1 | cut -d '"' -f 4; }
post() { curl -sS -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; }
N=$(date +%s) TOKEN=
ORG=$(post $ACCOUNT/organisations -d '{"name":"Acme '$N'","plan":"free","admin":{"email":"ada@acme-'$N'.example","password":"correct horse battery"}}' | field id)
TOKEN=$(post $ACCOUNT/sessions -d '{"email":"ada@acme-'$N'.example","password":"correct horse battery"}' | field token)
OWNER=$(post $PROFILE/organisations/$ORG/profiles -d '{"name":"Ada Lovelace","jobTitle":"Tech Lead","email":"ada@acme-'$N'.example","timeZone":"Europe/London"}' | field id)
DOMAIN=$(post $REGISTRY/organisations/$ORG/domains -d '{"name":"Sales"}' | field id)
SUB=$(post $REGISTRY/organisations/$ORG/domains/$DOMAIN/sub-domains -d '{"name":"Orders"}' | field id)
API=$(post $REGISTRY/organisations/$ORG/apis -d '{"name":"orders","title":"Orders","subDomainId":"'$SUB'","technicalOwnerId":"'$OWNER'","tags":["first"]}' | field id)
curl -sS -H "Authorization: Bearer $TOKEN" $REGISTRY/organisations/$ORG/apis/$API
"#;

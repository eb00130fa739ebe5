//! What nobody may read: passwords, keys and tokens, in process lists, logs, errors and metrics.

use std::fs;

use behaviour::json;
use lab::system::{Deployment, Options};

use crate::support::world;

#[test]
fn secrets_stand_in_no_log_no_error_no_metric_and_no_process_list() {
    let options = Options { ephemeral: true, ..Options::default() };
    let up = Deployment::start(&options, |_| {}).unwrap();
    let world = world(up.place());
    let tenant = world.tenant("team");
    let mut secrets = vec![
        tenant.admin_token.clone(),
        tenant.member_token.clone(),
        "hunter2-is-my-password".to_owned(),
        "4242424242424242".to_owned(),
        "sk_test_sandbox".to_owned(),
    ];
    let home = up.home();
    // A login and its password in each line; a key between two lines of dashes; a word.
    for file in ["passwords", "signing-key.pem", "operator-password"] {
        let text = fs::read_to_string(home.join(file)).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("---"));
        secrets.extend(lines.filter_map(|line| line.split(' ').next_back().map(str::to_owned)));
    }
    assert!(secrets.iter().all(|secret| secret.len() >= 15), "{secrets:?}");
    assert!(secrets.len() > 12, "{}", secrets.len());
    // Answers to what goes wrong with secrets in it, and what the services say of themselves.
    let mut said = Vec::new();
    let account = world.account();
    let wrong = json!({"email": "nobody@it.example", "password": "hunter2-is-my-password", "more": 1});
    said.push(account.post("/sessions").json(&wrong).send());
    let wrong = json!({"email": "nobody@it.example", "password": "hunter2-is-my-password"});
    said.push(account.post("/sessions").json(&wrong).send());
    let card = json!({"paymentMethodToken": "4242424242424242"});
    let put = world.billing().put(&tenant.path("/payment-method"));
    said.push(put.token(&tenant.admin_token).json(&card).send());
    let cut = &tenant.admin_token[..tenant.admin_token.len() - 3];
    for name in lab::system::services::names() {
        let api = world.service(name);
        said.push(api.get("/nothing").token(cut).send());
        said.extend(["/metrics", "/readyz", "/healthz"].map(|path| api.root(path).send()));
    }
    let mut places: Vec<(String, String)> =
        said.iter().map(|answer| ("an answer".to_owned(), answer.describe() + &answer.text())).collect();
    for entry in fs::read_dir(home.join("logs")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        places.push((entry.path().display().to_string(), text));
    }
    for name in lab::system::services::names() {
        let id = up.process_id(name).unwrap();
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        places.push((format!("the command line of {name}"), line));
    }
    assert!(places.len() > 25, "{}", places.len());
    for (place, text) in places {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{place} holds a secret: {}…", &secret[..4]);
        }
    }
}

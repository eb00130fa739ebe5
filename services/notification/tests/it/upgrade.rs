//! Databases from before addresses were confirmed.

use behaviour::json;
use schema::migrate::Migrator;
use schema::{ApplyOptions, MIGRATIONS};
use uuid::Uuid;

use crate::here::{Change, Here, Person, until};

const CONFIRMATIONS: &str = "2026-11-30-100140_notification_confirm_addresses";

/// A mail as it was kept then.
fn mail(here: &Here, org: Uuid, person: Person, recipient: &str, status: &str) {
    let sent_at = if status == "sent" { "now()" } else { "null" };
    here.run(
        "superuser",
        &format!(
            "insert into notification.deliveries (organisation_id, id, profile_id, recipient, subject, status, attempts, version, \
             created_at, sent_at) values ('{org}', gen_random_uuid(), '{}', '{recipient}', 'x', '{status}', 1, 1, now(), {sent_at})",
            person.profile
        ),
    );
}

#[test]
fn who_was_mailed_before_stays_allowed_and_everybody_else_is_asked() {
    let here = Here::new();
    let admin = here.db.url("govrnanza_admin");
    let mut migrator = Migrator::connect(&admin, 1000).unwrap();
    let of_ours = MIGRATIONS.iter().rev().filter(|script| script.service() == "notification");
    let later: Vec<_> = of_ours.take_while(|script| script.name >= CONFIRMATIONS).collect();
    // As `apply` does: it shows a table that goes with the others.
    here.run("superuser", "drop view published.accepted_invitations");
    for script in &later {
        migrator.revert(script).unwrap();
    }
    assert_eq!(here.count("select count(*) from pg_class where relname = 'confirmations'"), 0, "as it was before");

    let (org, elsewhere, api) = (here.organisation(), here.organisation(), Uuid::now_v7());
    let watcher = |of: Uuid, address: &str| {
        let person = here.stranger(of, "member");
        here.watch(of, person.profile, "api", api);
        let set = format!("update profile.profiles set email = '{address}' where id = '{}'", person.profile);
        here.run("profile_writer", &set);
        person
    };
    let names = ["mailed", "typed-otherwise", "given-up", "new"];
    let people = names.map(|name| watcher(org, &format!("{name}@people.example")));
    mail(&here, org, people[0], "mailed@people.example", "sent");
    mail(&here, org, people[0], "mailed@people.example", "sent");
    mail(&here, org, people[1], "Typed-Otherwise@People.example", "sent");
    mail(&here, org, people[2], "given-up@people.example", "failed");
    // Domains were kept as they were typed.
    let unicode = watcher(org, "ada@müller.example");
    mail(&here, org, unicode, "ada@müller.example", "sent");
    watcher(elsewhere, "mailed@people.example");

    let options = ApplyOptions { connection_limits: false, ..ApplyOptions::default() };
    let report = schema::apply(&admin, &options).unwrap();
    assert_eq!(report.migrations, later.iter().rev().map(|script| script.name).collect::<Vec<_>>());

    let _service = here.start();
    for (of, name) in [(org, "here"), (elsewhere, "elsewhere")] {
        here.change(&Change::new("registry", "ApiModified", of, api).to(json!({"name": name})));
    }
    let mails = || {
        let mails = here.sink.mails();
        let mut mails: Vec<_> = mails.iter().map(|mail| format!("{}: {}", mail.to[0], mail.subject())).collect();
        mails.sort();
        mails
    };
    until("all have a mail", || mails().len() == 6);
    let (told, asked) = ("API here was changed", "Confirm your e-mail address");
    let expected = [
        format!("ada@xn--mller-kva.example: {told}"),
        format!("given-up@people.example: {asked}"),
        format!("mailed@people.example: {told}"),
        format!("mailed@people.example: {asked}"),
        format!("new@people.example: {asked}"),
        format!("typed-otherwise@people.example: {told}"),
    ];
    assert_eq!(mails(), expected);
}

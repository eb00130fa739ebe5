//! Mails across crashes: at least once towards the mail server, exactly once in the table.

use std::collections::{BTreeMap, BTreeSet};

use behaviour::json;
use mail_sink::Dials;
use uuid::Uuid;

use crate::here::{Change, Here, PATIENCE, until};

const ROUNDS: usize = 5;

#[test]
fn a_sender_killed_between_sending_and_recording_repeats_with_the_same_message_id() {
    let here = Here::new();
    let (org, api) = (here.organisation(), Uuid::now_v7());
    for _ in 0..3 {
        let person = here.person(org, "member");
        here.watch(org, person.profile, "api", api);
    }
    let settings = [("MAIL_LEASE_SECONDS", "3"), ("SMTP_TIMEOUT_SECONDS", "1")];
    for round in 0..ROUNDS {
        // The mail is kept at once, and said to be so only later: in between the sender is killed.
        here.sink.set_dials(Dials { delay_ms: 800, ..Dials::default() });
        let before = here.sink.mails().len();
        let mut service = here.child(&settings);
        here.change(&Change::new("registry", "ApiModified", org, api).version(round as i64).to(json!({"name": "a"})));
        assert!(here.sink.wait_for(PATIENCE, |mails| mails.len() > before), "a mail is on its way");
        service.kill();
        here.sink.set_dials(Dials::default());
        let _service = here.child(&settings);
        until("all are sent", || {
            here.count("select count(*) from notification.deliveries where status = 'sent'") == 3 * (round as i64 + 1)
        });
    }
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    let mut contents: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for mail in here.sink.mails() {
        *arrived.entry(mail.message_id().to_owned()).or_default() += 1;
        contents.entry(mail.message_id().to_owned()).or_default().insert([mail.to, vec![mail.text.unwrap()]].concat());
    }
    assert_eq!(arrived.len(), 3 * ROUNDS, "one Message-ID for each notification");
    assert!(arrived.values().any(|times| *times > 1), "at least one was sent again: {arrived:?}");
    assert!(contents.values().all(|different| different.len() == 1), "a repeat says the same");
    let ids = here.lines("select '<' || id || '@govrnanza.example>' as line from notification.notifications");
    assert!(ids.iter().all(|id| arrived.contains_key(id)), "no notification without a mail");
    assert_eq!(here.count("select count(*) from notification.deliveries"), 3 * ROUNDS as i64, "once in the table");
}

#[test]
fn an_answer_that_never_came_is_a_repeat_too() {
    let here = Here::new();
    let (org, api) = (here.organisation(), Uuid::now_v7());
    let person = here.person(org, "member");
    here.watch(org, person.profile, "api", api);
    here.sink.set_dials(Dials { forget_to_answer: 2, ..Dials::default() });
    let _service = here.start();
    here.change(&Change::new("registry", "ApiModified", org, api).to(json!({"name": "a"})));
    until("it is sent", || {
        here.count("select count(*) from notification.deliveries where status = 'sent' and attempts = 3") == 1
    });
    let ids: BTreeSet<_> = here.sink.mails().iter().map(|mail| mail.message_id().to_owned()).collect();
    assert_eq!((here.sink.mails().len(), ids.len()), (3, 1));
}

//! Mail servers as they are: away, slow, and with opinions about single recipients.

use behaviour::{Value, json};
use chrono::Utc;
use kit::auth::Scope;
use kit::id::LoginId;
use mail_sink::{Dials, MailSink, Options};
use notification::settings::Protection;
use uuid::Uuid;

use crate::here::{Change, Here, PATIENCE, Person, until};

struct Scene {
    here: Here,
    org: Uuid,
    api: Uuid,
    people: Vec<Person>,
}

impl Scene {
    fn new(watchers: usize) -> Self {
        let here = Here::new();
        let (org, api) = (here.organisation(), Uuid::now_v7());
        let people: Vec<_> = (0..watchers).map(|_| here.person(org, "member")).collect();
        for person in &people {
            here.watch(org, person.profile, "api", api);
        }
        Self { here, org, api, people }
    }

    fn change(&self, name: &str) {
        self.here.change(&Change::new("registry", "ApiModified", self.org, self.api).to(json!({"name": name})));
    }

    fn address(&self, number: usize) -> String {
        format!("{}@people.example", self.people[number].profile)
    }

    fn count(&self, status: &str) -> i64 {
        self.here.count(&format!("select count(*) from notification.deliveries where status = '{status}'"))
    }

    /// The page of mails that an operator sees.
    fn deliveries(&self, url: &str, query: &str) -> Vec<Value> {
        let token = self.here.signer.token(Scope::Operator, None, LoginId::new(Utc::now()), None);
        let api = self.here.world(url).notification();
        let page = api.get(&format!("/deliveries{query}")).token(&token).send().expect(200).json();
        page["items"].as_array().unwrap().clone()
    }
}

#[test]
fn single_recipients_refused_hold_nobody_up_and_are_seen() {
    let scene = Scene::new(5);
    let refuse = [(scene.address(0), 550), (scene.address(1), 450)].into();
    scene.here.sink.set_dials(Dials { refuse, ..Dials::default() });
    let service = scene.here.start();
    scene.change("a");
    until("the others have theirs", || scene.count("sent") == 3);
    until("one is given up", || scene.count("failed") == 1);
    until("one is tried again", || {
        scene.here.count("select count(*) from notification.deliveries where attempts > 1") == 1
    });
    let failed = scene.deliveries(&service.url, "?status=failed").remove(0);
    assert_eq!(failed["recipient"], scene.address(0));
    assert!(failed["reason"].as_str().unwrap().contains("no such mailbox"), "{failed}");
    assert_eq!((&failed["attempts"], &failed["nextAttemptAt"]), (&json!(1), &Value::Null));
    let waiting = scene.deliveries(&service.url, "?status=waiting").remove(0);
    assert_eq!(waiting["recipient"], scene.address(1));
    assert!(waiting["reason"].as_str().unwrap().contains("mailbox busy"), "{waiting}");
    assert!(waiting["nextAttemptAt"].is_string(), "{waiting}");
    scene.here.sink.set_dials(Dials::default());
    until("its time comes", || scene.count("sent") == 4);
    assert_eq!(scene.deliveries(&service.url, "").len(), 5);
    let sent = scene.deliveries(&service.url, "?status=sent").remove(0);
    assert_eq!(sent["subject"], "API a was changed");
    let arrived = scene.here.sink.mails().iter().any(|mail| mail.message_id() == sent["messageId"]);
    assert!(arrived, "the Message-ID that is shown is the mail's");
}

#[test]
fn a_mail_server_that_is_away_for_a_while_loses_nothing() {
    let scene = Scene::new(10);
    scene.here.sink.set_dials(Dials { down: true, ..Dials::default() });
    let _service = scene.here.start();
    scene.change("a");
    let tried = || scene.here.count("select count(*) from notification.deliveries where reason is not null");
    until("tried twice", || tried() >= 2);
    assert!(tried() < 10, "one mail tries it for all");
    assert_eq!(scene.count("waiting"), 10);
    assert!(scene.here.sink.mails().is_empty());
    scene.here.sink.set_dials(Dials::default());
    until("all are sent", || scene.count("sent") == 10);
    assert_eq!(scene.here.sink.mails().len(), 10, "once each");
}

/// Ten minutes of a quota fail nothing.
#[test]
fn a_server_that_refuses_the_sender_makes_all_wait_and_none_fail() {
    let scene = Scene::new(12);
    let answers = [("content".to_owned(), "550 5.4.5 Daily user sending limit exceeded.".to_owned())].into();
    scene.here.sink.set_dials(Dials { answers, ..Dials::default() });
    let service = scene.here.start();
    scene.change("a");
    until("tried twice", || {
        scene.here.count("select count(*) from notification.deliveries where reason is not null") >= 2
    });
    assert_eq!((scene.count("waiting"), scene.count("failed")), (12, 0));
    let waiting = scene.deliveries(&service.url, "?status=waiting");
    let mut reasons = waiting.iter().filter_map(|mail| mail["reason"].as_str());
    assert!(reasons.any(|reason| reason.contains("Daily user sending limit")), "{waiting:?}");
    let metrics = scene.here.world(&service.url).notification().root("/metrics").send().expect(200);
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    let line = metrics.lines().find(|line| line.starts_with("mail_server_refusing_seconds")).unwrap();
    assert!(!line.ends_with(" 0"), "{line}");
    scene.here.sink.set_dials(Dials::default());
    until("all are sent", || scene.count("sent") == 12);
    assert_eq!(scene.here.sink.mails().len(), 12, "once each");
}

#[test]
fn what_was_given_up_is_sent_again_when_an_operator_says_so() {
    let scene = Scene::new(2);
    let refuse = [(scene.address(0), 550), (scene.address(1), 550)].into();
    scene.here.sink.set_dials(Dials { refuse, ..Dials::default() });
    let service = scene.here.start();
    scene.change("a");
    until("given up", || scene.count("failed") == 2);
    let failed = scene.deliveries(&service.url, "?status=failed");
    let token = scene.here.signer.token(Scope::Operator, None, LoginId::new(Utc::now()), None);
    let api = scene.here.world(&service.url).notification();
    let retry = |ids: &Value| api.post("/deliveries/retry").token(&token).json(&json!({ "ids": ids })).send();
    retry(&json!([failed[0]["id"], Uuid::now_v7()])).expect(422);
    assert_eq!(scene.count("failed"), 2, "all or none");
    scene.here.sink.set_dials(Dials::default());
    retry(&json!([failed[0]["id"]])).expect(204);
    until("sent", || scene.count("sent") == 1);
    retry(&json!([failed[0]["id"]])).expect(422);
    let mails = scene.here.sink.mails();
    assert_eq!((mails.len(), mails[0].message_id()), (1, failed[0]["messageId"].as_str().unwrap()));
    // Given up because it was tried for days: it is tried for days again.
    scene.here.run(
        "superuser",
        "update notification.deliveries set created_at = created_at - interval '30 days' where status = 'failed'",
    );
    let refuse = [(scene.address(0), 450), (scene.address(1), 450)].into();
    scene.here.sink.set_dials(Dials { refuse, ..Dials::default() });
    retry(&json!([failed[1]["id"]])).expect(204);
    until("tried", || {
        scene.here.count("select count(*) from notification.deliveries where reason like '%mailbox busy%'") == 1
    });
    assert_eq!(scene.count("waiting"), 1);
}

#[test]
fn nobody_listening_is_the_same() {
    let scene = Scene::new(2);
    let mut settings = scene.here.settings();
    // A port that was free a moment ago.
    let gone = MailSink::start(&Options::default()).unwrap().smtp().port();
    settings.smtp_port = gone;
    let _service = scene.here.start_with(settings);
    scene.change("a");
    until("tried twice", || {
        scene.here.count("select count(*) from notification.deliveries where reason is not null") >= 2
    });
    assert_eq!(scene.count("waiting"), 2);
}

#[test]
fn a_slow_recipient_does_not_hold_up_the_others() {
    let scene = Scene::new(12);
    let slow = [(scene.address(0), 8000)].into();
    scene.here.sink.set_dials(Dials { slow, ..Dials::default() });
    let mut settings = scene.here.settings();
    settings.mail_senders = 3;
    // The slow one is no failure.
    (settings.smtp_timeout_seconds, settings.mail_lease_seconds) = (60, 120);
    let service = scene.here.start_with(settings);
    scene.change("a");
    // Those claimed together with the slow one wait for it: three at most.
    until("most others have theirs", || scene.count("sent") >= 8);
    assert!(scene.count("sent") < 12, "the slow one is still under way");
    let api = scene.here.world(&service.url).notification();
    api.root("/readyz").send().expect(200);
    until("all have theirs", || scene.count("sent") == 12);
    assert_eq!(scene.here.sink.mails().len(), 12);
}

#[test]
fn nothing_is_sent_in_the_clear_unless_asked_for() {
    let scene = Scene::new(1);
    let mut settings = scene.here.settings();
    settings.smtp_tls = Protection::Starttls;
    (settings.smtp_user, settings.smtp_password) = (Some("u".into()), Some("p".into()));
    let service = scene.here.start_with(settings);
    scene.change("a");
    until("tried", || scene.here.count("select count(*) from notification.deliveries where reason is not null") == 1);
    let waiting = scene.deliveries(&service.url, "").remove(0);
    assert!(waiting["reason"].as_str().unwrap().to_lowercase().contains("starttls"), "{waiting}");
    assert!(scene.here.sink.mails().is_empty());
}

#[test]
fn what_people_typed_stays_text() {
    let scene = Scene::new(1);
    let _service = scene.here.start();
    scene.change("<script>alert(1)</script>\r\nBcc: evil@example.com\r\n\r\nhello");
    assert!(scene.here.sink.wait_for(PATIENCE, |mails| mails.len() == 1));
    let mail = scene.here.sink.mails().remove(0);
    assert_eq!(mail.to, [scene.address(0)]);
    assert_eq!(mail.header("Bcc"), None);
    assert!(mail.subject().contains("Bcc: evil@example.com"), "in the subject it is only text: {}", mail.subject());
    let html = mail.html.as_ref().unwrap();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
    assert!(mail.text.as_ref().unwrap().contains("request request-1"));
    assert_eq!(mail.header("List-Unsubscribe"), None, "nothing is named that nobody answers");
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    let id = scene.here.lines("select '<' || id || '@govrnanza.example>' as line from notification.notifications");
    assert_eq!([mail.message_id()], id.as_slice());
}

#[test]
fn an_address_that_is_none_is_given_up_with_its_reason() {
    let scene = Scene::new(2);
    let profile = scene.people[0].profile;
    scene.here.run("profile_writer", &format!("update profile.profiles set email = 'no one@' where id = '{profile}'"));
    let service = scene.here.start();
    scene.change("a");
    until("done", || scene.count("failed") == 1 && scene.count("sent") == 1);
    let failed = scene.deliveries(&service.url, "?status=failed").remove(0);
    assert!(failed["reason"].as_str().unwrap().starts_with("not an address"), "{failed}");
}

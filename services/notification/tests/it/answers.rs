//! Mails that ask, and a mail server that takes them without saying so.

use behaviour::{World, json};
use kit::testing::Running;
use mail_sink::Dials;
use notification::settings::Settings;
use uuid::Uuid;

use crate::confirm::{look, press, token};
use crate::here::{Change, Here, until};

struct Scene {
    here: Here,
    service: Running,
    world: World,
    org: Uuid,
    api: Uuid,
}

impl Scene {
    /// Somebody is about to be asked, through a mail server that behaves like this.
    fn new(dials: Dials, mail_retry_seconds: u32) -> Self {
        let here = Here::new();
        let (org, api) = (here.organisation(), Uuid::now_v7());
        let person = here.stranger(org, "member");
        here.watch(org, person.profile, "api", api);
        here.sink.set_dials(dials);
        let service = here.start_with(Settings { mail_retry_seconds, ..here.settings() });
        let scene = Self { world: here.world(&service.url), here, service, org, api };
        scene.change();
        scene
    }

    fn change(&self) {
        self.here.change(&Change::new("registry", "ApiModified", self.org, self.api).to(json!({"name": "a"})));
    }

    fn asking(&self, how: &str) -> bool {
        self.here.count(&format!("select count(*) from notification.deliveries where confirms and {how}")) == 1
    }

    /// The links that arrived, oldest first.
    fn links(&self) -> Vec<String> {
        let mails = self.here.sink.mails();
        mails.iter().filter(|mail| mail.subject() == "Confirm your e-mail address").map(token).collect()
    }

    fn kept(&self) -> i64 {
        self.here.count("select count(*) from notification.confirmations")
    }
}

#[test]
fn a_link_whose_answer_was_lost_works() {
    let scene = Scene::new(Dials { forget_to_answer: 1, ..Dials::default() }, 1);
    until("sent again", || scene.asking("status = 'sent'"));
    let links = scene.links();
    assert_eq!((links.len(), scene.kept()), (2, 2));
    for link in &links {
        assert!(look(&scene.world, link, 200).contains("<button>"));
    }
    press(&scene.world, &links[0], 200);
    until("what waited comes", || scene.here.sink.mails().len() == 3);
    assert!(!look(&scene.world, &links[1], 200).contains("<button>"), "the address is confirmed");
}

#[test]
fn whoever_confirms_is_not_asked_again() {
    // The second attempt is far away.
    let scene = Scene::new(Dials { forget_to_answer: 1, ..Dials::default() }, 300);
    until("not answered", || scene.asking("status = 'waiting' and reason is not null"));
    press(&scene.world, &scene.links()[0], 200);
    assert!(scene.asking("status = 'sent' and sent_at is not null"));
}

#[test]
fn without_answers_an_address_is_asked_three_times() {
    let scene = Scene::new(Dials { forget_to_answer: 4, ..Dials::default() }, 1);
    until("given up", || scene.asking("status = 'failed' and reason like '%may have arrived%'"));
    let links = scene.links();
    assert_eq!((links.len(), scene.kept()), (3, 3));
    look(&scene.world, &links[0], 200);
    // The platform's staff has it sent again: of the two mails one is answered.
    let id = scene.here.lines("select id::text as line from notification.deliveries where confirms").remove(0);
    let retry = scene.world.notification().post("/deliveries/retry").token(&scene.world.fixture.operator_token());
    retry.json(&json!({ "ids": [id] })).send().expect(204);
    until("sent", || scene.asking("status = 'sent'"));
    assert_eq!(scene.links().len(), 5);
    press(&scene.world, &links[0], 200);
    until("what waited comes", || scene.here.sink.mails().len() == 6);
    scene.service.stop().unwrap();
}

#[test]
fn a_link_that_was_refused_is_forgotten() {
    let answers = [("content".to_owned(), "451 4.7.0 later".to_owned())].into();
    let scene = Scene::new(Dials { answers, ..Dials::default() }, 1);
    // Recorded after it was forgotten; nothing is tried again while the service is stopped.
    until("refused", || scene.asking("attempts > 1 and reason like '%later%'"));
    let Scene { here, service, .. } = scene;
    service.stop().unwrap();
    assert_eq!(here.count("select count(*) from notification.confirmations"), 0);
}

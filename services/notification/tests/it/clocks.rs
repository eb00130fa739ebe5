//! The service's clock was ahead, sent mails, and was set right.

use chrono::{TimeDelta, Utc};
use mail_sink::Dials;

use crate::confirm::Scene;
use crate::here::until;

#[test]
fn a_clock_set_back_asks_nobody_again() {
    let scene = Scene::new();
    let mailbox = |number: u32| {
        let (person, _) = scene.watcher(|here, org| here.stranger(org, "member"));
        let email = format!("ada+{number}@mailbox.example");
        let profile = person.profile;
        scene
            .here
            .run("profile_writer", &format!("update profile.profiles set email = '{email}' where id = '{profile}'"));
        email
    };
    let first = mailbox(1);
    scene.here.set_clock(Utc::now() + TimeDelta::days(90));
    let _service = scene.start(30, 20_000);
    scene.change(1);
    scene.settled();
    assert_eq!(scene.mails(&first).len(), 1);
    // Somebody noticed.
    scene.here.set_clock(Utc::now());
    let others = [2, 3].map(|number| {
        let other = mailbox(number);
        scene.change(1);
        scene.settled();
        let ahead =
            "select count(*) from notification.counters where kind = 'asked' and began_at > now() + interval '1 day'";
        until("the day counts from now on", || scene.here.count(ahead) == 0);
        other
    });
    let asked = || others.iter().map(|other| scene.mails(other).len()).sum::<usize>();
    assert_eq!((scene.mails(&first).len(), asked()), (1, 0), "asked today already");
    scene.here.set_clock(Utc::now() + TimeDelta::hours(25));
    until("a day later another is asked", || asked() == 1);
}

#[test]
fn what_was_to_be_tried_later_is_not_tried_much_later() {
    let scene = Scene::new();
    let (_, address) = scene.watcher(|here, org| here.person(org, "member"));
    scene.here.set_clock(Utc::now() + TimeDelta::days(90));
    scene.here.sink.set_dials(Dials { down: true, ..Dials::default() });
    let _service = scene.start(2, 20_000);
    scene.change(1);
    until("tried", || scene.here.count("select count(*) from notification.deliveries where reason is not null") == 1);
    scene.here.set_clock(Utc::now());
    scene.here.sink.set_dials(Dials::default());
    until("it is sent", || scene.mails(&address).len() == 1);
    // The hour's two mails, counted then, end within an hour.
    scene.change(2);
    scene.settled();
    assert_eq!(scene.mails(&address).len(), 2);
    scene.here.set_clock(Utc::now() + TimeDelta::minutes(62));
    until("the rest comes", || scene.mails(&address).len() == 3);
}

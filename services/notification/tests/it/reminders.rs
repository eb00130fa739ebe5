//! Passwords that expire: told 14, 7 and 1 days before, each once.

use chrono::{DateTime, TimeDelta, Utc};
use notification::reminders;

use crate::here::{Here, until};

const TITLES: [&str; 3] = [
    "passwordExpires: Your password expires within 14 days",
    "passwordExpires: Your password expires within 7 days",
    "passwordExpires: Your password expires within a day",
];

fn expire(here: &Here, login: uuid::Uuid, at: DateTime<Utc>) {
    here.run("account_writer", &format!("update account.logins set password_expires_at = '{at}' where id = '{login}'"));
}

#[test]
fn each_reminder_comes_once_and_a_moved_expiry_begins_anew() {
    let here = Here::new();
    let org = here.organisation();
    let login = here.person(org, "member").login;
    let operator = uuid::Uuid::now_v7();
    here.run(
        "account_writer",
        &format!(
            "insert into account.logins (id, email, password_hash, scope, password_changed_at, password_expires_at, version, created_at, \
             updated_at) values ('{operator}', 'op@platform.example', 'x', 'operator', now(), now(), 1, now(), now())"
        ),
    );
    let expires: DateTime<Utc> = "2026-12-24T18:00:00Z".parse().unwrap();
    let mut connection = here.writer();
    let mut day_by_day = |expires: DateTime<Utc>, from: i64, to: i64| {
        let mut made = Vec::new();
        // Every six hours, and twice.
        for hours in (to * 24..=from * 24).rev().step_by(6) {
            let now = expires - TimeDelta::hours(hours);
            let new = reminders::run(&mut connection, now).unwrap();
            assert_eq!(reminders::run(&mut connection, now).unwrap(), 0, "a second look finds nothing");
            if new > 0 {
                made.push((hours / 24, new));
            }
        }
        made
    };
    expire(&here, login, expires);
    expire(&here, operator, expires + TimeDelta::days(365));
    assert_eq!(day_by_day(expires, 20, 0), [(14, 1), (7, 1), (1, 1)]);
    assert_eq!(here.told(login), TITLES);
    // Changed between two reminders: those of the old date are over, those of the new one come in their time.
    let moved = expires + TimeDelta::days(90);
    expire(&here, login, moved);
    assert_eq!(day_by_day(moved, 16, 10), [(14, 1)]);
    let moved_again = moved + TimeDelta::days(30);
    expire(&here, login, moved_again);
    assert_eq!(day_by_day(moved_again, 38, 15), []);
    assert_eq!(day_by_day(moved_again, 14, 0), [(14, 1), (7, 1), (1, 1)]);
    // An operator has no organisation, but a password.
    assert_eq!(day_by_day(expires + TimeDelta::days(365), 3, 3), [(3, 1)]);
    assert_eq!(here.told(operator), [TITLES[1]], "the nearest one only, after a time without the service");
    assert_eq!(here.count("select count(*) from notification.deliveries"), 8, "each has its mail");
}

#[test]
fn a_disabled_login_and_an_expired_password_are_left_alone() {
    let here = Here::new();
    let org = here.organisation();
    let (disabled, expired) = (here.person(org, "member").login, here.person(org, "member").login);
    let now = Utc::now();
    expire(&here, disabled, now + TimeDelta::days(3));
    expire(&here, expired, now - TimeDelta::days(1));
    here.run("account_writer", &format!("update account.logins set disabled_at = now() where id = '{disabled}'"));
    assert_eq!(reminders::run(&mut here.writer(), now).unwrap(), 0);
}

/// The whole service, on the clock that can be moved.
#[test]
fn the_service_reminds_as_the_days_go_by() {
    let here = Here::new();
    let org = here.organisation();
    let login = here.person(org, "member").login;
    let expires: DateTime<Utc> = "2026-12-24T18:00:00Z".parse().unwrap();
    expire(&here, login, expires);
    let _service = here.start();
    for (days, told) in [(15, 0), (13, 1), (6, 2), (3, 2), (0, 3)] {
        here.set_clock(expires - TimeDelta::days(days) - TimeDelta::hours(1));
        if told > here.sink.mails().len() {
            until("told", || here.sink.mails().len() == told);
        }
        assert_eq!(here.told(login), TITLES[..told], "{days} days before");
    }
    assert!(
        here.sink.mails_to(&format!("{login}@logins.example"))[0]
            .text
            .as_ref()
            .unwrap()
            .contains("24 December 2026 at 18:00 UTC")
    );
}

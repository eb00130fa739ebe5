//! Roll-ups: one mail at the person's time, whatever clocks, settings and services do.

use behaviour::json;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::PgConnection;
use notification::feed::Feed;
use notification::reader::{Limits, step};
use notification::rollups;
use uuid::Uuid;

use crate::here::{Change, Here, Person, count, until};
use crate::rollup_cases::CASES;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Somebody who watches an API.
struct Watcher {
    org: Uuid,
    api: Uuid,
    person: Person,
}

impl Watcher {
    fn new(here: &Here, schedule: &str, zone: &str) -> Self {
        let org = here.organisation();
        let (api, person) = (Uuid::now_v7(), here.person(org, "member"));
        here.watch(org, person.profile, "api", api);
        here.set_schedule(org, person.profile, schedule, zone);
        Self { org, api, person }
    }

    fn change(&self, here: &Here, at: DateTime<Utc>) {
        let change = Change::new("registry", "ApiModified", self.org, self.api).at(at);
        here.change(&change.from(json!({"name": "a"})).to(json!({"name": "b"})));
    }

    fn mails(&self, here: &Here) -> Vec<DateTime<Utc>> {
        let times = here.lines(&format!(
            "select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as line \
             from notification.deliveries where profile_id = '{}' order by created_at",
            self.person.profile
        ));
        times.iter().map(|text| time(text)).collect()
    }

    fn waiting(&self, here: &Here) -> i64 {
        here.count(&format!(
            "select count(*) from notification.notifications where profile_id = '{}' and pending",
            self.person.profile
        ))
    }

    /// Notifications in mails, and notifications.
    fn mailed(&self, here: &Here) -> (i64, i64) {
        let of = format!("from notification.notifications n where n.profile_id = '{}'", self.person.profile);
        let mailed = "and exists (select from notification.deliveries d where d.organisation_id = n.organisation_id and d.id = n.delivery_id)";
        (here.count(&format!("select count(*) {of} {mailed}")), here.count(&format!("select count(*) {of}")))
    }
}

/// Reads all there is; what others of the cluster hold back for a moment as well.
fn read(connection: &mut PgConnection, now: DateTime<Utc>) {
    let unread = "select count(*) from published.registry_changes c, notification.feed_cursors f \
        where f.feed = 'registry' and (c.xid, c.id) > (f.xid, f.id)";
    until("read", || {
        step(connection, Feed::Registry, now, &Limits::default()).unwrap();
        count(connection, unread) == 0
    });
}

#[test]
fn every_case_of_the_table_has_its_mails_and_no_other() {
    let here = Here::new();
    let mut connection = here.writer();
    for (zone, schedule, from, hours, expected) in CASES {
        let watcher = Watcher::new(&here, schedule, zone);
        let from = time(from);
        for half_hours in 0..=hours * 2 {
            let now = from + TimeDelta::minutes(30 * half_hours);
            rollups::run(&mut connection, now).unwrap();
            if half_hours % 6 == 0 {
                watcher.change(&here, now);
                read(&mut connection, now);
            }
        }
        let expected: Vec<_> = expected.iter().map(|text| time(text)).collect();
        assert_eq!(watcher.mails(&here), expected, "{schedule} in {zone}");
        let (mailed, all) = watcher.mailed(&here);
        assert_eq!(mailed + watcher.waiting(&here), all, "{schedule} in {zone}: in one mail, or waiting");
        here.run("notification_writer", "update notification.notifications set pending = false where pending");
    }
}

#[test]
fn new_settings_lose_nothing_and_repeat_nothing() {
    let here = Here::new();
    let start = time("2026-11-23T10:00:00Z");
    let watcher = Watcher::new(&here, "daily 17:30", "UTC");
    let mut connection = here.writer();
    let mut at = |hours: i64| {
        let now = start + TimeDelta::hours(hours);
        watcher.change(&here, now);
        read(&mut connection, now);
        rollups::run(&mut connection, now + TimeDelta::minutes(1)).unwrap();
        rollups::run(&mut connection, now + TimeDelta::minutes(1)).unwrap();
        watcher.mails(&here).len()
    };
    assert_eq!(at(0), 0);
    here.set_schedule(watcher.org, watcher.person.profile, "weekly wednesday 09:00", "UTC");
    assert_eq!(at(8), 0, "17:30 is no longer the time");
    assert_eq!(at(46), 0);
    assert_eq!(at(48), 1, "Wednesday: all four in one mail");
    assert_eq!(watcher.mailed(&here), (4, 4));
    here.set_schedule(watcher.org, watcher.person.profile, "daily 09:00", "America/New_York");
    assert_eq!(at(49), 1);
    here.set_schedule(watcher.org, watcher.person.profile, "instant", "UTC");
    assert_eq!(at(50), 3, "what waited goes at once in one mail, what is new in its own");
    assert_eq!(watcher.mailed(&here), (6, 6));
    here.set_schedule(watcher.org, watcher.person.profile, "daily 12:30", "UTC");
    assert_eq!(at(51), 3);
    assert_eq!(watcher.waiting(&here), 1);
    assert_eq!(at(75), 4);
    assert_eq!(watcher.mailed(&here), (8, 8));
}

#[test]
fn two_instances_that_roll_up_at_once_make_one_mail() {
    let here = Here::new();
    let now = time("2026-11-23T10:00:00Z");
    let watchers: Vec<_> = (0..20).map(|_| Watcher::new(&here, "daily 17:30", "UTC")).collect();
    for watcher in &watchers {
        watcher.change(&here, now);
        watcher.change(&here, now);
    }
    read(&mut here.writer(), now);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // One that meets the other's rows may lose a deadlock; the next look finds them taken.
                let _ = rollups::run(&mut here.writer(), now + TimeDelta::hours(8));
            });
        }
    });
    rollups::run(&mut here.writer(), now + TimeDelta::hours(8)).unwrap();
    for watcher in watchers {
        assert_eq!(watcher.mails(&here).len(), 1);
        assert_eq!(watcher.mailed(&here), (2, 2));
    }
}

/// The whole service, on the clock that can be moved.
#[test]
fn downtime_is_followed_by_one_late_mail() {
    let here = Here::new();
    let monday = time("2026-11-23T10:00:00Z");
    here.set_clock(monday);
    let daily = Watcher::new(&here, "daily 17:30", "Asia/Kolkata");
    let weekly = Watcher::new(&here, "weekly thursday 09:00", "Europe/Berlin");
    let service = here.start();
    let both = |at: DateTime<Utc>| {
        daily.change(&here, at);
        weekly.change(&here, at);
    };
    both(monday);
    until("read", || here.all_read());
    drop(service);
    for day in 1..=3 {
        both(monday + TimeDelta::days(day));
    }
    // What the feeds still held back would come with a later mail.
    until("all can be read", || here.all_readable());
    // Away until Thursday evening: three of the daily times were missed, and the weekly one.
    here.set_clock(monday + TimeDelta::days(3) + TimeDelta::hours(8));
    let service = here.start();
    let to = |watcher: &Watcher| here.sink.mails_to(&format!("{}@people.example", watcher.person.profile));
    until("both late mails", || to(&daily).len() == 1 && to(&weekly).len() == 1);
    for watcher in [&daily, &weekly] {
        assert_eq!(watcher.mailed(&here), (4, 4), "all of it in the late mail");
        let mail = to(watcher).remove(0);
        assert_eq!(mail.subject(), "4 changes");
        assert_eq!(mail.text.unwrap().matches("name: a → b").count(), 4);
    }
    // The next ones come at their usual times.
    both(monday + TimeDelta::days(4));
    until("read", || here.all_read());
    here.set_clock(monday + TimeDelta::days(4) + TimeDelta::hours(8));
    until("the daily one", || to(&daily).len() == 2);
    assert_eq!((to(&daily).len(), to(&weekly).len()), (2, 1));
    drop(service);
}

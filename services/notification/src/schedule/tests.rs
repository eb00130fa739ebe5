//! The table of cases: zones, switches, schedules.

use super::*;

fn schedule(text: &str) -> Schedule {
    match text.split_once(' ') {
        Some((day, at)) => Schedule::read("weekly", at.parse().ok(), Some(day)),
        None => Schedule::read("daily", format!("{text}:00").parse().ok(), None),
    }
}

/// (zone, local time or day and time, after, next) — times in UTC.
const CASES: &[(&str, &str, &str, &str)] = &[
    // Ordinary days.
    ("UTC", "17:30", "2026-11-23T17:29:59Z", "2026-11-23T17:30:00Z"),
    ("UTC", "17:30", "2026-11-23T17:30:00Z", "2026-11-24T17:30:00Z"),
    ("UTC", "00:00", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
    ("UTC", "monday 09:00:00", "2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z"),
    ("UTC", "monday 09:00:00", "2026-11-23T09:00:00Z", "2026-11-30T09:00:00Z"),
    ("Asia/Kolkata", "17:30", "2026-11-23T11:59:00Z", "2026-11-23T12:00:00Z"),
    ("Asia/Kolkata", "00:15", "2026-11-22T18:45:00Z", "2026-11-23T18:45:00Z"),
    ("Asia/Kolkata", "monday 00:00:00", "2026-11-20T00:00:00Z", "2026-11-22T18:30:00Z"),
    ("Pacific/Apia", "09:00", "2026-11-22T19:59:00Z", "2026-11-22T20:00:00Z"),
    ("Pacific/Apia", "monday 09:00:00", "2026-11-22T20:00:00Z", "2026-11-29T20:00:00Z"),
    // Clocks forward: 02:30 doesn't exist, and is told at the end of the gap; once.
    ("Europe/Berlin", "02:30", "2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "02:30", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"),
    ("Europe/Berlin", "17:30", "2026-03-28T16:30:00Z", "2026-03-29T15:30:00Z"),
    ("Europe/Berlin", "sunday 02:30:00", "2026-03-25T00:00:00Z", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "sunday 02:30:00", "2026-03-29T01:00:00Z", "2026-04-05T00:30:00Z"),
    ("America/New_York", "02:30", "2026-03-07T08:00:00Z", "2026-03-08T07:00:00Z"),
    ("America/New_York", "02:30", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"),
    ("America/New_York", "sunday 02:00:00", "2026-03-02T00:00:00Z", "2026-03-08T07:00:00Z"),
    ("Pacific/Apia", "03:30", "2020-09-25T14:30:00Z", "2020-09-26T14:00:00Z"),
    ("Pacific/Apia", "03:30", "2020-09-26T14:00:00Z", "2020-09-27T13:30:00Z"),
    // Clocks back: 02:30 happens twice; told at the first, not again at the second.
    ("Europe/Berlin", "02:30", "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z"),
    ("Europe/Berlin", "02:30", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
    ("Europe/Berlin", "02:30", "2026-10-25T01:15:00Z", "2026-10-26T01:30:00Z"),
    ("Europe/Berlin", "sunday 02:30:00", "2026-10-25T00:30:00Z", "2026-11-01T01:30:00Z"),
    ("America/New_York", "01:30", "2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z"),
    ("America/New_York", "01:30", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"),
    ("Pacific/Apia", "03:30", "2021-04-02T13:30:00Z", "2021-04-03T13:30:00Z"),
    ("Pacific/Apia", "03:30", "2021-04-03T13:30:00Z", "2021-04-04T14:30:00Z"),
    // Samoa had no 30 December 2011: its mail comes at the first minute of the 31st.
    ("Pacific/Apia", "17:30", "2011-12-30T03:30:00Z", "2011-12-30T10:00:00Z"),
    ("Pacific/Apia", "17:30", "2011-12-30T10:00:00Z", "2011-12-31T03:30:00Z"),
    ("Pacific/Apia", "friday 17:30:00", "2011-12-28T00:00:00Z", "2011-12-30T10:00:00Z"),
    ("Pacific/Apia", "friday 17:30:00", "2011-12-30T10:00:00Z", "2012-01-06T03:30:00Z"),
];

#[test]
fn every_case_of_the_table() {
    for (zone_name, text, after, expected) in CASES {
        let after: DateTime<Utc> = after.parse().unwrap();
        let next = schedule(text).next(zone(zone_name), after);
        assert_eq!(next, expected.parse::<DateTime<Utc>>().unwrap(), "{text} in {zone_name} after {after}");
    }
}

#[test]
fn a_year_of_days_has_one_mail_each_in_every_zone() {
    for name in ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC"] {
        for at in ["00:00", "01:30", "02:00", "02:30", "03:00", "12:00", "23:59"] {
            let zone = zone(name);
            let mut time =
                zone.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap().with_timezone(&Utc) - TimeDelta::seconds(1);
            let mut dates = Vec::new();
            for _ in 0..365 {
                let next = schedule(at).next(zone, time);
                assert!(next > time);
                dates.push(next.with_timezone(&zone).date_naive());
                time = next;
            }
            dates.dedup();
            assert_eq!(dates.len(), 365, "{at} in {name}");
            assert_eq!(dates[364], chrono::NaiveDate::from_ymd_opt(2026, 12, 31).unwrap(), "{at} in {name}");
        }
    }
}

#[test]
fn instant_is_now_and_so_is_what_cannot_be_read() {
    let now = Utc::now();
    for schedule in [Schedule::read("instant", None, None), Schedule::read("weekly", None, Some("someday"))] {
        assert_eq!(schedule.next(Tz::UTC, now), now);
    }
    assert_eq!(zone("Moon/Base"), Tz::UTC);
}

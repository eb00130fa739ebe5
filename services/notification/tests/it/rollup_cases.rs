//! Zones, schedules, switches, and when the mails come.

/// One of them.
pub type Case = (&'static str, &'static str, &'static str, i64, &'static [&'static str]);

/// (zone, schedule, from, hours, the mails): a change every three hours, a look every half hour; mails in UTC.
pub const CASES: &[Case] = &[
    // Forward: 02:30 doesn't exist on 29 March; its mail comes when the clock jumps, once.
    (
        "Europe/Berlin",
        "daily 02:30",
        "2026-03-27T12:00:00Z",
        72,
        &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    ),
    ("Europe/Berlin", "weekly sunday 02:30", "2026-03-28T12:00:00Z", 36, &["2026-03-29T01:00:00Z"]),
    (
        "America/New_York",
        "daily 02:30",
        "2026-03-07T00:00:00Z",
        72,
        &["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
    ),
    (
        "Pacific/Apia",
        "daily 03:30",
        "2020-09-25T00:00:00Z",
        72,
        &["2020-09-25T14:30:00Z", "2020-09-26T14:00:00Z", "2020-09-27T13:30:00Z"],
    ),
    // Back: 02:30 (01:30 in New York) comes twice on that night; one mail, at the first.
    (
        "Europe/Berlin",
        "daily 02:30",
        "2026-10-23T12:00:00Z",
        72,
        &["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    ),
    (
        "America/New_York",
        "daily 01:30",
        "2026-10-31T00:00:00Z",
        72,
        &["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    ),
    ("America/New_York", "weekly sunday 01:30", "2026-10-31T00:00:00Z", 48, &["2026-11-01T05:30:00Z"]),
    (
        "Pacific/Apia",
        "daily 03:30",
        "2021-04-02T00:00:00Z",
        72,
        &["2021-04-02T13:30:00Z", "2021-04-03T13:30:00Z", "2021-04-04T14:30:00Z"],
    ),
    // Zones that stay as they are, one of them at half an hour.
    ("Asia/Kolkata", "daily 17:30", "2026-03-28T00:00:00Z", 48, &["2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"]),
    ("Asia/Kolkata", "weekly monday 00:00", "2026-10-24T00:00:00Z", 72, &["2026-10-25T18:30:00Z"]),
    ("UTC", "daily 00:00", "2026-12-30T12:00:00Z", 48, &["2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"]),
    ("UTC", "weekly friday 23:30", "2026-12-31T12:00:00Z", 48, &["2027-01-01T23:30:00Z"]),
];

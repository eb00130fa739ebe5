//! Roll-ups: one mail with all that waited, when the person's time has come.

use std::collections::HashMap;

use chrono::{DateTime, NaiveTime, Utc};
use diesel::{Connection as _, PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use crate::audience;
use crate::schedule::{Schedule, zone};

/// People looked at, and mails made, in one transaction.
const PEOPLE_MAX: i64 = 500;

kit::statement! {
    /// For whom something waits, since when, and when they were last sent a roll-up.
    struct FindWaiting(organisation_id: Uuid as Uuid, profile_id: Uuid as Uuid, limit: i64 as BigInt)
        -> (Uuid, Uuid, Timestamptz, Nullable<Timestamptz>) =
        "select w.organisation_id, w.profile_id, w.since, r.last_at from ( \
             select n.organisation_id, n.profile_id, min(n.at) as since from notification.notifications n \
             where n.pending and (n.organisation_id, n.profile_id) > ($1, $2) \
             group by n.organisation_id, n.profile_id order by n.organisation_id, n.profile_id limit $3 \
         ) w left join notification.rollups r on r.organisation_id = w.organisation_id and r.profile_id = w.profile_id \
         order by w.organisation_id, w.profile_id"
}

kit::statement! {
    /// People's notification settings. By lists, as the view can't be entered by a join.
    struct FindContacts<'a>(organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>)
        -> (Uuid, Uuid, Text, Text, Text, Nullable<Time>, Nullable<Text>) =
        "select c.organisation_id, c.id, c.email, c.time_zone, c.mode, c.at, c.weekday from published.contacts c \
         where c.organisation_id = any($1) and c.id = any($2)"
}

kit::statement! {
    /// All that waits for these people goes into one mail each. A row that another instance has just taken no longer waits, and is left.
    struct SendRollups<'a>(
        organisations: &'a [Uuid] as Array<Uuid>, profiles: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>,
        emails: &'a [String] as Array<Text>, now: DateTime<Utc> as Timestamptz,
    ) =
        "with due as materialized ( \
             select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) as d (organisation_id, profile_id, id, email) \
         ), taken as ( \
             update notification.notifications n set pending = false, delivery_id = d.id from due d \
             where n.organisation_id = d.organisation_id and n.profile_id = d.profile_id and n.pending \
             returning n.organisation_id, n.profile_id, n.delivery_id, n.title \
         ), mails as ( \
             select t.organisation_id, t.profile_id, t.delivery_id, count(*) as changes, min(t.title) as title \
             from taken t group by t.organisation_id, t.profile_id, t.delivery_id \
         ), sent as ( \
             insert into notification.rollups as r (organisation_id, profile_id, last_at) \
             select m.organisation_id, m.profile_id, $5 from mails m \
             on conflict (organisation_id, profile_id) do update set last_at = excluded.last_at \
         ) \
         insert into notification.deliveries (organisation_id, id, profile_id, recipient, subject, status, attempts, \
             next_attempt_at, version, created_at) \
         select m.organisation_id, m.delivery_id, m.profile_id, d.email, \
             case m.changes when 1 then m.title else m.changes || ' changes' end, 'held', 0, $5, 1, $5 \
         from mails m join due d on d.id = m.delivery_id"
}

kit::statement! {
    /// The person has been deleted or shut out: nothing waits for a mail any more.
    struct EndWaiting<'a>(organisations: &'a [Uuid] as Array<Uuid>, profiles: &'a [Uuid] as Array<Uuid>) =
        "update notification.notifications n set pending = false \
         from unnest($1::uuid[], $2::uuid[]) as d (organisation_id, profile_id) \
         where n.organisation_id = d.organisation_id and n.profile_id = d.profile_id and n.pending"
}

struct Contact {
    email: String,
    time_zone: String,
    schedule: Schedule,
}

type WaitingRow = (Uuid, Uuid, DateTime<Utc>, Option<DateTime<Utc>>);
type ContactRow = (Uuid, Uuid, String, String, String, Option<NaiveTime>, Option<String>);

/// Makes a mail for everyone whose time has come by `now`; how many.
///
/// Due is the first of the person's times after the oldest change that waits, or after their last roll-up if that was later: a change
/// that was seen late waits for the next one, several times missed are one mail, and new settings count at once for what waits.
pub fn run(connection: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    let (mut after, mut mails) = ((Uuid::nil(), Uuid::nil()), 0);
    loop {
        let waiting: Vec<WaitingRow> =
            FindWaiting { organisation_id: after.0, profile_id: after.1, limit: PEOPLE_MAX }.load(connection)?;
        let Some(last) = waiting.last() else {
            return Ok(mails);
        };
        after = (last.0, last.1);
        mails += connection.transaction(|connection| send_due(connection, &waiting, now))?;
    }
}

fn send_due(connection: &mut PgConnection, waiting: &[WaitingRow], now: DateTime<Utc>) -> QueryResult<usize> {
    let contacts = contacts(connection, waiting)?;
    let (mut due, mut gone) = (Due::default(), Due::default());
    for (organisation_id, profile_id, since, last_at) in waiting {
        match contacts.get(&(*organisation_id, *profile_id)) {
            Some(contact) => {
                let since = last_at.map_or(*since, |last_at| last_at.max(*since));
                if contact.schedule.next(zone(&contact.time_zone), since) <= now {
                    due.add(*organisation_id, *profile_id, contact.email.clone(), now);
                }
            }
            None => gone.add(*organisation_id, *profile_id, String::new(), now),
        }
    }
    if !gone.ids.is_empty() {
        EndWaiting { organisations: &gone.organisations, profiles: &gone.profiles }.execute(connection)?;
    }
    if due.ids.is_empty() {
        return Ok(0);
    }
    SendRollups { organisations: &due.organisations, profiles: &due.profiles, ids: &due.ids, emails: &due.emails, now }
        .execute(connection)
}

#[derive(Default)]
struct Due {
    organisations: Vec<Uuid>,
    profiles: Vec<Uuid>,
    ids: Vec<Uuid>,
    emails: Vec<String>,
}

impl Due {
    fn add(&mut self, organisation_id: Uuid, profile_id: Uuid, email: String, now: DateTime<Utc>) {
        self.organisations.push(organisation_id);
        self.profiles.push(profile_id);
        self.ids.push(kit::id::uuid_v7(now));
        self.emails.push(email);
    }
}

fn contacts(connection: &mut PgConnection, waiting: &[WaitingRow]) -> QueryResult<HashMap<(Uuid, Uuid), Contact>> {
    let organisations: Vec<_> = waiting.iter().map(|row| row.0).collect();
    let ids: Vec<_> = waiting.iter().map(|row| row.1).collect();
    let rows: Vec<ContactRow> = FindContacts { organisations: &organisations, ids: &ids }.load(connection)?;
    let contact = |(organisation_id, id, email, time_zone, mode, at, weekday): ContactRow| {
        let schedule = Schedule::read(&mode, at, weekday.as_deref());
        ((organisation_id, id), Contact { email, time_zone, schedule })
    };
    let admitted = audience::admitted(connection, &organisations, &ids)?;
    Ok(rows.into_iter().map(contact).filter(|(person, _)| admitted.contains(person)).collect())
}

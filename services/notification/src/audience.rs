//! From an audience to recipients with addresses, a chunk at a time, in the order of their ids.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use crate::message::{Audience, Target};

/// A recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The login or the person.
    pub id: Uuid,
    /// All the ways the change concerns them, as bits.
    pub how: i32,
    /// Where mail goes; none: they read it in the service only.
    pub email: Option<String>,
    /// The mail is sent at once, without waiting for a roll-up.
    pub at_once: bool,
}

/// A chunk of recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The recipients.
    pub recipients: Vec<Recipient>,
    /// Where to go on; none: that was all.
    pub last: Option<Uuid>,
}

/// Who made the change: they get no message about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The login.
    pub login: Option<Uuid>,
    /// The person behind it.
    pub profile: Option<Uuid>,
    /// `member`, `admin` or `operator`.
    pub scope: Option<String>,
}

/// Which part of an audience is wanted.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Recipients are always of this organisation.
    pub organisation_id: Uuid,
    /// The transaction that made the change: its position in the feed.
    pub xid: i64,
    /// When it happened; only for watches that are older than their positions.
    pub at: DateTime<Utc>,
    /// Left out.
    pub actor: &'a Actor,
    /// Only recipients after this id.
    pub after: Uuid,
    /// At most this many.
    pub limit: i64,
}

kit::statement! {
    /// Whose watches of these things were open at that position of the feed, whatever the clocks of those who wrote them said. One that
    /// ends with the change it hears of (a deletion) counts.
    struct FindWatchers<'a>(
        organisation_id: Uuid as Uuid, kinds: &'a [&'a str] as Array<Text>, targets: &'a [Uuid] as Array<Uuid>,
        hows: &'a [i32] as Array<Integer>, xid: &'a str as Text, at: DateTime<Utc> as Timestamptz, after: Uuid as Uuid,
        but: Option<Uuid> as Nullable<Uuid>, limit: i64 as BigInt,
    ) -> (Uuid, Integer) =
        "select w.profile_id, bit_or(t.how) from unnest($2::text[], $3::uuid[], $4::int4[]) as t (kind, target_id, how) \
         join published.watchers w on w.organisation_id = $1 and w.kind = t.kind and w.target_id = t.target_id \
         where coalesce(w.created_xid <= $5::xid8, w.created_at <= $6) \
         and (w.ended_at is null or coalesce(w.ended_xid > $5::xid8, w.ended_at >= $6)) \
         and w.profile_id > $7 and w.profile_id is distinct from $8 \
         group by w.profile_id order by w.profile_id limit $9"
}

kit::statement! {
    /// Which of these people there are. By a list, not by a join: a view with a security barrier can be entered by a list of ids,
    /// but a join would read the whole organisation.
    struct FindPersons<'a>(organisation_id: Uuid as Uuid, ids: &'a [Uuid] as Array<Uuid>) -> Uuid =
        "select p.id from published.persons p where p.organisation_id = $1 and p.id = any($2) order by p.id"
}

kit::statement! {
    /// Which of these people can sign in: who is shut out of the organisation is told nothing more of it, and couldn't stop it either.
    struct FindAdmitted<'a>(organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>) -> (Nullable<Uuid>, Nullable<Uuid>) =
        "select distinct l.organisation_id, l.profile_id from published.login_contacts l \
         where l.organisation_id = any($1) and l.profile_id = any($2) and l.disabled_at is null \
         and l.invitation_id is null"
}

/// Those of these people (organisation, person) who have a login that works.
pub fn admitted(
    connection: &mut PgConnection,
    organisations: &[Uuid],
    ids: &[Uuid],
) -> QueryResult<HashSet<(Uuid, Uuid)>> {
    let rows: Vec<(Option<Uuid>, Option<Uuid>)> = FindAdmitted { organisations, ids }.load(connection)?;
    Ok(rows.into_iter().filter_map(|(organisation, person)| organisation.zip(person)).collect())
}

kit::statement! {
    /// Their notification settings. A statement of its own for the same reason, and so that no plan depends on how fresh the statistics are.
    struct FindContacts<'a>(organisation_id: Uuid as Uuid, ids: &'a [Uuid] as Array<Uuid>) -> (Uuid, Text, Text) =
        "select c.id, c.email, c.mode from published.contacts c where c.organisation_id = $1 and c.id = any($2)"
}

kit::statement! {
    /// The organisation's admins.
    struct FindAdmins(
        organisation_id: Uuid as Uuid, after: Uuid as Uuid, but_login: Option<Uuid> as Nullable<Uuid>,
        but_profile: Option<Uuid> as Nullable<Uuid>, limit: i64 as BigInt,
    ) -> (Uuid, Text) =
        "select l.login_id, l.email from published.login_contacts l \
         where l.organisation_id = $1 and l.scope = 'admin' and l.disabled_at is null and l.invitation_id is null and l.login_id > $2 \
         and l.login_id is distinct from $3 and (l.profile_id is null or l.profile_id is distinct from $4) \
         order by l.login_id limit $5"
}

kit::statement! {
    /// One login's address and person; nothing of one that isn't accepted.
    struct FindLogin(login_id: Uuid as Uuid) -> (Text, Nullable<Uuid>) =
        "select l.email, l.profile_id from published.login_contacts l where l.login_id = $1 and l.invitation_id is null"
}

/// The next recipients of an audience.
pub fn chunk(connection: &mut PgConnection, audience: &Audience, wanted: &Wanted<'_>) -> QueryResult<Chunk> {
    match audience {
        Audience::Watchers(targets) => watchers(connection, targets, wanted),
        Audience::Admins => admins(connection, wanted),
        Audience::Login(login, gone) => {
            Ok(Chunk { recipients: self::login(connection, *login, gone.clone(), wanted.actor)?, last: None })
        }
        Audience::Person(person) => {
            if wanted.actor.profile == Some(*person) {
                return Ok(Chunk::default());
            }
            Ok(Chunk { recipients: persons(connection, wanted.organisation_id, &[(*person, 1)])?, last: None })
        }
    }
}

fn watchers(connection: &mut PgConnection, targets: &[Target], wanted: &Wanted<'_>) -> QueryResult<Chunk> {
    let kinds: Vec<_> = targets.iter().map(|target| target.kind).collect();
    let ids: Vec<_> = targets.iter().map(|target| target.id).collect();
    let hows: Vec<_> = targets.iter().map(|target| target.how as i32).collect();
    let rows: Vec<(Uuid, i32)> = FindWatchers {
        organisation_id: wanted.organisation_id,
        kinds: &kinds,
        targets: &ids,
        hows: &hows,
        xid: &wanted.xid.to_string(),
        at: wanted.at,
        after: wanted.after,
        but: wanted.actor.profile,
        limit: wanted.limit,
    }
    .load(connection)?;
    let last = last(&rows, wanted.limit);
    Ok(Chunk { recipients: persons(connection, wanted.organisation_id, &rows)?, last })
}

/// A full chunk may not be the last one.
fn last<T>(rows: &[(Uuid, T)], limit: i64) -> Option<Uuid> {
    let full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
    rows.last().map(|(id, _)| *id).filter(|_| full)
}

/// Those of them who are still there and can sign in.
fn persons(connection: &mut PgConnection, organisation_id: Uuid, rows: &[(Uuid, i32)]) -> QueryResult<Vec<Recipient>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = rows.iter().map(|(id, _)| *id).collect();
    let admitted = admitted(connection, &[organisation_id], &ids)?;
    let ids: Vec<_> = ids.into_iter().filter(|id| admitted.contains(&(organisation_id, *id))).collect();
    let there: Vec<Uuid> = FindPersons { organisation_id, ids: &ids }.load(connection)?;
    let contacts: Vec<(Uuid, String, String)> = FindContacts { organisation_id, ids: &ids }.load(connection)?;
    let mut contacts: HashMap<_, _> = contacts.into_iter().map(|(id, email, mode)| (id, (email, mode))).collect();
    let how: HashMap<_, _> = rows.iter().copied().collect();
    let recipient = |id: Uuid| {
        let (email, mode) = contacts.remove(&id).unzip();
        Recipient {
            id,
            how: how.get(&id).copied().unwrap_or_default(),
            email,
            at_once: mode.as_deref() == Some("instant"),
        }
    };
    Ok(there.into_iter().map(recipient).collect())
}

fn admins(connection: &mut PgConnection, wanted: &Wanted<'_>) -> QueryResult<Chunk> {
    let rows: Vec<(Uuid, String)> = FindAdmins {
        organisation_id: wanted.organisation_id,
        after: wanted.after,
        but_login: wanted.actor.login,
        but_profile: wanted.actor.profile,
        limit: wanted.limit,
    }
    .load(connection)?;
    let last = last(&rows, wanted.limit);
    let recipients =
        rows.into_iter().map(|(id, email)| Recipient { id, how: 1, email: Some(email), at_once: true }).collect();
    Ok(Chunk { recipients, last })
}

/// The login itself, unless it (or another one of the same person) did it.
fn login(connection: &mut PgConnection, id: Uuid, gone: Option<String>, actor: &Actor) -> QueryResult<Vec<Recipient>> {
    if actor.login == Some(id) {
        return Ok(Vec::new());
    }
    let found: Vec<(String, Option<Uuid>)> = FindLogin { login_id: id }.load(connection)?;
    let (email, profile) = match found.into_iter().next() {
        Some((email, profile)) => (Some(email), profile),
        None => (gone, None),
    };
    if profile.is_some() && profile == actor.profile {
        return Ok(Vec::new());
    }
    Ok(email.map(|email| Recipient { id, how: 1, email: Some(email), at_once: true }).into_iter().collect())
}

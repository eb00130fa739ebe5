//! Mails within a time, counted: a window begins with its first mail.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

/// How many mails there may be; 0: any number. What they are for: `docs/SECURITY.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// To an address, in an hour, from all organisations.
    pub per_address: i64,
    /// Of an organisation, in an hour.
    pub per_organisation: i64,
    /// Addresses that an organisation may have asked in a day.
    pub asks_per_organisation: i64,
}

impl Default for Caps {
    fn default() -> Self {
        Self { per_address: 30, per_organisation: 20_000, asks_per_organisation: 500 }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Mails to a mailbox, in an hour.
    Address,
    /// Mails of an organisation, in an hour.
    Organisation,
    /// How often a mailbox was asked, in a day.
    Asked,
    /// How many addresses an organisation had asked, in a day.
    Asks,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Address, Self::Organisation, Self::Asked, Self::Asks];

    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Organisation => "organisation",
            Self::Asked => "asked",
            Self::Asks => "asks",
        }
    }

    fn window(self) -> TimeDelta {
        match self {
            Self::Address | Self::Organisation => TimeDelta::hours(1),
            Self::Asked | Self::Asks => TimeDelta::days(1),
        }
    }
}

kit::statement! {
    /// All that is counted of these.
    struct Load<'a>(ids: &'a [Uuid] as Array<Uuid>) -> (Text, Uuid, Timestamptz, BigInt) =
        "select c.kind, c.id, c.began_at, c.mails from notification.counters c \
         where c.kind in ('address', 'organisation', 'asked', 'asks') and c.id = any($1)"
}

kit::statement! {
    /// As they are now.
    struct Save<'a>(
        kinds: &'a [&'a str] as Array<Text>, ids: &'a [Uuid] as Array<Uuid>, began: &'a [DateTime<Utc>] as Array<Timestamptz>,
        mails: &'a [i64] as Array<BigInt>,
    ) =
        "insert into notification.counters as c (kind, id, began_at, mails) \
         select * from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::int8[]) \
         on conflict (kind, id) do update set began_at = excluded.began_at, mails = excluded.mails"
}

/// The counters of some mailboxes and organisations, read and written under the lock of `addresses`.
#[derive(Debug)]
pub struct Counters {
    counted: HashMap<(Kind, Uuid), (DateTime<Utc>, i64)>,
    changed: HashSet<(Kind, Uuid)>,
}

impl Counters {
    /// Those of these ids, at `now`. A window that begins later was counted before the clock was set back: it begins now, so that it
    /// neither allows more nor lasts longer than another.
    pub fn load(connection: &mut PgConnection, mut ids: Vec<Uuid>, now: DateTime<Utc>) -> QueryResult<Self> {
        ids.sort_unstable();
        ids.dedup();
        let rows: Vec<(String, Uuid, DateTime<Utc>, i64)> = Load { ids: &ids }.load(connection)?;
        let counter = |(name, id, began_at, mails): (String, Uuid, DateTime<Utc>, i64)| {
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
            Some(((kind, id), (began_at, mails)))
        };
        let mut counted: HashMap<_, _> = rows.into_iter().filter_map(counter).collect();
        let mut changed = HashSet::new();
        for (key, (began_at, _)) in counted.iter_mut().filter(|(_, (began_at, _))| *began_at > now) {
            *began_at = now;
            changed.insert(*key);
        }
        Ok(Self { counted, changed })
    }

    /// The running window: when it began, and how much there was.
    fn running(&self, kind: Kind, id: Uuid, now: DateTime<Utc>) -> Option<(DateTime<Utc>, i64)> {
        let found = self.counted.get(&(kind, id)).copied();
        found.filter(|(began_at, _)| now < *began_at + kind.window())
    }

    /// The end of the window, if there were as many as may be; 0 of `most`: any number.
    pub fn full(&self, kind: Kind, id: Uuid, most: i64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (began_at, _) = self.running(kind, id, now).filter(|(_, mails)| most > 0 && *mails >= most)?;
        Some(began_at + kind.window())
    }

    /// One more; not counted where any number may be.
    pub fn count(&mut self, kind: Kind, id: Uuid, most: i64, now: DateTime<Utc>) {
        if most > 0 {
            let (began_at, mails) = self.running(kind, id, now).unwrap_or((now, 0));
            self.counted.insert((kind, id), (began_at, mails + 1));
            self.changed.insert((kind, id));
        }
    }

    /// Writes what has changed.
    pub fn save(&self, connection: &mut PgConnection) -> QueryResult<()> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let changed: Vec<_> = self.changed.iter().filter_map(|key| Some((*key, *self.counted.get(key)?))).collect();
        Save {
            kinds: &changed.iter().map(|((kind, _), _)| kind.name()).collect::<Vec<_>>(),
            ids: &changed.iter().map(|((_, id), _)| *id).collect::<Vec<_>>(),
            began: &changed.iter().map(|(_, (began_at, _))| *began_at).collect::<Vec<_>>(),
            mails: &changed.iter().map(|(_, (_, mails))| *mails).collect::<Vec<_>>(),
        }
        .execute(connection)
        .map(drop)
    }
}

//! What may be sent now. Each mail is made held back; here it is let go, once its address is confirmed and neither the recipient nor
//! the organisation had too many within the hour. What has to wait becomes one mail for its recipient: nothing is lost.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use crate::addresses;
use crate::counters::{Caps, Counters, Kind};
use crate::held::{Ask, EndMoved, FindAddresses, FindCollected, Hold, LetGo, MoveOthers, MoveOwn, PutForward, Whose};

/// Mails looked at at once.
const BATCH: i64 = 500;

/// Who has more mails than this in a batch is passed over while others have some.
const MANY: usize = 50;

/// The subject of the mail with the link.
const ASKING: &str = "Confirm your e-mail address";

/// How often a mailbox is asked in a day, by all organisations together.
const ASKED_MAX: i64 = 1;

/// No mail waits longer: the longest window is a day.
const WAIT_MAX: TimeDelta = TimeDelta::days(2);

/// A mail that is held back.
struct Held {
    organisation: Uuid,
    id: Uuid,
    login: Option<Uuid>,
    profile: Option<Uuid>,
    recipient: String,
    /// It asks the recipient to accept a login.
    invites: bool,
    /// That login is gone: nothing will be sent.
    over: bool,
}

/// A login or a person of an organisation.
type Entity = (Uuid, Uuid);

fn entity(organisation: Uuid, login: Option<Uuid>, profile: Option<Uuid>) -> Entity {
    (organisation, profile.or(login).unwrap_or_default())
}

/// What a batch was.
#[derive(Debug, Default)]
pub struct Batch {
    /// How much was let go, or asked.
    pub made: usize,
    /// Whether there may be more.
    pub more: bool,
    /// The organisations of which the batch had many.
    pub many: Vec<Uuid>,
}

/// Lets go what may be sent at `now`, and holds the rest. Within the caller's transaction, of which each has its end after one batch: others
/// wait for the lock.
pub fn run(connection: &mut PgConnection, now: DateTime<Utc>, caps: &Caps, whose: Whose<'_>) -> QueryResult<Batch> {
    if whose.held(connection, now, 1)?.is_empty() {
        return Ok(Batch::default());
    }
    addresses::lock(connection)?;
    let rows = whose.held(connection, now, BATCH)?;
    let more = i64::try_from(rows.len()).is_ok_and(|all| all == BATCH);
    let mut counts: HashMap<Uuid, usize> = HashMap::new();
    rows.iter().for_each(|row| *counts.entry(row.0).or_default() += 1);
    let many = counts.into_iter().filter(|(_, count)| *count > MANY).map(|(organisation, _)| organisation).collect();
    let held = |(organisation, id, login, profile, recipient, invites, over)| Held {
        organisation,
        id,
        login,
        profile,
        recipient,
        invites,
        over,
    };
    let held: Vec<_> = rows.into_iter().map(held).collect();
    let mut pass = Pass::of(connection, &held, now, caps)?;
    for one in &held {
        pass.decide(connection, one)?;
    }
    Ok(Batch { made: pass.write(connection)?, more, many })
}

/// Makes due what would wait for years after a clock that was wrong; for whoever looks every minute.
pub fn put_forward(connection: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<()> {
    PutForward { now, latest: now + WAIT_MAX }.execute(connection).map(drop)
}

/// The address, its id, and until when a mail waits; none: until it is confirmed.
type Waits = (String, Uuid, Option<DateTime<Utc>>);

/// What is decided of a batch, and written at its end.
struct Pass {
    now: DateTime<Utc>,
    caps: Caps,
    counters: Counters,
    /// Address of an organisation: asked, confirmed.
    addresses: HashMap<(Uuid, Uuid), (bool, bool)>,
    /// The mail that collects what waits for somebody.
    collected: HashMap<Entity, Uuid>,
    asked: usize,
    go: HashMap<(Uuid, Uuid), String>,
    hold: HashMap<(Uuid, Uuid), Waits>,
    moved: Vec<(Uuid, Uuid, Uuid)>,
}

impl Pass {
    fn of(connection: &mut PgConnection, held: &[Held], now: DateTime<Utc>, caps: &Caps) -> QueryResult<Self> {
        let mut entities: Vec<_> = held.iter().map(|one| entity(one.organisation, one.login, one.profile)).collect();
        let ids = |one: &Held| [addresses::address_id(&one.recipient), addresses::former_id(&one.recipient)];
        let of = |one| ids(one).into_iter().flatten().map(|id| (one.organisation, id));
        let mut known: Vec<_> = held.iter().flat_map(of).collect();
        for list in [&mut entities, &mut known] {
            list.sort_unstable();
            list.dedup();
        }
        let (organisations, ids): (Vec<_>, Vec<_>) = known.into_iter().unzip();
        let found: Vec<(Uuid, Uuid, bool, bool)> =
            FindAddresses { organisations: &organisations, ids: &ids }.load(connection)?;
        let (owners, recipients): (Vec<_>, Vec<_>) = entities.into_iter().unzip();
        let waiting: Vec<(Uuid, Uuid, Option<Uuid>, Option<Uuid>)> =
            FindCollected { organisations: &owners, recipients: &recipients }.load(connection)?;
        let mailboxes = held.iter().filter_map(|one| addresses::mailbox_id(&one.recipient));
        let counted = mailboxes.chain(organisations).collect();
        Ok(Self {
            now,
            caps: *caps,
            counters: Counters::load(connection, counted, now)?,
            addresses: found.into_iter().map(|row| ((row.0, row.1), (row.2, row.3))).collect(),
            collected: waiting.into_iter().map(|row| (entity(row.0, row.2, row.3), row.1)).collect(),
            asked: 0,
            go: HashMap::new(),
            hold: HashMap::new(),
            moved: Vec::new(),
        })
    }

    fn decide(&mut self, connection: &mut PgConnection, one: &Held) -> QueryResult<()> {
        let ids = addresses::address_id(&one.recipient).zip(addresses::mailbox_id(&one.recipient));
        let Some((address, mailbox)) = ids else {
            // No mail can be sent to it, as the sender will record.
            self.let_go(one, one.id);
            return Ok(());
        };
        if one.invites {
            if one.over {
                // The sender finds that out, too, and ends it. Counted here, logins that are added and deleted would use up what the mailbox may be asked.
                self.let_go(one, one.id);
                return Ok(());
            }
            // Confirmed or not: there is one for each login, and it is counted as what it is, a mail to a stranger.
            match self.may_ask(one.organisation, mailbox) {
                Some(until) => {
                    drop(self.hold.insert((one.organisation, one.id), (one.recipient.clone(), address, Some(until))))
                }
                None => self.let_go(one, one.id),
            }
            return Ok(());
        }
        let known = |id| self.addresses.get(&(one.organisation, id)).copied();
        let former = addresses::former_id(&one.recipient).and_then(known).unwrap_or_default();
        let (asked, confirmed) = known(address).map_or(former, |known| (known.0 | former.0, known.1 | former.1));
        if !confirmed {
            let until = if asked { None } else { self.ask(connection, one, address, mailbox)? };
            self.keep(one, address, until);
            return Ok(());
        }
        if self.go.contains_key(&(one.organisation, one.id)) {
            // It waited, and went with what came after it.
            return Ok(());
        }
        // What waited goes first: it may have waited for another address, too.
        let of = entity(one.organisation, one.login, one.profile);
        if let Some(collected) = self.collected.get(&of).copied().filter(|id| *id != one.id)
            && self.full(one.organisation, mailbox).is_none()
        {
            self.count(one.organisation, mailbox);
            self.let_go(one, collected);
            self.collected.remove(&of);
        }
        match self.full(one.organisation, mailbox) {
            Some(until) => self.keep(one, address, Some(until)),
            None => {
                self.count(one.organisation, mailbox);
                self.let_go(one, one.id);
                if self.collected.get(&of) == Some(&one.id) {
                    self.collected.remove(&of);
                }
            }
        }
        Ok(())
    }

    /// Until when there is no room for one more mail.
    fn full(&self, organisation: Uuid, mailbox: Uuid) -> Option<DateTime<Utc>> {
        let of = |kind, id, most| self.counters.full(kind, id, most, self.now);
        let address = of(Kind::Address, mailbox, self.caps.per_address);
        address.max(of(Kind::Organisation, organisation, self.caps.per_organisation))
    }

    fn count(&mut self, organisation: Uuid, mailbox: Uuid) {
        self.counters.count(Kind::Address, mailbox, self.caps.per_address, self.now);
        self.counters.count(Kind::Organisation, organisation, self.caps.per_organisation, self.now);
    }

    /// Counts one more mail that asks, unless its mailbox or the organisation had its share: until when.
    fn may_ask(&mut self, organisation: Uuid, mailbox: Uuid) -> Option<DateTime<Utc>> {
        let (now, most) = (self.now, self.caps.asks_per_organisation);
        let full = self.counters.full(Kind::Asked, mailbox, ASKED_MAX, now);
        let full = full.max(self.counters.full(Kind::Asks, organisation, most, now));
        if full.is_none() {
            self.counters.count(Kind::Asked, mailbox, ASKED_MAX, now);
            self.counters.count(Kind::Asks, organisation, most, now);
        }
        full
    }

    /// Has an address asked, unless its mailbox or the organisation had its share: until when.
    fn ask(
        &mut self,
        connection: &mut PgConnection,
        one: &Held,
        address: Uuid,
        mailbox: Uuid,
    ) -> QueryResult<Option<DateTime<Utc>>> {
        let (now, full) = (self.now, self.may_ask(one.organisation, mailbox));
        if full.is_some() {
            return Ok(full);
        }
        let id = kit::id::uuid_v7(now);
        let (organisation_id, login_id, profile_id) = (one.organisation, one.login, one.profile);
        let (recipient, subject) = (one.recipient.as_str(), ASKING);
        self.asked += Ask { organisation_id, address_id: address, id, login_id, profile_id, recipient, subject, now }
            .execute(connection)?;
        self.addresses.insert((one.organisation, address), (true, false));
        Ok(None)
    }

    fn let_go(&mut self, one: &Held, id: Uuid) {
        self.hold.remove(&(one.organisation, id));
        self.go.insert((one.organisation, id), one.recipient.clone());
    }

    /// It waits: in the mail that waits for its recipient already, if there is one.
    fn keep(&mut self, one: &Held, address: Uuid, until: Option<DateTime<Utc>>) {
        let into = *self.collected.entry(entity(one.organisation, one.login, one.profile)).or_insert(one.id);
        if into != one.id {
            self.moved.push((one.organisation, one.id, into));
        }
        self.hold.insert((one.organisation, into), (one.recipient.clone(), address, until));
    }

    fn write(self, connection: &mut PgConnection) -> QueryResult<usize> {
        if !self.moved.is_empty() {
            let organisations: Vec<_> = self.moved.iter().map(|moved| moved.0).collect();
            let ids: Vec<_> = self.moved.iter().map(|moved| moved.1).collect();
            let into: Vec<_> = self.moved.iter().map(|moved| moved.2).collect();
            MoveOwn { organisations: &organisations, ids: &ids, into: &into }.execute(connection)?;
            MoveOthers { organisations: &organisations, ids: &ids, into: &into }.execute(connection)?;
            EndMoved { organisations: &organisations, ids: &ids }.execute(connection)?;
        }
        if !self.hold.is_empty() {
            let (organisations, ids): (Vec<_>, Vec<_>) = self.hold.keys().copied().unzip();
            let recipients: Vec<_> = self.hold.values().map(|held| held.0.clone()).collect();
            let addresses: Vec<_> = self.hold.values().map(|held| held.1).collect();
            let until: Vec<_> = self.hold.values().map(|held| held.2).collect();
            Hold {
                organisations: &organisations,
                ids: &ids,
                recipients: &recipients,
                addresses: &addresses,
                until: &until,
            }
            .execute(connection)?;
        }
        let mut gone = 0;
        if !self.go.is_empty() {
            let (organisations, ids): (Vec<_>, Vec<_>) = self.go.keys().copied().unzip();
            let recipients: Vec<_> = self.go.into_values().collect();
            let go = LetGo { organisations: &organisations, ids: &ids, recipients: &recipients, now: self.now };
            gone = go.execute(connection)?;
        }
        self.counters.save(connection)?;
        Ok(gone + self.asked)
    }
}

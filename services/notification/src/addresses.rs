//! Who agreed to be mailed: addresses are asked once, with a link, and told nothing else before somebody has followed it.
//!
//! An address is known by a digest, and confirmed for one organisation: who reads one organisation's mails has not agreed to all others'.
//! The link belongs to the address; whose address it is meanwhile doesn't matter. Everything that reads and then writes here, or counts
//! mails, holds one lock until its transaction ends.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{OptionalExtension as _, PgConnection, QueryResult, RunQueryDsl as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// How long a link works: holidays are shorter.
pub const LINK_LIVES: TimeDelta = TimeDelta::days(30);

/// How long an invitation can be accepted.
pub const INVITATION_LIVES: TimeDelta = TimeDelta::days(7);

/// Whoever removes a login and adds it again, again and again, has its address mailed no more than [`LINKS_MAX`] times in this.
pub const INVITED_WITHIN: TimeDelta = TimeDelta::days(30);

/// So many mails with a link may have reached an address that was asked once: their senders died, or the mail server's answer never came. And so
/// many may invite an address for an organisation within [`INVITED_WITHIN`].
pub const LINKS_MAX: i64 = 3;

kit::statement! {
    /// One at a time decides what is sent, or confirms: whoever has this row.
    struct TakeLock() -> Text = "select c.kind from notification.counters c where c.kind = 'lock' and c.id = '00000000-0000-0000-0000-000000000000' for no key update"
}

kit::statement! {
    /// The row, the first time.
    struct MakeLock() =
        "insert into notification.counters (kind, id, began_at, mails) values ('lock', '00000000-0000-0000-0000-000000000000', 'infinity', 0) \
         on conflict do nothing"
}

kit::statement! {
    /// A link that is about to be mailed, unless there are as many as may be, made since then, that may have been.
    struct KeepToken<'a>(
        hash: &'a [u8] as Binary, organisation_id: Uuid as Uuid, address_id: Uuid as Uuid, until: DateTime<Utc> as Timestamptz,
        since: DateTime<Utc> as Timestamptz, most: i64 as BigInt, invitation_id: Option<Uuid> as Nullable<Uuid>,
    ) =
        "insert into notification.confirmations (token_hash, organisation_id, address_id, expires_at, invitation_id) select $1, $2, $3, $4, $7 \
         where (select count(*) from notification.confirmations c where c.organisation_id = $2 and c.address_id = $3 \
             and (c.invitation_id is null) = ($7 is null) and c.expires_at >= $5) < $6"
}

kit::statement! {
    /// A link whose mail was refused.
    struct ForgetToken<'a>(hash: &'a [u8] as Binary) = "delete from notification.confirmations where token_hash = $1"
}

kit::statement! {
    /// Of which organisation a link is, until when it works, when it was used, the invitation that it accepts, and whether it still can.
    struct FindToken<'a>(hash: &'a [u8] as Binary) -> (Nullable<Text>, Timestamptz, Nullable<Timestamptz>, Nullable<Uuid>, Bool) =
        "select (select o.name from published.organisations o where o.id = c.organisation_id), c.expires_at, c.used_at, c.invitation_id, \
             exists (select from published.login_contacts l where l.invitation_id = c.invitation_id) \
         from notification.confirmations c where c.token_hash = $1"
}

kit::statement! {
    /// A link that works is used up, and with it the others of its address.
    struct UseToken<'a>(hash: &'a [u8] as Binary, now: DateTime<Utc> as Timestamptz) -> (Uuid, Uuid, Nullable<Uuid>) =
        "update notification.confirmations c set used_at = $2 from notification.confirmations of \
         where of.token_hash = $1 and of.used_at is null and of.expires_at > $2 \
         and c.organisation_id = of.organisation_id and c.address_id = of.address_id and c.used_at is null \
         and c.invitation_id is not distinct from of.invitation_id \
         returning c.organisation_id, c.address_id, c.invitation_id"
}

kit::statement! {
    /// The address may be mailed.
    struct Confirm(organisation_id: Uuid as Uuid, address_id: Uuid as Uuid, now: DateTime<Utc> as Timestamptz) =
        "insert into notification.addresses as a (organisation_id, address_id, confirmed_at) values ($1, $2, $3) \
         on conflict (organisation_id, address_id) do update set confirmed_at = coalesce(a.confirmed_at, excluded.confirmed_at)"
}

kit::statement! {
    /// Whoever confirms has the mail that asks, whatever its mail server has said: it isn't sent again.
    struct EndAsking(
        organisation_id: Uuid as Uuid, address_id: Uuid as Uuid, now: DateTime<Utc> as Timestamptz, invitation_id: Option<Uuid> as Nullable<Uuid>,
    ) =
        "update notification.deliveries set status = 'sent', next_attempt_at = null, sent_at = $3, reason = null, version = version + 1 \
         where status = 'waiting' and organisation_id = $1 and address_id = $2 and confirms \
         and (id = $4 or not exists (select from notification.invitations i where i.invitation_id = deliveries.id))"
}

kit::statement! {
    /// What was held back for it is looked at again.
    struct Release(organisation_id: Uuid as Uuid, address_id: Uuid as Uuid, now: DateTime<Utc> as Timestamptz) =
        "update notification.deliveries set next_attempt_at = $3, version = version + 1 \
         where status = 'held' and organisation_id = $1 and address_id = $2 and not confirms"
}

kit::statement! {
    /// A link of an invitation was used: Account lets people sign in now.
    struct AcceptInvitation(id: Uuid as Uuid, now: DateTime<Utc> as Timestamptz) =
        "update notification.invitations set accepted_at = $2 where invitation_id = $1"
}

kit::statement! {
    /// Whether somebody signs in with the address of this invitation, or will in a moment, having just accepted another one.
    struct FindTaken<'a>(hash: &'a [u8] as Binary) -> Bool =
        "select exists ( \
             select from notification.confirmations c join published.login_contacts l on l.invitation_id = c.invitation_id \
             join published.login_contacts o on lower(o.email) = lower(l.email) and o.invitation_id is null where c.token_hash = $1 \
         ) or exists ( \
             select from notification.confirmations c join notification.invitations a on a.address_id = c.address_id \
             and a.invitation_id <> c.invitation_id and a.accepted_at is not null \
             join published.login_contacts o on o.invitation_id = a.invitation_id where c.token_hash = $1)"
}

/// Waits until no one else decides what is sent.
pub fn lock(connection: &mut PgConnection) -> QueryResult<()> {
    if (TakeLock {}).load::<String>(connection)?.is_empty() {
        MakeLock {}.execute(connection)?;
        TakeLock {}.load::<String>(connection)?;
    }
    Ok(())
}

/// An address as it is remembered; None: no mail can be sent to it. Upper and lower case are one address.
pub fn address_id(recipient: &str) -> Option<Uuid> {
    Some(digest(&folded(recipient)?))
}

/// The same address as it was remembered with the upgrade to confirmations, where its domain stood as people type it; None: it is no other.
pub fn former_id(recipient: &str) -> Option<Uuid> {
    Some(digest(&kit::email::with_unicode_domain(&folded(recipient)?)?))
}

/// The mailbox behind an address, without its `+tag`, and at Google without its dots: who has it gets the mails of all of them.
pub fn mailbox_id(recipient: &str) -> Option<Uuid> {
    let address = folded(recipient)?;
    let (local, domain) = address.rsplit_once('@')?;
    let name = local.split_once('+').map_or(local, |(name, _)| if name.is_empty() { local } else { name });
    let mailbox = match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", name.replace('.', "")),
        _ => format!("{name}@{domain}"),
    };
    Some(digest(&mailbox))
}

fn folded(recipient: &str) -> Option<String> {
    kit::email::stored(recipient).map(|address| address.to_lowercase())
}

fn digest(text: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(text)[..16]);
    Uuid::from_bytes(bytes)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// A new token, of 244 random bits, for a mail to this address of an organisation, which accepts this invitation; only its hash is kept. None:
/// since then there were [`LINKS_MAX`].
pub fn new_token(
    connection: &mut PgConnection,
    (organisation_id, address_id, invitation_id): (Uuid, Uuid, Option<Uuid>),
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> QueryResult<Option<String>> {
    let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let lives = if invitation_id.is_some() { INVITATION_LIVES } else { LINK_LIVES };
    let (hash, until, since) = (&hash(&token), now + lives, since + lives);
    let kept = KeepToken { hash, organisation_id, address_id, until, since, most: LINKS_MAX, invitation_id };
    let kept = kept.execute(connection)?;
    Ok((kept == 1).then_some(token))
}

/// The mail with this token was refused: nobody has it.
pub fn forget_token(connection: &mut PgConnection, token: &str) -> QueryResult<()> {
    ForgetToken { hash: &hash(token) }.execute(connection).map(drop)
}

/// What a link is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nobody was mailed it.
    Unknown,
    /// It is too old.
    Expired,
    /// The address is confirmed.
    Used,
    /// It can be used, for this organisation; None: the platform itself.
    Open(Option<String>),
    /// A login of this organisation can be accepted.
    Invitation(Option<String>),
    /// It was accepted.
    Accepted,
    /// It can't be, as long as somebody signs in with this address elsewhere.
    Taken,
}

/// Looks at a link. Changes nothing.
pub fn find(connection: &mut PgConnection, token: &str, now: DateTime<Utc>) -> QueryResult<Link> {
    type Row = (Option<String>, DateTime<Utc>, Option<DateTime<Utc>>, Option<Uuid>, bool);
    let found: Option<Row> = FindToken { hash: &hash(token) }.get_result(connection).optional()?;
    Ok(match found {
        None => Link::Unknown,
        Some((_, _, Some(_), invitation, _)) => invitation.map_or(Link::Used, |_| Link::Accepted),
        Some((_, expires_at, ..)) if expires_at <= now => Link::Expired,
        Some((organisation, _, _, None, _)) => Link::Open(organisation),
        Some((organisation, _, _, Some(_), true)) => Link::Invitation(organisation),
        Some(_) => Link::Unknown,
    })
}

/// Uses a link: its address is confirmed, what was held back for it is sent, and a login is accepted if it invites. Used again, it changes
/// nothing.
pub fn confirm(connection: &mut PgConnection, token: &str, now: DateTime<Utc>) -> QueryResult<Link> {
    lock(connection)?;
    match find(connection, token, now)? {
        Link::Open(_) => {}
        Link::Invitation(_) if FindTaken { hash: &hash(token) }.get_result(connection)? => return Ok(Link::Taken),
        Link::Invitation(_) => {}
        of_no_use => return Ok(of_no_use),
    }
    let used: Vec<(Uuid, Uuid, Option<Uuid>)> = UseToken { hash: &hash(token), now }.load(connection)?;
    let Some((organisation_id, address_id, invitation_id)) = used.first().copied() else {
        return find(connection, token, now);
    };
    Confirm { organisation_id, address_id, now }.execute(connection)?;
    if let Some(invitation_id) = invitation_id {
        AcceptInvitation { id: invitation_id, now }.execute(connection)?;
    }
    EndAsking { organisation_id, address_id, now, invitation_id }.execute(connection)?;
    Release { organisation_id, address_id, now }.execute(connection)?;
    find(connection, token, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_has_many_addresses() {
        let same = |a: &str, b: &str| (address_id(a) == address_id(b), mailbox_id(a) == mailbox_id(b));
        assert_eq!(same("Ada@X.example", "ada@x.example"), (true, true));
        assert_eq!(same("ada@müller.example", "ada@xn--mller-kva.example"), (true, true));
        assert_eq!(same("ada+1@x.example", "ada@x.example"), (false, true));
        assert_eq!(same("ada+1@x.example", "ada+2+3@x.example"), (false, true));
        assert_eq!(same("+1@x.example", "+2@x.example"), (false, false));
        assert_eq!(same("a.da@gmail.com", "ada+x@googlemail.com"), (false, true));
        assert_eq!(same("a.da@x.example", "ada@x.example"), (false, false));
        assert_eq!(same("ada@x.example", "bob@x.example"), (false, false));
        assert_eq!((address_id(""), mailbox_id("a b@x.example")), (None, None));
    }

    #[test]
    fn digests_are_those_of_the_migration() {
        assert_eq!(address_id("A@b.example").unwrap().simple().to_string(), "ebb18a030bf15174f5714e24d63af1a8");
    }
}

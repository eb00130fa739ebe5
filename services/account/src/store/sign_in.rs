//! Signing in: who it is, and how often it has failed.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use kit::id::LoginId;
use kit::{Error, Meta};
use sha2::{Digest, Sha256};

use super::logins;
use crate::hashing::Hash;
use crate::model::Login;

diesel::define_sql_function! {
    /// As in the unique index of e-mails.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

kit::statement! {
    /// One more failure for each subject, in one order for all, so that no two wait for each other.
    struct CountFailure(subjects: Vec<String> as Array<Text>, now: DateTime<Utc> as Timestamptz, window_ends_at: DateTime<Utc> as Timestamptz)
        -> (Text, Int4, Timestamptz) =
        "insert into account.sign_in_failures as f (subject, failures, window_ends_at) \
         select s.subject, 1, $3 from unnest($1) s(subject) order by s.subject \
         on conflict (subject) do update set \
         failures = case when f.window_ends_at <= $2 then 1 else f.failures + 1 end, \
         window_ends_at = case when f.window_ends_at <= $2 then excluded.window_ends_at else f.window_ends_at end \
         returning subject, failures, window_ends_at"
}

kit::statement! {
    /// What has failed in windows that still run.
    struct ListFailures(subjects: Vec<String> as Array<Text>, now: DateTime<Utc> as Timestamptz) -> (Text, Int4, Timestamptz) =
        "select f.subject, f.failures, f.window_ends_at from account.sign_in_failures f \
         where f.subject = any($1) and f.window_ends_at > $2"
}

/// How many failures are too many, and within which time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one login.
    pub per_login: i32,
    /// From one address.
    pub per_address: i32,
    /// The window, from its first failure on.
    pub window: TimeDelta,
}

/// On whose account a failure goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects {
    login: String,
    address: String,
}

impl Subjects {
    /// The e-mail is hashed: whether it exists or not, it is kept for a quarter of an hour and needs not be readable.
    pub fn new(email: &str, address: &str) -> Self {
        let hash: String = Sha256::digest(folded(email)).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { login: format!("login:{hash}"), address: format!("address:{address}") }
    }

    fn both(&self) -> Vec<String> {
        vec![self.login.clone(), self.address.clone()]
    }
}

/// The e-mail as the database compares it, character by character: a text's own lower case knows of words and of dots above,
/// and whoever wrote one address in two ways would have twice the guesses.
fn folded(email: &str) -> String {
    let lower = |character: char| character.to_lowercase().next().unwrap_or(character);
    email.chars().map(lower).collect()
}

/// A login with what signing in needs to know of it. Not `Debug`: it holds the hash.
#[derive(Clone)]
pub struct Seen {
    /// The login.
    pub login: Login,
    /// Its password's hash.
    pub hash: String,
}

/// Who tries, and what failed before.
#[derive(Clone)]
pub struct Attempts {
    /// None: nobody has this e-mail.
    pub seen: Option<Seen>,
    /// What failed in the running windows.
    pub failures: Failures,
}

/// Failures of a login and of an address, and when their windows end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failures {
    login: Option<(i32, DateTime<Utc>)>,
    address: Option<(i32, DateTime<Utc>)>,
}

impl Failures {
    fn new(subjects: &Subjects, rows: Vec<(String, i32, DateTime<Utc>)>) -> Self {
        let of = |subject: &str| rows.iter().find(|row| row.0 == subject).map(|row| (row.1, row.2));
        Self { login: of(&subjects.login), address: of(&subjects.address) }
    }

    /// 429 until the window's end if there are too many; `more` are still allowed above the last allowed one.
    pub fn within(&self, limits: &Limits, more: i32, now: DateTime<Utc>) -> Result<(), Error> {
        let over =
            |failures: Option<(i32, DateTime<Utc>)>, limit: i32| failures.filter(|(count, _)| *count >= limit + more);
        let ends = [over(self.login, limits.per_login), over(self.address, limits.per_address)];
        match ends.into_iter().flatten().map(|(_, ends)| ends).max() {
            None => Ok(()),
            Some(end) => {
                let seconds = u64::try_from((end - now).num_seconds()).unwrap_or_default();
                Err(Error::TooMany { retry_after: seconds + 1 })
            }
        }
    }
}

/// Who has this e-mail, and how often signing in has failed lately.
pub fn find_by_email(
    c: &mut PgConnection,
    email: &str,
    subjects: &Subjects,
    now: DateTime<Utc>,
) -> Result<Attempts, Error> {
    use crate::schema::logins;
    let mut find = |email: &str| {
        let of_email = logins::table.filter(lower(logins::email).eq(lower(email)));
        // As in the index: one that isn't accepted is nobody's.
        let of_email = of_email.filter(logins::invitation_id.is_null());
        of_email.select((Login::as_select(), logins::password_hash)).first::<(Login, String)>(c).optional()
    };
    let mut found = find(email)?;
    if let (None, Some(before)) = (&found, kit::email::with_unicode_domain(email)) {
        found = find(&before)?;
    }
    attempts(c, found, subjects, now)
}

/// Who this login is, and how often signing in has failed lately.
pub fn find_by_id(
    c: &mut PgConnection,
    id: LoginId,
    address: &str,
    now: DateTime<Utc>,
) -> Result<(Subjects, Attempts), Error> {
    use crate::schema::logins;
    let found = logins::table
        .filter(logins::id.eq(id))
        .select((Login::as_select(), logins::password_hash))
        .first::<(Login, String)>(c)
        .optional()?;
    let email = found.as_ref().map_or("", |(login, _)| login.email.as_str());
    let subjects = Subjects::new(email, address);
    let attempts = attempts(c, found, &subjects, now)?;
    Ok((subjects, attempts))
}

fn attempts(
    c: &mut PgConnection,
    found: Option<(Login, String)>,
    subjects: &Subjects,
    now: DateTime<Utc>,
) -> Result<Attempts, Error> {
    let rows = ListFailures { subjects: subjects.both(), now }.load(c)?;
    let seen = found.map(|(login, hash)| Seen { login, hash });
    Ok(Attempts { seen, failures: Failures::new(subjects, rows) })
}

/// Counts a failed sign-in: the failures with this one. Judged after the commit: an error before it would undo the count.
pub fn count_failure(
    c: &mut PgConnection,
    subjects: &Subjects,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Result<Failures, Error> {
    let rows = CountFailure { subjects: subjects.both(), now, window_ends_at: now + limits.window }.load(c)?;
    Ok(Failures::new(subjects, rows))
}

/// Lets a right password pass, unless there were too many failures meanwhile.
///
/// Looks again after the hashing: of guesses made at the same time, those beyond the limit learn nothing, not even the right one. The failures stay
/// until their window ends: if a right password ended them, who guesses would see that the login exists and that its owner was there.
pub fn admit(c: &mut PgConnection, subjects: &Subjects, limits: &Limits, now: DateTime<Utc>) -> Result<(), Error> {
    let rows = ListFailures { subjects: subjects.both(), now }.load(c)?;
    Failures::new(subjects, rows).within(limits, 0, now)
}

/// Replaces the password whose hash was seen; false if it is another one by now, or the login is gone or doesn't work.
pub fn set_password(
    c: &mut PgConnection,
    meta: &Meta,
    id: LoginId,
    seen: &str,
    password: &Hash,
) -> Result<bool, Error> {
    use crate::schema::logins as table;
    let locked =
        table::table.filter(table::id.eq(id)).select((Login::as_select(), table::password_hash)).for_no_key_update();
    let found = locked.first::<(Login, String)>(c).optional()?;
    let Some((mut login, _)) = found.filter(|(login, hash)| hash == seen && login.works()) else {
        return Ok(false);
    };
    login.version += 1;
    logins::write_password(c, meta, &mut login, password)?;
    Ok(true)
}

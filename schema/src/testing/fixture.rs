//! Tenants and people as rows, written by the logins that own them: what tests of a service need but don't test.
//!
//! Ids are UUIDs as text, so that this crate needs no opinion on who makes them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use postgres::types::ToSql;

use super::db::TestDb;
use crate::session::Session;

/// Writes rows into a [`TestDb`]; one connection for each login, made when it is first needed.
pub struct Rows {
    urls: HashMap<&'static str, String>,
    sessions: Mutex<HashMap<&'static str, Session>>,
}

/// Ends each statement of a fixture, see [`TestDb::statements`].
pub(super) const MARK: &str = "/* a fixture's */";

const WRITERS: [&str; 3] = ["account_writer", "profile_writer", "billing_writer"];

impl Rows {
    /// Rows of this database.
    #[must_use]
    pub fn new(db: &TestDb) -> Self {
        Self::of(&|role| db.url(role))
    }

    /// Rows of any database, given the URL of each login.
    #[must_use]
    pub fn of(url: &dyn Fn(&str) -> String) -> Self {
        let urls = WRITERS.into_iter().map(|role| (role, url(role))).collect();
        Self { urls, sessions: Mutex::default() }
    }

    /// An organisation on a plan.
    pub fn organisation(&self, id: &str, name: &str, plan: &str) {
        self.write(
            "account_writer",
            "insert into account.organisations (id, name, plan_code, version, created_at, updated_at)
             values ($1::text::uuid, $2, $3, 1, now(), now())",
            &[&id, &name, &plan],
        );
    }

    /// A person of an organisation, counted.
    pub fn profile(&self, organisation: &str, id: &str, name: &str, email: &str) {
        self.write(
            "profile_writer",
            "with counted as (
                 insert into profile.head_counts as h (organisation_id, users) values ($1::text::uuid, 1)
                 on conflict (organisation_id) do update set users = h.users + 1
             ), person as (
                 insert into profile.profiles (organisation_id, id, name, job_title, email, time_zone, version, created_at, updated_at)
                 values ($1::text::uuid, $2::text::uuid, $3, 'Engineer', $4, 'Europe/Zurich', 1, now(), now())
             )
             insert into profile.notification_settings (organisation_id, profile_id, mode, version, updated_at)
             values ($1::text::uuid, $2::text::uuid, 'instant', 1, now())",
            &[&organisation, &id, &name, &email],
        );
    }

    /// A login of scope `member`, `admin` or (without organisation) `operator`. Nobody can sign in with it.
    pub fn login(&self, organisation: Option<&str>, id: &str, email: &str, scope: &str, profile: Option<&str>) {
        self.write(
            "account_writer",
            "insert into account.logins (organisation_id, id, email, password_hash, scope, profile_id,
                 password_changed_at, password_expires_at, version, created_at, updated_at)
             values ($1::text::uuid, $2::text::uuid, $3, 'none', $4, $5::text::uuid,
                 now(), now() + interval '90 days', 1, now(), now())",
            &[&organisation, &id, &email, &scope, &profile],
        );
    }

    /// Payment status of an organisation: `active`, `overdue` or `frozen`.
    pub fn standing(&self, organisation: &str, standing: &str) {
        self.write(
            "billing_writer",
            "insert into billing.standings
                 (organisation_id, standing, overdue_since, first_failed_at, frozen_at, version, updated_at)
             values ($1::text::uuid, $2, case when $2 <> 'active' then now() end,
                 case when $2 <> 'active' then now() end, case when $2 = 'frozen' then now() end, 1, now())
             on conflict (organisation_id) do update
             set standing = excluded.standing, overdue_since = excluded.overdue_since,
                 first_failed_at = excluded.first_failed_at, frozen_at = excluded.frozen_at,
                 version = billing.standings.version + 1, updated_at = excluded.updated_at",
            &[&organisation, &standing],
        );
    }

    fn write(&self, role: &'static str, sql: &str, values: &[&(dyn ToSql + Sync)]) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.entry(role).or_insert_with(|| match Session::connect(&self.urls[role]) {
            Ok(session) => session,
            Err(error) => panic!("{role} can't connect: {error}"),
        });
        // Marked, so that it doesn't count as the service's own.
        let sql = format!("{sql} {MARK}");
        if let Err(error) = session.client.execute(&sql, values) {
            panic!("{role} can't write a fixture's row: {error:?}");
        }
    }
}

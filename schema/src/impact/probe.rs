//! A connection that runs statements behind savepoints and as other roles, and keeps the server's notices.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use postgres::error::{DbError, Severity};
use postgres::{Client, Config};

use super::report::Failure;
use super::values::Counts;
use crate::error::{Doing, Error, Result};
use crate::own_path::ASIDE;
use crate::session::{address, connect_uncounted, identifier, literal};

/// What a role's sessions start with, where that may change how its statements are planned or how long they wait.
pub(super) type Settings = Vec<(String, String)>;

pub(super) struct Probe {
    pub(super) client: Client,
    /// What this transaction has written so far, by table; none: it must be asked for, because something else was run since.
    pub(super) counted: Option<Counts>,
    said: Arc<Mutex<Vec<DbError>>>,
}

impl Probe {
    pub(super) fn connect(url: &str) -> Result<Self> {
        let said = Arc::new(Mutex::new(Vec::new()));
        let prepare = |config: &mut Config| {
            let kept = Arc::clone(&said);
            config.application_name("dba impact").notice_callback(move |notice| {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
            });
        };
        let mut client = connect_uncounted(&address(url)?, prepare).doing("connecting to where the change is tried")?;
        // Which functions a statement really calls; not every role may ask.
        let _ = client.batch_execute("set track_functions = 'all'");
        client.batch_execute("set jit = off").doing("preparing a session")?;
        Ok(Self { client, counted: None, said })
    }

    pub(super) fn run(&mut self, sql: &str) -> Result<()> {
        self.counted = None;
        self.client.batch_execute(sql).doing(sql.to_owned())
    }

    /// Runs `work` behind a savepoint that is rolled back. `Err` of the inner result: Postgres refused it.
    pub(super) fn tried<T>(
        &mut self,
        work: impl FnOnce(&mut Client) -> std::result::Result<T, postgres::Error>,
    ) -> Result<std::result::Result<T, Failure>> {
        self.run("savepoint tried")?;
        let done = work(&mut self.client);
        self.run("rollback to savepoint tried; release savepoint tried")?;
        match done {
            Ok(value) => Ok(Ok(value)),
            Err(error) => match failure(error)? {
                // On a live database: locks of other sessions, not an effect of the change.
                busy if ["55P03", "57014"].contains(&busy.sqlstate.as_str()) => {
                    Err(Error::Unavailable(format!("the database is busy: {}", busy.message)))
                }
                refused => Ok(Err(refused)),
            },
        }
    }

    /// Asks something of our own in a transaction in which the change, or a service, has set its own search path.
    pub(super) fn aside<T>(&mut self, ask: impl FnOnce(&mut Client) -> Result<T>) -> Result<T> {
        self.client.batch_execute(ASIDE[0]).doing("going over to our own search path")?;
        let answer = ask(&mut self.client);
        self.client.batch_execute(ASIDE[1]).doing("going back from our own search path")?;
        answer
    }

    /// Notices of the server since the last call.
    pub(super) fn said(&mut self) -> Vec<String> {
        let said = std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner));
        let mut lines = Vec::new();
        for notice in said {
            if notice.parsed_severity() == Some(Severity::Debug) && !of_work(notice.message()) {
                continue;
            }
            lines.push(notice.message().to_owned());
            let details = notice.detail().into_iter().flat_map(str::lines);
            lines.extend(details.map(|line| format!("  {line}")));
        }
        lines
    }
}

/// The messages at DEBUG1 that report work on tables.
fn of_work(message: &str) -> bool {
    ["rewriting table", "verifying table", "validating foreign key", "building index"]
        .iter()
        .any(|start| message.starts_with(start))
}

/// SQL that makes the session a login's, until the transaction or savepoint ends: its `session_user` where the connecting role may do that, the role that its
/// own settings give it, and its search path.
pub(super) fn becoming<'a>(login: &str, settings: impl Iterator<Item = &'a (String, String)>) -> String {
    let (roles, settings): (Vec<_>, Vec<_>) = settings.partition(|(name, _)| name == "role");
    let given = roles.last().map(|(_, role)| role.as_str()).filter(|role| *role != "none");
    let session = ("session_authorization".to_owned(), login.to_owned());
    let settings = setting(settings.into_iter().chain([&session]), true);
    format!("{}{settings}set local role {};", usual_path(true), identifier(given.unwrap_or(login)))
}

/// SQL that goes from our own search path to the one that a session has where nothing else is set.
fn usual_path(local: bool) -> &'static str {
    if local { "set local search_path to default; " } else { "set search_path to default; " }
}

/// SQL that sets what this role's sessions start with, as far as it may change what a change does.
pub(super) fn starts_with(settings: &BTreeMap<String, Settings>, role: &str, local: bool) -> String {
    let all = settings.get(role).into_iter().flatten();
    let all = all.filter(|(name, _)| !name.ends_with("_timeout") && name != "default_transaction_read_only");
    format!("{}{}", usual_path(local), setting(all, local))
}

/// SQL that sets these, where that is possible. Any of them may be the search path: what follows it names its schema.
pub(super) fn setting<'a>(settings: impl Iterator<Item = &'a (String, String)>, local: bool) -> String {
    let mut sql = String::new();
    // Before the role is set: it may not have the right to run a `do` block.
    for (name, value) in settings {
        sql.push_str(&format!(
            "do $dba$ begin perform pg_catalog.set_config({}, {}, {local}); exception when others then null; end $dba$;",
            literal(name),
            literal(value)
        ));
    }
    sql
}

/// Postgres's refusal; the error itself where Postgres sent none, because then the connection is lost.
pub(super) fn failure(error: postgres::Error) -> Result<Failure> {
    let Some(said) = error.as_db_error() else {
        return Err(error).doing("trying it out");
    };
    Ok(Failure {
        sqlstate: said.code().code().to_owned(),
        message: said.message().to_owned(),
        detail: said.detail().map(str::to_owned),
    })
}

const SETTINGS: &str = "
select r.rolname::text, s.setting
from pg_roles r
cross join lateral (
    select unnest(d.setconfig) as setting, 2 * (d.setrole <> 0)::int + (d.setdatabase <> 0)::int as rank
    from pg_db_role_setting d
    where d.setrole in (0, r.oid) and d.setdatabase in (0, (select oid from pg_database where datname = $1))
) s
where r.rolname !~ '^pg_'
order by s.rank";

/// Roles that can't open a session in a database, and why not.
const SHUT_OUT: &str = "
select rolname::text, case when not rolcanlogin then '28000' when rolvaliduntil < now() then '28P01' when rolconnlimit = 0 or d.datconnlimit = 0 and not rolsuper then '53300'
    when not d.datallowconn then '55000' else '42501' end
from pg_roles r join pg_database d on d.datname = $1
where not rolcanlogin or rolvaliduntil < now() or rolconnlimit = 0 or d.datconnlimit = 0 and not rolsuper or not d.datallowconn or not has_database_privilege(r.oid, d.oid, 'connect')";

/// Those, with what Postgres says to them.
pub(super) fn shut_out(client: &mut Client, database: &str) -> Result<BTreeMap<String, Failure>> {
    let rows = client.query(SHUT_OUT, &[&database]).doing("reading who may connect")?;
    let failure = |role: &str, sqlstate: String| Failure {
        message: match sqlstate.as_str() {
            "28000" => format!("role {role} is not permitted to log in"),
            "28P01" => format!("the password of {role} is no longer valid"),
            "53300" => format!("too many connections for {role}: the limit is 0"),
            "55000" => format!("database {database} accepts no connections"),
            _ => format!("permission denied for database {database}: {role} has no CONNECT"),
        },
        sqlstate,
        detail: None,
    };
    Ok(rows.iter().map(|row| (row.get(0), failure(row.get(0), row.get(1)))).collect())
}

/// What each role's sessions start with: of all roles, of this database, of the role, of the role here; the last one counts. The database is named, because
/// a clone has no settings of its own.
pub(super) fn settings(client: &mut Client, database: &str) -> Result<BTreeMap<String, Settings>> {
    let rows = client.query(SETTINGS, &[&database]).doing("reading settings")?;
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in rows {
        let (role, setting): (String, String) = (row.get(0), row.get(1));
        if let Some((name, value)) = setting.split_once('=') {
            let of_role = all.entry(role).or_default();
            of_role.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(all.into_iter().map(|(role, settings)| (role, settings.into_iter().collect())).collect())
}

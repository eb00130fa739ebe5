//! The truth: each statement really run by its login, before and after the change, with other rows and values than impact has seen.

use std::collections::{BTreeMap, BTreeSet};

use postgres::{Client, Statement as Prepared};
use schema::impact::Change;
use schema::testing::TestCluster;

use super::effects::STATE;
use super::made::{Made, ROLES};
use super::running::{COUNT, Outcome, Values, put_back, run, sequences, works};
use super::statements::Asked;
use crate::impact::truth::session;
use crate::support::{connect, state};

/// What becomes of a statement.
#[derive(Debug)]
pub enum Fate {
    Same,
    /// With these values: what differs.
    Harmed(#[expect(dead_code, reason = "printed")] String),
}

pub struct Truth {
    /// By statement; not of those that don't work before.
    pub fates: BTreeMap<usize, Fate>,
    /// Sessions that had prepared statements before the change, and these.
    kept: BTreeMap<&'static str, Client>,
    prepared: BTreeMap<usize, Prepared>,
    /// Statements that wait while the change is not committed: one for each role.
    pub waiting: BTreeMap<&'static str, usize>,
}

pub struct Oracle<'a> {
    cluster: &'a TestCluster,
    asked: &'a [Asked],
    /// Of each statement before any change, by its values; none: it doesn't work.
    before: Vec<Option<Vec<Outcome>>>,
}

impl<'a> Oracle<'a> {
    /// `seed`: of the rows that impact has.
    pub fn new(cluster: &'a TestCluster, (made, seed): (&Made, u32), asked: &'a [Asked]) -> Self {
        let mut postgres = connect(&cluster.url("postgres", "superuser"));
        postgres.batch_execute("drop database if exists truth with (force)").unwrap();
        postgres.batch_execute("create database truth").unwrap();
        let mut superuser = connect(&cluster.url("truth", "superuser"));
        superuser.batch_execute(ROLES).unwrap();
        // What impact sees, and more: values that it took from its rows must mean the same here. So harm that shows only where those rows are missing is not
        // found; harm that other rows or values show is.
        superuser.batch_execute(&made.sql(&[(seed, 1..=6), (5, 7..=11)])).unwrap();
        superuser.batch_execute(STATE).unwrap();
        let reset = sequences(&mut superuser);
        let mut logins: BTreeMap<&str, Client> = BTreeMap::new();
        let mut before = Vec::new();
        for one in asked {
            let login = || session(&cluster.cluster().url_of(one.role, "a", "truth"));
            let client = logins.entry(one.role).or_insert_with(login);
            let Ok(prepared) = client.prepare(&one.sql) else {
                before.push(None);
                continue;
            };
            let mut run = |values: &Values<'_>| run(client, &mut superuser, &reset, &prepared, values);
            let outcomes: Vec<_> = one.values().iter().map(&mut run).collect();
            before.push(outcomes.iter().any(Result::is_ok).then_some(outcomes));
        }
        superuser.batch_execute(&reset.join("; ")).unwrap();
        Self { cluster, asked, before }
    }

    fn login(&self, role: &str) -> Result<Client, String> {
        let url = self.cluster.cluster().url_of(role, "a", "trial");
        Client::connect(&url, postgres::NoTls).map_err(|error| state(&error))
    }

    /// Of these statements. `None`: Postgres refuses the change.
    pub fn truth(&self, change: &Change, near: &[usize]) -> Option<Truth> {
        let mut postgres = connect(&self.cluster.url("postgres", "superuser"));
        postgres.batch_execute("drop database if exists trial with (force)").unwrap();
        postgres.batch_execute("create database trial template truth").unwrap();
        let url = self.cluster.url("trial", "superuser");
        let mut superuser = connect(&url);
        let mut kept: BTreeMap<&'static str, Client> = BTreeMap::new();
        let mut asked = Vec::new();
        let reset = sequences(&mut superuser);
        for at in near {
            let (one, Some(outcomes)) = (&self.asked[*at], &self.before[*at]) else { continue };
            let client =
                kept.entry(one.role).or_insert_with(|| session(&self.cluster.cluster().url_of(one.role, "a", "trial")));
            let prepared = client.prepare(&one.sql).unwrap();
            let worked: Vec<_> = one
                .values()
                .into_iter()
                .zip(outcomes)
                .filter(|(_, done)| done.is_ok())
                .map(|(values, _)| values)
                .collect();
            // Often enough for its plan to be kept.
            for values in worked.iter().cycle().take(7) {
                works(client, &prepared, values).unwrap();
            }
            asked.push((*at, prepared, worked));
        }
        let server = "select md5(string_agg(r::text, '')) from (select setconfig::text as r from pg_db_role_setting union all select rolname || rolcanlogin || rolconnlimit from pg_roles) r";
        let was: Option<String> = superuser.query_one(server, &[]).unwrap().get(0);
        superuser.batch_execute(&format!("{}; begin", reset.join("; "))).unwrap();
        for sql in &change.statements {
            if superuser.batch_execute(sql).is_err() {
                return None;
            }
        }
        let of_server = was != superuser.query_one(server, &[]).unwrap().get::<_, Option<String>>(0);
        let reset = sequences(&mut superuser);
        let mut waiting = BTreeMap::new();
        for (at, _, worked) in &asked {
            let one = &self.asked[*at];
            if !waiting.contains_key(one.role) && self.waits(one, &worked[0]) {
                waiting.insert(one.role, *at);
            }
        }
        if superuser.batch_execute("commit").is_err() {
            return None;
        }
        let (mut fates, mut known) = (BTreeMap::new(), BTreeMap::new());
        for (at, prepared, _) in asked {
            let (one, outcomes) = (&self.asked[at], self.before[at].as_deref().unwrap_or_default());
            let kept = kept.get_mut(one.role).unwrap();
            let harm = self.fate(one, (&prepared, &one.values(), outcomes), (kept, &mut superuser, &reset));
            fates.insert(at, harm.map_or(Fate::Same, Fate::Harmed));
            known.insert(at, prepared);
        }
        if of_server {
            // Roles are the server's: the next trial needs them as they were.
            superuser.batch_execute("alter role app_one login connection limit -1; alter role app_two login connection limit -1; alter role app_one reset all; alter role app_two reset all").unwrap();
        }
        Some(Truth { fates, waiting, kept, prepared: known })
    }

    /// What becomes of a statement with the values with which impact says that it breaks: `Same` where they don't work before either. After the change of
    /// `truth`, so before the next one.
    pub fn with(&self, truth: &mut Truth, at: usize, values: &[Option<String>]) -> Fate {
        let (one, prepared) = (&self.asked[at], &truth.prepared[&at]);
        let values = vec![values.iter().map(Option::as_deref).collect::<Values<'_>>()];
        let mut superuser = connect(&self.cluster.url("truth", "superuser"));
        let mut client = session(&self.cluster.cluster().url_of(one.role, "a", "truth"));
        let (reset, before) = (sequences(&mut superuser), client.prepare(&one.sql).unwrap());
        let outcomes = [run(&mut client, &mut superuser, &reset, &before, &values[0])];
        put_back(&mut superuser, &reset);
        let mut superuser = connect(&self.cluster.url("trial", "superuser"));
        let (reset, kept) = (sequences(&mut superuser), truth.kept.get_mut(one.role).unwrap());
        let harm = self.fate(one, (prepared, &values, &outcomes), (kept, &mut superuser, &reset));
        harm.map_or(Fate::Same, Fate::Harmed)
    }

    /// In another session, while the change is not committed.
    fn waits(&self, one: &Asked, values: &Values<'_>) -> bool {
        let Ok(mut client) = self.login(one.role) else { return false };
        client.batch_execute("set lock_timeout = '40ms'").unwrap();
        let done = client
            .prepare(&one.sql)
            .map_err(|error| state(&error))
            .and_then(|prepared| works(&mut client, &prepared, values));
        done.err().is_some_and(|state| state == "55P03")
    }

    fn fate(
        &self,
        one: &Asked,
        (prepared, all, outcomes): (&Prepared, &[Values<'_>], &[Outcome]),
        (kept, superuser, reset): (&mut Client, &mut Client, &[String]),
    ) -> Option<String> {
        let mut client = match self.login(one.role) {
            Ok(client) => client,
            Err(state) => return Some(format!("can't connect: {state}")),
        };
        let now = match client.prepare_typed(&one.sql, prepared.params()).and_then(|_| client.prepare(&one.sql)) {
            Ok(now) => now,
            Err(error) => return Some(format!("can't be prepared: {}", state(&error))),
        };
        // By OID: labels of an enum are no other type.
        let oid = |statement: &Prepared, name: &str| {
            statement.columns().iter().find(|one| one.name() == name).map(|one| one.type_().oid())
        };
        let text = |kind: u32| [25, 1043, 1042].contains(&kind);
        let mut same_type = BTreeSet::from([COUNT]);
        for column in prepared.columns() {
            let (was, is) = (column.type_().oid(), oid(&now, column.name()));
            if is != Some(was) && !(text(was) && is.is_some_and(text)) {
                return Some(format!("column {}: another type, or none", column.name()));
            }
            same_type.insert(column.name());
        }
        for (values, was) in all.iter().zip(outcomes) {
            let Ok((rows, delta)) = was else { continue };
            match run(&mut client, superuser, reset, &now, values) {
                Err(state) => return Some(format!("{state} with {values:?}")),
                Ok((now_rows, now_delta)) => {
                    let cut = |rows: &[BTreeMap<String, String>]| {
                        let mut all: Vec<Vec<_>> = rows
                            .iter()
                            .map(|row| {
                                row.iter()
                                    .filter(|(name, _)| same_type.contains(name.as_str()))
                                    .map(|(n, v)| (n.clone(), v.clone()))
                                    .collect()
                            })
                            .collect();
                        all.sort();
                        all
                    };
                    if cut(rows) != cut(&now_rows) {
                        return Some(format!("other rows with {values:?}: {rows:?} {now_rows:?}"));
                    }
                    if let Some(words) = super::effects::differs(delta, &now_delta) {
                        return Some(format!("writes otherwise with {values:?}: {words}"));
                    }
                }
            }
            put_back(superuser, reset);
            if let Err(state) = works(kept, prepared, values) {
                return Some(format!("kept: {state} with {values:?}"));
            }
        }
        None
    }
}

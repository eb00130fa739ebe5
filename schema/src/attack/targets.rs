//! The objects to attack: from the catalogue and the roles file, so the list fits any database.

use std::collections::{BTreeMap, BTreeSet};

use super::list::Attack;
use crate::counters;
use crate::drift;
use crate::error::{Doing, Result};
use crate::roles::RolesFile;
use crate::session::{Session, identifier, literal, literals};

/// A table or a view.
#[derive(Debug, Clone)]
struct Relation {
    place: String,
    name: String,
    column: String,
    view: bool,
    owner: String,
    /// Schemas that a view's tables are in.
    bases: String,
}

/// All objects that a mark can stand for.
#[derive(Debug, Clone)]
pub struct Targets {
    relations: Vec<Relation>,
    sequences: Vec<(String, String)>,
    schemas: Vec<String>,
    roles: Vec<String>,
    /// The first role that can't log in.
    owner: String,
    database: String,
    statistics: String,
    /// What the file gives: login to object to "may write".
    given: BTreeMap<String, BTreeMap<String, bool>>,
    /// The roles that each is a member of by the file, also through others.
    groups: Groups,
    /// Logins that are members of no predefined role: those that are attacked with.
    pub logins: Vec<String>,
}

const RELATIONS: &str = "
select format('%I', n.nspname), format('%I.%I', n.nspname, c.relname),
    coalesce((select format('%I', a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and a.attidentity = '' and not a.attisdropped order by a.attnum = 1, a.attnum limit 1), ''),
    c.relkind = 'v', w.rolname::text,
    coalesce((select string_agg(distinct format('%I', b.nspname), ', ') from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid <> c.oid join pg_class t on t.oid = d.refobjid join pg_namespace b on b.oid = t.relnamespace
        where r.ev_class = c.oid), format('%I', n.nspname))
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles w on w.oid = c.relowner join pg_roles p on p.oid = n.nspowner
where c.relkind in ('r', 'p', 'v') and p.rolname = any ($1) and w.rolname = any ($1) order by 2";

impl Targets {
    /// Reads them, as superuser.
    pub fn read(session: &mut Session, file: &RolesFile) -> Result<Self> {
        let mut roles = file.managed();
        roles.extend(Some(file.administrator()).filter(|name| !name.is_empty()));
        let rows = session.client.query(RELATIONS, &[&roles]).doing("reading tables and views")?;
        let relations = rows.iter().map(|row| Relation {
            place: row.get(0),
            name: row.get(1),
            column: row.get(2),
            view: row.get(3),
            owner: row.get(4),
            bases: row.get(5),
        });
        let relations = relations.collect();
        let list = literals(&roles);
        let sequences = session.client.query(
            &format!("select format('%I', n.nspname), format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 join pg_roles p on p.oid = n.nspowner where c.relkind = 'S' and p.rolname in ({list}) order by 2"), &[]).doing("reading sequences")?;
        let schemas = session.texts(&format!("select format('%I', n.nspname) from pg_namespace n join pg_roles p on p.oid = n.nspowner where p.rolname in ({list}) order by 1"))?;
        let logins = session.texts(&format!(
            "select r.rolname::text from pg_roles r where r.rolcanlogin and not r.rolsuper and r.rolname in ({list}) and r.rolname <> {} and has_database_privilege(r.oid, current_database(), 'connect') order by 1", literal(&file.administrator())))?;
        let owner = session.texts(&format!("select r.rolname::text from pg_roles r where not r.rolcanlogin and not r.rolsuper and r.rolname in ({list}) order by 1 limit 1"))?;
        let statistics = session.texts(counters::SCHEMA)?;
        let superuser: String = session.value("select rolname::text from pg_roles where oid = 10")?;
        let database: String = session.value("select format('%I', current_database())")?;
        let (given, groups) = given(session, file)?;
        // A predefined role can do what no right says.
        let beyond =
            |login: &String| groups.get(login).is_some_and(|all| all.iter().any(|group| group.starts_with("pg_")));
        roles.push(superuser);
        Ok(Self {
            relations,
            sequences: sequences.iter().map(|row| (row.get(0), row.get(1))).collect(),
            schemas,
            roles,
            owner: owner.first().cloned().unwrap_or_default(),
            database,
            statistics: statistics.first().cloned().unwrap_or_default(),
            given,
            logins: logins.into_iter().filter(|login| !beyond(login)).collect(),
            groups,
        })
    }

    /// Does the file let this login write a table that the statement names?
    #[must_use]
    pub fn writes(&self, login: &str, sql: &str) -> bool {
        self.given.get(login).is_some_and(|objects| {
            objects.iter().any(|(object, writes)| *writes && sql.split_whitespace().any(|word| word == object))
        })
    }

    /// Every statement that this attack comes to for this login.
    #[must_use]
    pub fn expand(&self, attack: &Attack, login: &str, target: &str) -> Vec<String> {
        let sql = attack.sql.replace("{target}", target);
        if sql.contains("{statistics}") && self.statistics.is_empty() {
            return Vec::new();
        }
        self.fill(attack, &sql, login, false)
    }

    /// The statements of a hole for this attack and login.
    #[must_use]
    pub fn holes(&self, attack: &Attack, hole: &str, login: &str) -> Vec<String> {
        let mut all = self.fill(attack, hole, login, true);
        all.dedup();
        all
    }

    fn fill(&self, attack: &Attack, sql: &str, login: &str, hole: bool) -> Vec<String> {
        let sql = sql
            .replace("{self}", &identifier(login))
            .replace("{login}", &identifier(login))
            .replace("{database}", &self.database)
            .replace("{owner}", &identifier(&self.owner))
            .replace("{statistics}", &self.statistics);
        let none = BTreeMap::new();
        let given = self.given.get(login).unwrap_or(&none);
        let has = |relation: &&Relation| given.contains_key(&relation.name);
        let put = |mark: &str, relations: Vec<&Relation>| -> Vec<String> {
            let one = |relation: &&Relation| {
                sql.replace(mark, &relation.name)
                    .replace("{column}", &relation.column)
                    .replace("{places}", &relation.bases)
                    .replace("{place}", &relation.place)
                    .replace("{viewer}", &identifier(&relation.owner))
            };
            let nameless = |relation: &&&Relation| !(sql.contains("{column}") && relation.column.is_empty());
            relations.iter().filter(nameless).map(one).collect()
        };
        let tables = self.relations.iter().filter(|relation| !relation.view);
        let views = self.relations.iter().filter(|relation| relation.view);
        let mark = |mark: &str| attack.sql.contains(mark);
        if mark("{table}") {
            put("{table}", tables.filter(|table| !has(table)).collect())
        } else if mark("{view}") {
            put("{view}", views.collect())
        } else if mark("{hidden}") {
            put("{hidden}", views.filter(|view| !has(view)).collect())
        } else if mark("{own}") {
            put("{own}", tables.filter(has).collect())
        } else if mark("{sequence}") {
            let own: BTreeSet<_> = self.relations.iter().filter(has).map(|relation| &relation.place).collect();
            let sequences = self.sequences.iter().filter(|(place, _)| !hole || !own.contains(place));
            sequences.map(|(place, name)| sql.replace("{sequence}", name).replace("{place}", place)).collect()
        } else if mark("{role}") {
            let others = self
                .roles
                .iter()
                .filter(|role| *role != login && !self.groups.get(login).is_some_and(|all| all.contains(*role)));
            others.map(|role| sql.replace("{role}", &identifier(role))).collect()
        } else if mark("{schema}") {
            self.schemas.iter().map(|schema| sql.replace("{schema}", schema).replace("{place}", schema)).collect()
        } else {
            vec![sql]
        }
    }
}

type Given = BTreeMap<String, BTreeMap<String, bool>>;
type Groups = BTreeMap<String, BTreeSet<String>>;

/// Tables and views that the file gives to each role, also through the roles that it is a member of; and those roles. Postgres tells: see [`drift::given`].
fn given(session: &mut Session, file: &RolesFile) -> Result<(Given, Groups)> {
    let (rights, members) = drift::given(session, file)?;
    let mut direct = Given::new();
    for right in rights.iter().filter(|right| right.kind == "table") {
        let writes = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"].contains(&right.privilege.as_str());
        *direct.entry(right.grantee.clone()).or_default().entry(right.object.clone()).or_default() |= writes;
    }
    let mut groups = Groups::new();
    for (member, group) in &members {
        groups.entry(member.clone()).or_default().insert(group.clone());
    }
    let all: BTreeSet<String> = direct.keys().chain(groups.keys()).cloned().chain(file.managed()).collect();
    let mut given = Given::new();
    let mut closed = Groups::new();
    for role in all {
        let mut open = vec![role.clone(), "public".to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            if !seen.insert(at.clone()) {
                continue;
            }
            for (object, writes) in direct.get(&at).into_iter().flatten() {
                *given.entry(role.clone()).or_default().entry(object.clone()).or_default() |= writes;
            }
            open.extend(groups.get(&at).into_iter().flatten().cloned());
        }
        seen.remove(&role);
        seen.remove("public");
        closed.insert(role, seen);
    }
    Ok((given, closed))
}

//! Which columns a statement reads and writes: asked of Postgres, not parsed here.
//!
//! The statement becomes the body of a temporary function (`begin atomic`), in a transaction that is rolled back. To keep such a body, the server
//! analyses it: names are looked up over the role's own search path, `*` is expanded, and the rights it will need are noted, column by column.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::thread;

use postgres::types::Type;
use postgres::{Client, Row};

use super::parameters::prepared;
pub use super::resolved::{Resolved, Use};
use super::sql::{typed_literals, without_tables};
use super::tree::{self, Analysed, Needs};
use super::trees::{self, Asked};
use crate::error::{Doing, Result};
use crate::own_path::aside;
use crate::session::{OWN_PATH, literal};

/// Resolves many statements: reads the catalogue once.
pub struct Resolver<'a> {
    client: &'a mut Client,
    /// Relation and its columns by number, without the system's own.
    relations: HashMap<u32, (String, BTreeMap<i16, String>)>,
    functions: HashMap<u32, Function>,
    paths: HashMap<String, String>,
    /// What is analysed already.
    analysed: HashMap<Asked, Analysed>,
}

const RELATIONS: &str = "
select c.oid, format('%I.%I', n.nspname, c.relname), array_agg(a.attnum) filter (where a.attnum is not null), array_agg(format('%I', a.attname)) filter (where a.attnum is not null)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind <> 'S'
where c.relkind in ('r', 'p', 'f', 'm', 'v', 'S') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
group by 1, 2";

/// A role's search path as it finds it when it connects to this database.
const PATH: &str = "
select coalesce((select substr(c, 13) from pg_catalog.pg_db_role_setting s join pg_catalog.pg_roles r on r.rolname = $1
    cross join lateral unnest(s.setconfig) c
    where s.setrole in (r.oid, 0) and s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database())) and c like 'search\\_path=%'
    order by s.setrole = 0, s.setdatabase = 0 limit 1),
    (select reset_val from pg_catalog.pg_settings where name = 'search_path'))";

/// Functions that aren't pinned: name, analysed body if there is one, language, whether it is harmless (C, or of an extension).
const FUNCTIONS: &str = "
select p.oid, format('%I.%I', n.nspname, p.proname), p.prosqlbody::text, l.lanname::text,
    l.lanname in ('c', 'internal') or exists (select from pg_catalog.pg_depend e where e.classid = 'pg_catalog.pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace join pg_catalog.pg_language l on l.oid = p.prolang where p.oid >= 12000";

/// A function that a statement may call.
struct Function {
    name: String,
    tree: Option<String>,
    language: String,
    harmless: bool,
}

impl<'a> Resolver<'a> {
    /// Reads the catalogue.
    pub fn new(client: &'a mut Client) -> Result<Self> {
        let rows = client.query(RELATIONS, &[]).doing("reading tables and views")?;
        let relations = rows
            .iter()
            .map(|row| {
                let numbers: Option<Vec<i16>> = row.get(2);
                let names: Option<Vec<String>> = row.get(3);
                let columns = numbers.unwrap_or_default().into_iter();
                let columns = columns.zip(names.unwrap_or_default()).collect();
                (row.get(0), (row.get(1), columns))
            })
            .collect();
        let rows = client.query(FUNCTIONS, &[]).doing("reading functions")?;
        let function =
            |row: &Row| Function { name: row.get(1), tree: row.get(2), language: row.get(3), harmless: row.get(4) };
        let functions = rows.iter().map(|row| (row.get(0), function(row))).collect();
        Ok(Self { client, relations, functions, paths: HashMap::new(), analysed: HashMap::new() })
    }

    /// What is to be asked for each of these (role, text).
    pub(super) fn asked<'s>(&mut self, all: impl Iterator<Item = (&'s str, &'s str)>) -> Result<Vec<Asked>> {
        let mut asked = Vec::new();
        for (role, sql) in all.filter(|(_, sql)| without_tables(sql).is_none()) {
            asked.push((self.path(role)?, typed_literals(sql)));
        }
        asked.dedup();
        Ok(asked)
    }

    /// Has most of these analysed in one round trip each, over connections of its own, where there is a superuser's URL. Meanwhile `work` is done over this one.
    pub(super) fn ahead<T>(
        &mut self,
        url: Option<&str>,
        asked: Vec<Asked>,
        work: impl FnOnce(&mut Client) -> Result<T>,
    ) -> Result<T> {
        let (analysed, done) = thread::scope(|scope| {
            let analysed = scope.spawn(|| url.map_or_else(|| Ok(Vec::new()), |url| trees::of(url, &asked)));
            let done = work(self.client);
            (analysed.join().unwrap_or_else(trees::lost), done)
        });
        self.analysed = asked.into_iter().zip(analysed?).filter_map(|(one, analysed)| Some((one, analysed?))).collect();
        done
    }

    /// Resolves one statement as this role would run it. The connection must be in no transaction, and its role needs `temp` on the database and
    /// `usage` on the schemas (a superuser has both). Nothing is run, and nothing is left.
    pub fn resolve(&mut self, role: &str, sql: &str) -> Result<Resolved> {
        if let Some(done) = without_tables(sql) {
            return Ok(done);
        }
        let asked = (self.path(role)?, typed_literals(sql));
        if let Some(analysed) = self.analysed.get(&asked) {
            let mut resolved = Resolved::default();
            self.add_all(analysed, &mut resolved, &mut BTreeSet::new());
            return Ok(resolved);
        }
        let (path, text) = asked;
        let begin = format!("begin; set local search_path = {path}; set local client_min_messages = error");
        self.client.batch_execute(&begin).doing("beginning to resolve a statement")?;
        let probed = self.probe(&text);
        self.client.batch_execute("rollback").doing("rolling back")?;
        Ok(probed
            .unwrap_or_else(|error| Resolved { unknown: vec![crate::error::describe(&error)], ..Resolved::default() }))
    }

    fn path(&mut self, role: &str) -> Result<String> {
        if let Some(path) = self.paths.get(role) {
            return Ok(path.clone());
        }
        let row = self.client.query_one(PATH, &[&role]).doing("reading search paths")?;
        let set: String = row.get(0);
        let path = as_asked(&set, role);
        self.paths.insert(role.to_owned(), path.clone());
        Ok(path)
    }

    fn probe(&mut self, sql: &str) -> std::result::Result<Resolved, postgres::Error> {
        let types = self.parameter_types(sql)?;
        // One command by the protocol, as the statement itself was: nothing can follow it.
        self.client.execute(
            &format!("create function pg_temp.dba_probe({types}) returns void language sql begin atomic\n{sql}\n; end"),
            &[],
        )?;
        self.client.batch_execute(&format!("set local search_path = {OWN_PATH}"))?;
        let row = self.client.query_one(
            "select prosqlbody::text from pg_catalog.pg_proc where oid = 'pg_temp.dba_probe'::regproc",
            &[],
        )?;
        let mut resolved = Resolved::default();
        self.add_all(&tree::analysed(row.get(0)), &mut resolved, &mut BTreeSet::new());
        Ok(resolved)
    }

    /// As SQL, in order.
    fn parameter_types(&mut self, sql: &str) -> std::result::Result<String, postgres::Error> {
        let prepared = prepared(self.client, sql)?;
        let oids: Vec<u32> = prepared.params().iter().map(Type::oid).collect();
        let sql = "select coalesce(string_agg(format_type(t, null), ', ' order by n), '') from unnest($1::oid[]) with ordinality o(t, n)";
        Ok(aside(self.client, |client| client.query_one(sql, &[&oids]))?.get(0))
    }

    /// Adds what an analysed statement does; of the functions that it calls, too, as far as their bodies are known.
    fn add_all(&self, analysed: &Analysed, resolved: &mut Resolved, seen: &mut BTreeSet<u32>) {
        for need in &analysed.needs {
            self.add(need, resolved);
        }
        for relation in &analysed.relations {
            self.depends(*relation, resolved);
        }
        for function in &analysed.functions {
            self.calls(*function, resolved, seen);
        }
    }

    fn add(&self, need: &Needs, resolved: &mut Resolved) {
        let Some((name, columns)) = self.relations.get(&need.relation) else {
            return;
        };
        let one = resolved.uses.entry(name.clone()).or_default();
        for number in &need.selected {
            match number {
                0 => one.read.extend(columns.values().cloned()),
                _ => one.read.extend(columns.get(number).cloned()),
            }
        }
        let written = need.inserted.iter().chain(&need.updated);
        one.written.extend(written.filter_map(|number| columns.get(number)).cloned());
        one.locks |= need.rights & 4 != 0 && need.updated.is_empty();
        one.writes |= need.rights & (1 | 8) != 0 || !need.updated.is_empty();
    }

    /// What the statement names, but needs no right on as it stands: a sequence, named as a constant. Columns are those of the rights: `on conflict`
    /// depends on every column of its table, whatever it names.
    fn depends(&self, relation: u32, resolved: &mut Resolved) {
        if let Some((name, _)) = self.relations.get(&relation) {
            resolved.uses.entry(name.clone()).or_default();
        }
    }

    fn calls(&self, oid: u32, resolved: &mut Resolved, seen: &mut BTreeSet<u32>) {
        let Some(function) = self.functions.get(&oid).filter(|one| !one.harmless) else {
            return;
        };
        resolved.functions.insert(function.name.clone());
        match &function.tree {
            Some(tree) if seen.insert(oid) => self.add_all(&tree::analysed(tree), resolved, seen),
            Some(_) => {}
            None => {
                let why = format!("calls {}, whose body ({}) Postgres keeps as text", function.name, function.language);
                if !resolved.unknown.contains(&why) {
                    resolved.unknown.push(why);
                }
            }
        }
    }
}

/// A role's search path, `"$user", public`, as it is set when somebody else asks: the role's own name stands for `$user`. `pg_catalog` is left out, and so
/// comes first: behind another schema it would let whoever may create there have an operator of his run as a superuser, while a statement is prepared.
fn as_asked(set: &str, role: &str) -> String {
    let names = set.split(',').map(|name| name.trim().trim_matches('"')).filter(|name| *name != "pg_catalog");
    let names: Vec<_> = names.map(|name| literal(if name == "$user" { role } else { name })).collect();
    if names.is_empty() { literal("") } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::as_asked;

    #[test]
    fn search_paths() {
        for (set, asked) in [
            ("\"$user\", public", "'app', 'public'"),
            ("mine, pg_catalog", "'mine'"),
            ("pg_catalog", "''"),
            ("\"\"", "''"),
        ] {
            assert_eq!(as_asked(set, "app"), asked);
        }
    }
}

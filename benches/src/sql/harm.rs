//! `--with`: known harms as ready services, on tables of the user's own. Each is bounded, and leaves no row other than it was.

use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;

use schema::session::Session;

use super::place::Place;
use super::workload::{QueryMode, Script, SqlService, SqlWorkload};
use crate::Failure;
use crate::data::failed;

mod list;

use list::{HARMS, Known};

/// A harm that was asked for: `held-row:public.orders:id = 7`.
#[derive(Clone, Debug, PartialEq)]
pub struct Harm {
    known: &'static Known,
    table: Option<String>,
    condition: Option<String>,
}

/// Bytes of a table that may be written anew.
const REWRITTEN_MAX: i64 = 1 << 30;

/// Connections that are left for those who observe, and for others.
const SPARE: i64 = 15;

/// What is known of a table: its name as SQL writes it, what its rows are found by, a column that can be set, its bytes, and how a row is compared with
/// another one: by the key's own operators, for somebody may have made one in `public` that fits better.
const TABLE: &str = "
select c.oid::regclass::text,
    coalesce((select string_agg(quote_ident(a.attname), ', ' order by k.place) from pg_index i cross join unnest(i.indkey) with ordinality k(number, place)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number where i.indrelid = c.oid and i.indisprimary), 'ctid'),
    coalesce((select quote_ident(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and a.attgenerated = '' and a.attidentity = ''
        order by exists (select from pg_index i where i.indrelid = c.oid and a.attnum = any (i.indkey)), a.attnum limit 1), ''),
    pg_table_size(c.oid),
    coalesce((select string_agg(format('lab_row.%1$I operator(%2$I.%3$s) lab_first.%1$I', a.attname, s.nspname, o.oprname), ' and ' order by k.place)
        from pg_index i cross join unnest(i.indkey, i.indclass) with ordinality k(number, class, place)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number join pg_opclass f on f.oid = k.class
        join pg_amop e on e.amopfamily = f.opcfamily and e.amoplefttype = f.opcintype and e.amoprighttype = f.opcintype and e.amopstrategy = 3
        join pg_operator o on o.oid = e.amopopr join pg_namespace s on s.oid = o.oprnamespace where i.indrelid = c.oid and i.indisprimary),
        'lab_row.ctid operator(pg_catalog.=) lab_first.ctid')
from pg_class c where c.oid = $1 and c.relkind in ('r', 'p')";

/// A table as it was named: over the search path of whoever named it.
const NAMED: &str = "select pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid";

/// Connections that can still be made.
const FREE: &str = "select greatest(1, least(200, current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8
    - (select count(*) from pg_stat_activity where backend_type = 'client backend') - $1))::int4";

impl FromStr for Harm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':').map(|part| Some(part.trim().to_owned()).filter(|part| !part.is_empty()));
        let name = parts.next().flatten().unwrap_or_default();
        let (table, condition) = (parts.next().flatten(), parts.next().flatten());
        let known = HARMS.iter().find(|known| known.name == name);
        let known = known.ok_or_else(|| format!("unknown harm; there are {}", names().join(", ")))?;
        match (known.of_table(), &table) {
            (true, None) => Err(format!("which table? For instance {}:public.orders", known.name)),
            (false, Some(_)) => Err(format!("{} takes no table: leave it out", known.name)),
            _ if condition.is_some() && !known.takes_condition() => Err(format!("{} takes no condition", known.name)),
            _ => Ok(Self { known, table, condition }),
        }
    }
}

fn names() -> Vec<&'static str> {
    HARMS.iter().map(|known| known.name).collect()
}

/// A line for each harm, for `--help`.
#[must_use]
pub fn help() -> String {
    let mut text =
        "Known harms, for --with (one at a time, because who waits for whom is known by the login alone):\n".to_owned();
    for known in &HARMS {
        let table = if known.of_table() { ":TABLE" } else { "" };
        let condition = if known.takes_condition() { "[:CONDITION]" } else { "" };
        let _ = writeln!(text, "  {}{table}{condition}\n      {}", known.name, known.does);
    }
    text
}

impl Harm {
    /// As it is asked for, and as its service is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.known.name
    }

    /// Adds it to a workload as a service of the login that observes; what it does, as a sentence. Its scripts go into `folder`.
    ///
    /// # Errors
    /// A usage error where there is no such table, or its place among the services is taken.
    pub fn add(&self, workload: &mut SqlWorkload, place: &Place, folder: &Path) -> Result<String, Failure> {
        let (known, login) = (self.known, place.observer().to_owned());
        let taken = workload.services.iter().find(|(name, of)| *name == known.name || of.login == login);
        if let Some((name, _)) = taken {
            return Err(Failure::usage(format!(
                "--with {}: the service {name} has its name or its login ({login}): observe with another login.",
                known.name
            )));
        }
        let mut client = Session::connect_uncounted(&place.url())?.client;
        let mut fill = vec![("{condition}", self.condition.clone().unwrap_or_else(|| "true".to_owned()))];
        if let Some(table) = &self.table {
            let mut theirs = Session::connect_uncounted(&place.url())?.over_its_path()?.client;
            let named = theirs.query_one(NAMED, &[table]).ok().and_then(|row| row.get::<_, Option<u32>>(0));
            let row = named.and_then(|oid| client.query_opt(TABLE, &[&oid]).ok().flatten());
            let row = row.ok_or_else(|| Failure::usage(format!("--with {}: unknown table {table}.", known.name)))?;
            let (column, bytes): (String, i64) = (row.get(2), row.get(3));
            if known.needs_column() && column.is_empty() {
                return Err(Failure::usage(format!("--with {}: no column of {table} can be set.", known.name)));
            }
            if known.rewrites() && bytes > REWRITTEN_MAX {
                return Err(Failure::usage(format!(
                    "--with {}: {table} has more than 1 GiB, and writing it anew would last too long: take a --sample.",
                    known.name
                )));
            }
            fill.extend([("{table}", row.get(0)), ("{key}", row.get(1)), ("{column}", column), ("{same}", row.get(4))]);
        }
        let needed: i64 = workload.services.values().map(|of| i64::from(of.connections)).sum();
        let connections = match known.connections {
            Some(connections) => connections,
            None => {
                let free: i32 = client
                    .query_one(FREE, &[&(needed + SPARE)])
                    .map_err(|error| failed("counting connections", &error))?
                    .get(0);
                u32::try_from(free).unwrap_or(1)
            }
        };
        let mut scripts = Vec::new();
        for (name, weight, text) in known.scripts {
            let file = folder.join(format!("{name}.sql"));
            let text = fill.iter().fold((*text).to_owned(), |text, (what, by)| text.replace(what, by));
            std::fs::write(&file, text)
                .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))?;
            scripts.push(Script { file, weight: *weight });
        }
        let service = SqlService {
            login,
            rate_per_s: known.rate_per_s,
            connections,
            // What is due is shared by its connections: one that sleeps keeps no other one.
            query_mode: QueryMode::Simple,
            tries: 1,
            p99_limit_ms: None,
            scripts,
        };
        workload.services.insert(known.name.to_owned(), service);
        let on = self.table.as_ref().map_or_else(String::new, |table| format!(" on {table}"));
        Ok(format!("The service {} is a known harm{on}: {}", known.name, known.does))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harm_is_named_with_its_table_where_it_has_one() {
        let held: Harm = "held-row:public.orders:id = 7 or note = 'a:b'".parse().unwrap();
        assert_eq!((held.known.name, held.table.as_deref()), ("held-row", Some("public.orders")));
        assert_eq!(held.condition.as_deref(), Some("id = 7 or note = 'a:b'"));
        for (wrong, why) in [
            ("held-rows:a", "there are held-row, queued-ddl"),
            ("held-row", "which table?"),
            ("checkpoints:a", "takes no table"),
            ("vacuum-full:a:id = 1", "takes no condition"),
        ] {
            assert!(wrong.parse::<Harm>().unwrap_err().contains(why), "{wrong}");
        }
    }

    #[test]
    fn every_harm_says_what_it_does() {
        for known in &HARMS {
            assert!(help().contains(known.does) && known.does.ends_with('.'), "{}", known.name);
            assert!(!known.scripts.is_empty() && known.rate_per_s > 0.0);
        }
    }
}

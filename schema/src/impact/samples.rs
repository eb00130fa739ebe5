//! Values to execute a statement with: rows that are there, of the columns that its parameters are compared with or written to.

use std::collections::BTreeMap;

use postgres::Client;
use postgres::types::{Kind, Type};

use super::probe::Probe;
use super::report::Failure;
use super::subject::Subject;
use super::values::{Named, Values, default, new, texts};
use super::words::{self, compared};
use crate::error::{Doing, Result};

/// So many different rows of a table are tried.
const ROWS: usize = 4;

struct Column {
    name: String,
    number: i16,
    kind: u32,
    unique: bool,
    refers: Option<(u32, i16)>,
}

struct Table {
    sql: String,
    name: String,
    kind: String,
    columns: Vec<Column>,
    rows: Option<Vec<Values>>,
}

/// Rows of the tables that statements use; read once, when they are first needed.
pub(super) struct Samples {
    tables: BTreeMap<u32, Table>,
    /// Tables whose rows could not be read, and why.
    pub(super) failed: BTreeMap<u32, String>,
}

const COLUMNS: &str = "
select c.oid, format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname, c.relkind::text, a.attname::text, a.attnum, a.atttypid,
    exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey::int2[])), k.confrelid, k.confkey[1]
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join lateral (select confrelid, confkey from pg_constraint where contype = 'f' and conrelid = c.oid and conkey = array[a.attnum] limit 1) k on true
where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in ('pg_catalog', 'information_schema') order by 1, a.attnum";

/// Values of one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drawn {
    /// Those of a column: table and column, quoted where they must be; and the column's name as it is.
    Column {
        /// `public.orders`.
        table: String,
        /// As the catalogue has it.
        column: String,
    },
    /// One that isn't there yet: the column is unique, and an insert fills it.
    New,
    /// Always this one.
    Fixed(String),
}

/// Where a parameter's values come from.
enum Source {
    /// A column that it is compared with.
    Compared(u32, usize),
    /// A column that an insert writes it to.
    Written(u32, usize),
    /// `limit $1`, `offset $1`.
    Count(&'static str),
    Anywhere,
}

impl Samples {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let mut tables = BTreeMap::new();
        for row in client.query(COLUMNS, &[]).doing("reading columns")? {
            let table = tables.entry(row.get(0)).or_insert_with(|| Table {
                sql: row.get(1),
                name: row.get(2),
                kind: row.get(3),
                columns: Vec::new(),
                rows: None,
            });
            let refers: Option<u32> = row.get(8);
            table.columns.push(Column {
                name: row.get(4),
                number: row.get(5),
                kind: row.get(6),
                unique: row.get(7),
                refers: refers.zip(row.get(9)),
            });
        }
        Ok(Self { tables, failed: BTreeMap::new() })
    }

    /// Lists of values to try a statement with, the likeliest first. Notes at the statement whether rows that they should come from can't be read.
    pub(super) fn of(&mut self, probe: &mut Probe, subject: &mut Subject<'_>) -> Result<Vec<Values>> {
        let kinds = subject.parameters().to_vec();
        if kinds.is_empty() {
            return Ok(vec![Vec::new()]);
        }
        let tokens = words::tokens(&subject.sql);
        let sources: Vec<_> =
            kinds.iter().enumerate().map(|(at, kind)| self.source(subject, &tokens, at + 1, kind)).collect();
        let mut lists = Vec::new();
        for fresh in [true, false] {
            for turn in 0..ROWS {
                let mut list = Vec::new();
                for (kind, source) in kinds.iter().zip(&sources) {
                    list.push(self.value(probe, kind, source, turn, fresh)?);
                }
                lists.push(list);
            }
        }
        lists.extend((0..5).map(|turn| kinds.iter().map(|kind| Some(default(kind, turn))).collect()));
        let mut tables = sources.iter().filter_map(|source| match source {
            Source::Compared(oid, _) | Source::Written(oid, _) => self.failed.get(oid),
            _ => None,
        });
        subject.unsampled = tables.next().cloned();
        let mut different: Vec<Values> = Vec::new();
        for list in lists {
            if !different.contains(&list) {
                different.push(list);
            }
        }
        Ok(different)
    }

    /// More lists: one that works, with each parameter in turn at every value of a small domain, or at those that `named` has for its type.
    pub(super) fn further(base: &Values, kinds: &[Type], named: Option<&Named>) -> Vec<Values> {
        let of = |kind: &Type| match (kind.kind(), named) {
            (_, Some(named)) => named.values(kind),
            (Kind::Enum(labels), _) => labels.iter().take(12).cloned().collect(),
            _ if *kind == Type::BOOL => vec!["t".into(), "f".into()],
            _ => Vec::new(),
        };
        let all: Vec<Vec<String>> = kinds.iter().map(of).collect();
        let mut lists = Vec::new();
        for turn in 0..all.iter().map(Vec::len).max().unwrap_or_default() {
            for (at, value) in all.iter().enumerate().filter_map(|(at, values)| Some((at, values.get(turn)?))) {
                let mut list = base.clone();
                list[at] = Some(value.clone());
                lists.push(list);
            }
        }
        lists
    }

    /// Type and source of each parameter.
    pub(super) fn drawn(&self, subject: &Subject<'_>) -> Vec<(String, Drawn)> {
        let tokens = words::tokens(&subject.sql);
        let kinds = subject.parameters().iter().enumerate();
        kinds
            .map(|(at, kind)| (name(kind), self.drawn_from(kind, &self.source(subject, &tokens, at + 1, kind))))
            .collect()
    }

    fn drawn_from(&self, kind: &Type, source: &Source) -> Drawn {
        let (oid, at) = match source {
            Source::Count(count) => return Drawn::Fixed((*count).to_owned()),
            Source::Anywhere => return Drawn::Fixed(default(kind, 0)),
            Source::Compared(oid, at) => (*oid, *at),
            Source::Written(oid, at) => match self.written(*oid, *at) {
                (place, false) => place,
                (_, true) => return Drawn::New,
            },
        };
        let table = self.tables.get(&oid);
        let column = table.and_then(|table| Some((table.sql.clone(), table.columns.get(at)?.name.clone())));
        column.map_or_else(|| Drawn::Fixed(default(kind, 0)), |(table, column)| Drawn::Column { table, column })
    }

    /// The column whose values an insert may write to this one: the parent's, or its own; and whether they must be new ones.
    fn written(&self, oid: u32, at: usize) -> ((u32, usize), bool) {
        let column = self.tables.get(&oid).and_then(|table| table.columns.get(at));
        match column.and_then(|column| column.refers) {
            Some((parent, number)) => {
                let columns = self.tables.get(&parent).map(|table| &table.columns);
                let place = columns.and_then(|all| all.iter().position(|one| one.number == number));
                (place.map_or((oid, at), |place| (parent, place)), false)
            }
            None => ((oid, at), column.is_some_and(|column| column.unique)),
        }
    }

    fn source(&self, subject: &Subject<'_>, tokens: &[String], number: usize, kind: &Type) -> Source {
        let parameter = format!("${number}");
        for write in subject.plan.writes.iter().filter(|write| write.insert) {
            let Some((oid, table)) = self.tables.iter().find(|(_, table)| table.name == write.table) else {
                continue;
            };
            let at = write.expressions.iter().position(|text| words::tokens(text).contains(&parameter));
            let column = at.and_then(|at| {
                let attribute = i16::try_from(at + 1).ok()?;
                table.columns.iter().position(|column| column.number == attribute)
            });
            if let Some(column) = column {
                return Source::Written(*oid, column);
            }
        }
        let of = if let Kind::Array(of) = kind.kind() { of.oid() } else { kind.oid() };
        for (at, _) in tokens.iter().enumerate().filter(|(_, token)| **token == parameter) {
            match at.checked_sub(1).and_then(|at| tokens.get(at)).map(String::as_str) {
                Some("limit") => return Source::Count("10"),
                Some("offset") => return Source::Count("0"),
                _ => {}
            }
            let Some(name) = compared(tokens, at) else {
                continue;
            };
            let mut found: Vec<(bool, u32, usize)> = Vec::new();
            for oid in subject.wants.keys() {
                let Some(table) = self.tables.get(oid) else {
                    continue;
                };
                let at = table.columns.iter().position(|column| column.name == name);
                found.extend(at.map(|at| (table.columns[at].kind != of, *oid, at)));
            }
            found.sort();
            if let Some((_, oid, column)) = found.first() {
                return Source::Compared(*oid, *column);
            }
        }
        Source::Anywhere
    }

    fn value(
        &mut self,
        probe: &mut Probe,
        kind: &Type,
        source: &Source,
        turn: usize,
        fresh: bool,
    ) -> Result<Option<String>> {
        let array = |value: String| match kind.kind() {
            Kind::Array(_) => format!("{{\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\"")),
            _ => value,
        };
        let (oid, at) = match source {
            Source::Count(count) => return Ok(Some((*count).to_owned())),
            Source::Anywhere => return Ok(Some(default(kind, turn))),
            Source::Compared(oid, at) => (*oid, *at),
            Source::Written(oid, at) => match self.written(*oid, *at) {
                (_, true) if fresh => return Ok(Some(new(kind, turn))),
                (place, _) => place,
            },
        };
        let rows = self.rows(probe, oid)?;
        let found = match rows.len() {
            0 => Some(default(kind, turn)),
            n => rows[turn % n].get(at).cloned().flatten().map(array),
        };
        Ok(found)
    }

    fn rows(&mut self, probe: &mut Probe, oid: u32) -> Result<&[Values]> {
        let Some(table) = self.tables.get_mut(&oid) else {
            return Ok(&[]);
        };
        if table.rows.is_none() {
            let text = |one: &Column| format!("\"{}\"::pg_catalog.text", one.name.replace('"', "\"\""));
            let list = table.columns.iter().map(text).collect::<Vec<_>>().join(", ");
            // Over the usual search path, which functions of a view may need: so all of ours is named with its schema.
            let sql = if table.kind == "p" {
                // Of each partition, the default one, too.
                format!(
                    "select {list} from (select *, pg_catalog.row_number() over (partition by tableoid) as dba_number from {}) sampled where dba_number operator(pg_catalog.<=) 2 limit 16",
                    table.sql
                )
            } else {
                format!("select {list} from (select *, pg_catalog.row_number() over () as dba_number, pg_catalog.count(*) over () as dba_count from (select * from {} limit 2000) few) sampled
                    where dba_number operator(pg_catalog.=) any (array[1, 2, dba_count operator(pg_catalog./) 2, dba_count])", table.sql)
            };
            let read = probe.tried(|client| texts(client, &format!("set local search_path to default; {sql}")))?;
            table.rows = Some(match read {
                Ok((_, rows)) => rows,
                Err(failure) => {
                    let Failure { sqlstate, message, .. } = failure;
                    self.failed.insert(oid, format!("rows of {} can't be read: {message} [{sqlstate}]", table.name));
                    Vec::new()
                }
            });
        }
        Ok(table.rows.as_deref().unwrap_or_default())
    }
}

/// A type's name as SQL.
fn name(kind: &Type) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    if kind.schema() == "pg_catalog" {
        kind.name().to_owned()
    } else {
        format!("{}.{}", quoted(kind.schema()), quoted(kind.name()))
    }
}

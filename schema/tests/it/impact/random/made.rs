//! A random schema: tables with keys, checks, triggers, policies, partitions, rules; views on views; functions with every kind of body.

use std::ops::RangeInclusive;

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A key that is there.
    Id,
    /// A key that isn't.
    New,
    Int,
    Text,
    Bool,
    Mood,
    Code,
    Date,
}

impl Of {
    fn sql(self) -> &'static str {
        match self {
            Self::Id | Self::New | Self::Int => "int",
            Self::Text => "text",
            Self::Bool => "boolean",
            Self::Mood => "base.mood",
            Self::Code => "base.code",
            Self::Date => "date",
        }
    }

    /// Values that the oracle tries: of small domains all.
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Self::Id => &["1", "2", "5", "6", "8", "3", "99", "102"],
            Self::New => &["101", "102", "57", "103"],
            Self::Int => &["0", "3", "6", "-2", "1", "40"],
            Self::Text => &["a", "b", "abc", "zz", "A", ""],
            Self::Bool => &["t", "f"],
            Self::Mood => &["sad", "ok", "glad"],
            Self::Code => &["a", "bb", "cccc"],
            Self::Date => &["2024-01-01", "2024-01-02", "2023-05-05"],
        }
    }

    /// Of row `n`, by a seed.
    fn row(self, seed: u32) -> String {
        let of = |list: &[&str]| format!("(array['{}'])[1 + (n * {seed}) % {}]", list.join("','"), list.len());
        match self {
            Self::Id => format!("1 + (n * {seed}) % 5"),
            Self::New => "n".into(),
            Self::Int => format!("(n * {seed}) % 7"),
            Self::Text => of(&self.values()[..5]),
            Self::Bool => format!("(n * {seed}) % 2 = 0"),
            Self::Mood => format!("{}::base.mood", of(self.values())),
            Self::Code => of(self.values()),
            Self::Date => format!("date '2024-01-01' + (n * {seed}) % 3"),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub of: Of,
    pub needed: bool,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub identity: bool,
    pub columns: Vec<Column>,
}

/// A view of one table's columns.
#[derive(Debug, Clone)]
pub struct View {
    pub name: String,
    /// Number of the table.
    pub table: usize,
    pub columns: Vec<Column>,
}

#[derive(Debug, Default)]
pub struct Made {
    before_rows: Vec<String>,
    after_rows: Vec<String>,
    pub tables: Vec<Table>,
    pub views: Vec<View>,
    pub functions: Vec<(String, Of)>,
}

/// Made once for each server.
pub const ROLES: &str = "
do $$ begin if not exists (select from pg_roles where rolname = 'app_one') then
    create role own nologin; create role app_one login password 'a'; create role app_two login password 'a'; end if; end $$";

const BASE: &str = "
create schema base authorization own; create schema north authorization own; create schema south authorization own; grant usage on schema base, north, south to app_one, app_two; set role own;
create type base.mood as enum ('sad', 'ok', 'glad'); create domain base.code as text check (length(value) <= 4); create table base.log (what text, id int);
create function base.level(int) returns int language sql immutable as 'select $1 * 2'; create function base.tidy(text) returns text language plpgsql immutable as 'begin return lower($1); end';";

fn literal(of: Of, rng: &mut StdRng) -> String {
    format!("'{}'", of.values().choose(rng).unwrap())
}

impl Made {
    /// All of it, with rows: by these seeds those of these numbers.
    pub fn sql(&self, rows: &[(u32, RangeInclusive<u32>)]) -> String {
        let mut sql = format!("{BASE}{}", self.before_rows.join(";\n"));
        for table in &self.tables {
            let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
            for (seed, numbers) in rows {
                let values: Vec<_> = table.columns.iter().map(|column| column.of.row(*seed)).collect();
                let (name, names, values) = (&table.name, names.join(", "), values.join(", "));
                let (from, to) = (numbers.start(), numbers.end());
                sql += &format!(
                    ";\ninsert into {name} (id, {names}) select n, {values} from generate_series({from}, {to}) n"
                );
            }
            if table.identity {
                sql += &format!("; alter table {} alter column id set start with 200 restart with 200", table.name);
            }
        }
        format!("{sql};\n{};\nreset role; analyze", self.after_rows.join(";\n"))
    }
}

pub fn schema(rng: &mut StdRng) -> Made {
    let mut made = Made::default();
    for number in 0..4 {
        table(rng, &mut made, number);
    }
    for number in 0..made.tables.len() {
        views(rng, &mut made, number);
        function(rng, &mut made, number);
    }
    made.after_rows.push("grant select, insert, update, delete on all tables in schema base, north, south to app_one; grant usage on all sequences in schema north, south to app_one, app_two; grant insert on base.log to app_two".into());
    made
}

fn table(rng: &mut StdRng, made: &mut Made, number: usize) {
    let name = format!("{}.t{number}", ["north", "south"].choose(rng).unwrap());
    let parts = rng.random_bool(0.3);
    let identity = !parts && rng.random_bool(0.4);
    let mut columns = Vec::new();
    let mut lines =
        vec![format!("id int{} primary key", if identity { " generated by default as identity" } else { "" })];
    for at in 0..rng.random_range(3..6) {
        let of = *[Of::Int, Of::Text, Of::Bool, Of::Mood, Of::Mood, Of::Code, Of::Code, Of::Date].choose(rng).unwrap();
        let (null, default) = (rng.random_bool(0.6), rng.random_bool(0.4));
        // Names that several tables have: the outer query's may take over.
        let column = format!("{}{at}", ["c", "d"].choose(rng).unwrap());
        let default_sql = if default { format!(" default {}", literal(of, rng)) } else { String::new() };
        lines.push(format!("{column} {}{default_sql}{}", of.sql(), if null { "" } else { " not null" }));
        columns.push(Column { name: column, of, needed: !null && !default });
    }
    if let (true, Some(parent)) = (rng.random_bool(0.5), made.tables.choose(rng)) {
        lines.push(format!("ref int references {}", parent.name));
        columns.push(Column { name: "ref".into(), of: Of::Id, needed: false });
    }
    if !parts && rng.random_bool(0.3) {
        lines.push("only_one int unique".into());
        columns.push(Column { name: "only_one".into(), of: Of::New, needed: false });
    }
    let ints: Vec<_> = columns.iter().filter(|column| column.of == Of::Int).map(|column| column.name.clone()).collect();
    if let (true, Some(int)) = (rng.random_bool(0.5), ints.first()) {
        lines.push(format!("check ({int} > -5)"));
    }
    if let (true, Some(int)) = (rng.random_bool(0.4), ints.first()) {
        lines.push(format!("twice int generated always as (base.level({int})) stored"));
    }
    let of_parts = if parts { " partition by range (id)" } else { "" };
    made.before_rows.push(format!("create table {name} ({}){of_parts}", lines.join(", ")));
    if parts {
        made.before_rows.push(format!("create table {name}_low partition of {name} for values from (minvalue) to (5); create table {name}_mid partition of {name} for values from (5) to (60); create table {name}_rest partition of {name} default"));
    }
    if let (true, Some(text)) = (rng.random_bool(0.3), columns.iter().find(|column| column.of == Of::Text)) {
        made.before_rows.push(format!("create index on {name} (base.tidy({}))", text.name));
    }
    trigger(rng, made, &name, &columns, number);
    if rng.random_bool(0.4) {
        let column = &columns[0].name;
        let to = ["app_one", "public", "app_one, app_two"].choose(rng).unwrap();
        let using = [
            format!("{column} is not null"),
            "id < 90".into(),
            format!("{column} is not null or id > 3"),
            "current_user = 'app_one'".into(),
        ];
        made.after_rows.push(format!(
            "alter table {name} enable row level security; create policy p{number} on {name} to {to} using ({})",
            using.choose(rng).unwrap()
        ));
    }
    if rng.random_bool(0.25) {
        made.after_rows.push(format!(
            "create rule r{number} as on insert to {name} do also insert into base.log values ('rule', new.id)"
        ));
    }
    made.tables.push(Table { name, identity, columns });
}

fn trigger(rng: &mut StdRng, made: &mut Made, name: &str, columns: &[Column], number: usize) {
    let column = columns.choose(rng).unwrap();
    let (c, value) = (&column.name, literal(column.of, rng));
    let (when, body) = match rng.random_range(0..5) {
        0 => ("before insert", format!("begin if new.{c} is null then new.{c} := {value}; end if; return new; end")),
        1 => ("after insert or update", "begin insert into base.log values ('t', new.id); return null; end".to_owned()),
        2 => {
            ("before update", format!("begin if new.{c} = {value} then raise exception 'no'; end if; return new; end"))
        }
        3 => ("before insert or update", "begin new.id := new.id + 0; return new; end".into()),
        _ => return,
    };
    let definer = if rng.random_bool(0.3) { " security definer" } else { "" };
    made.after_rows.push(format!("create function {name}_fired() returns trigger language plpgsql{definer} as $f$ {body} $f$; create trigger g{number} {when} on {name} for each row execute function {name}_fired()"));
}

fn views(rng: &mut StdRng, made: &mut Made, number: usize) {
    let table = made.tables[number].clone();
    if rng.random_bool(0.3) {
        return;
    }
    let mut columns = vec![Column { name: "id".into(), of: Of::Id, needed: true }];
    columns.extend(table.columns.iter().filter(|column| column.needed || rng.random_bool(0.7)).cloned());
    let list = |columns: &[Column]| columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>().join(", ");
    let filter = ["", "", " where id < 50", " where id in (select id from base.log) or id > 0"].choose(rng).unwrap();
    let option = ["", "", " with (security_barrier)", " with (security_invoker)"].choose(rng).unwrap();
    let name = format!("{}_v", table.name);
    made.after_rows.push(format!(
        "create view {name}{option} as select {} from {}{filter}; grant select, insert on {name} to app_two",
        list(&columns),
        table.name
    ));
    made.views.push(View { name: name.clone(), table: number, columns: columns.clone() });
    if rng.random_bool(0.5) {
        let other = made.tables.choose(rng).unwrap().name.clone();
        let outer = format!("{}_w", table.name);
        let extra = [
            "base.level(v.id)",
            "(select count(*) from base.log)",
            "case when v.id > 3 then base.level(v.id) else 0 end",
        ]
        .choose(rng)
        .unwrap();
        let join = if rng.random_bool(0.5) { format!(" left join {other} o on o.id = v.id") } else { String::new() };
        made.after_rows.push(format!("create view {outer} as select v.*, {extra} as extra from {name} v{join}; grant select on {outer} to app_two"));
        made.views.push(View { name: outer, table: number, columns });
    }
}

fn function(rng: &mut StdRng, made: &mut Made, number: usize) {
    let table = made.tables[number].clone();
    let column = table.columns.choose(rng).unwrap();
    let (name, t, c) = (format!("{}_f", table.name), &table.name, &column.name);
    let definer = if rng.random_bool(0.4) { " security definer" } else { "" };
    let value = literal(column.of, rng);
    let (result, body) = match rng.random_range(0..6) {
        0 => (
            "bigint",
            format!("language sql{definer} as $f$ select count(*) from {t} where {c} is not null and id >= $1 $f$"),
        ),
        1 => ("bigint", format!("language sql{definer} begin atomic select count({c}) from {t} where id >= $1; end")),
        2 => (
            "bigint",
            format!(
                "language plpgsql{definer} as $f$ begin if $1 > 3 then return (select count({c}) from {t}); end if; return 0; end $f$"
            ),
        ),
        3 => (
            "int",
            format!(
                "language plpgsql{definer} as $f$ declare n int; begin update {t} set {c} = {value} where id = $1; get diagnostics n = row_count; return n; end $f$"
            ),
        ),
        4 => (
            "text",
            format!(
                "language sql{definer} as $f$ select string_agg({c}::text, ',' order by id) from {t} where id <= $1 $f$"
            ),
        ),
        _ => (
            "text",
            format!(
                "language plpgsql{definer} as $f$ declare r text; begin select {c}::text into r from {t} where id = $1; return coalesce(r, 'none'); end $f$"
            ),
        ),
    };
    made.after_rows.push(format!("create function {name}(int) returns {result} {body}"));
    made.functions.push((name, Of::Id));
}

//! Random statements of two services.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use schema::impact::Statement;

use super::made::{Column, Made, Of, Table};
use super::running::Values;

/// So many of each table, and of its views and function.
const OF_TABLE: usize = 8;
const OF_VIEWS: usize = 5;

/// So many are asked under one change.
const NEAR: usize = 16;

/// A statement, and what its parameters are about.
#[derive(Debug)]
pub struct Asked {
    pub role: &'static str,
    pub sql: String,
    pub parameters: Vec<Of>,
    /// It was recorded, with one list of values; else it is as the server knows it, without.
    pub recorded: bool,
}

impl Asked {
    pub fn statement(&self) -> Statement {
        let values = self.recorded.then(|| self.values().remove(0));
        let values = values.map(|list| list.into_iter().map(|value| value.map(str::to_owned)).collect());
        Statement { role: self.role.into(), sql: self.sql.clone(), calls: 1, values }
    }

    /// Lists of values: every one of small domains; of a recorded call its own, of rows that impact has, too.
    pub fn values(&self) -> Vec<Values<'static>> {
        let turns = if self.parameters.is_empty() { 1 } else { 12 };
        let list = |turn: usize| {
            let one = |(at, of): (usize, &Of)| Some(of.values()[(turn + at * (1 + turn / 4)) % of.values().len()]);
            self.parameters.iter().enumerate().map(one).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = (0..turns).map(list).collect();
        all.sort();
        all.dedup();
        if self.recorded {
            let there = |list: &Values<'_>| {
                list.iter()
                    .zip(&self.parameters)
                    .all(|(value, of)| *of != Of::Id || value.is_some_and(|id| ["1", "2", "3", "5", "6"].contains(&id)))
            };
            let at = all.iter().position(there).unwrap_or_default();
            all = vec![all.swap_remove(at)];
        }
        all
    }
}

pub fn of(rng: &mut StdRng, made: &Made) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    let mut add = |one: Asked| {
        if all.iter().all(|known| known.sql != one.sql || known.role != one.role) {
            all.push(one);
        }
    };
    for number in 0..made.tables.len() {
        (0..OF_TABLE).for_each(|_| add(of_table(rng, made, number)));
        (0..OF_VIEWS).for_each(|_| add(of_view(rng, made, number)));
    }
    all
}

/// Numbers of the statements to ask under a change: those about the tables and types that it names come first, so that enough of them are harmed.
pub fn near(rng: &mut StdRng, all: &[Asked], made: &Made, change: &str) -> Vec<usize> {
    let names = |sql: &str, number: usize| {
        let (one, of) = (format!("t{number}"), format!("t{number}_"));
        sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == one || word.starts_with(&of))
    };
    let kinds = [("base.code", Of::Code), ("base.mood", Of::Mood), ("base.level", Of::Int), ("base.tidy", Of::Text)];
    let of_kind = |table: &Table| {
        kinds.iter().any(|(name, of)| change.contains(name) && table.columns.iter().any(|column| column.of == *of))
    };
    let about: Vec<usize> =
        (0..made.tables.len()).filter(|at| names(change, *at) || of_kind(&made.tables[*at])).collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.shuffle(rng);
    order.sort_by_key(|at| !about.iter().any(|number| names(&all[*at].sql, *number)));
    order.truncate(NEAR);
    order
}

fn of_table(rng: &mut StdRng, made: &Made, number: usize) -> Asked {
    let table = &made.tables[number];
    let other = made.tables.choose(rng).unwrap();
    let (t, c) = (&table.name, table.columns.choose(rng).unwrap());
    let (o, d) = (&other.name, other.columns.choose(rng).unwrap());
    let (sql, parameters) = match rng.random_range(0..14) {
        0 => (format!("select * from {t} where id = $1"), vec![Of::Id]),
        1 => (format!("select id, {} from {t} where {} = $1", c.name, c.name), vec![c.of]),
        2 | 3 => insert(rng, table, t, false),
        4 => insert(rng, table, t, true),
        5 => (format!("update {t} set {} = $1 where id = $2", c.name), vec![c.of, Of::Id]),
        6 => (format!("update {t} set {} = $1 where id = $2 returning *", c.name), vec![c.of, Of::Id]),
        7 => (format!("delete from {t} where id = $1"), vec![Of::Id]),
        8 => (format!("select id from {t} where id in (select id from {o})"), vec![]),
        9 => (
            format!("select a.id, b.{} from {t} a join {o} b on b.id = a.id where a.{} is not null", d.name, c.name),
            vec![],
        ),
        10 => (format!("select count(*), max({}::text) from {t}", c.name), vec![]),
        11 => (
            format!(
                "delete from {t} where id in (select {} from {o} where id = $1)",
                if d.of == Of::Int { &d.name } else { "id" }
            ),
            vec![Of::Id],
        ),
        12 => (
            format!("select id from {t} x where exists (select from {o} where {} is not null and id = x.id)", d.name),
            vec![],
        ),
        _ => (format!("update {t} set {0} = {0} where id > $1", c.name), vec![Of::Int]),
    };
    Asked { role: "app_one", sql, parameters, recorded: rng.random_bool(0.5) }
}

fn insert(rng: &mut StdRng, table: &Table, into: &str, upsert: bool) -> (String, Vec<Of>) {
    let mut columns: Vec<&Column> =
        table.columns.iter().filter(|column| column.needed || rng.random_bool(0.5)).collect();
    columns.shuffle(rng);
    let key = !table.identity || rng.random_bool(0.3) || upsert;
    let mut names: Vec<_> = key.then_some("id").into_iter().collect();
    names.extend(columns.iter().map(|column| column.name.as_str()));
    if names.is_empty() {
        return (format!("insert into {into} default values"), Vec::new());
    }
    let places: Vec<_> = (1..=names.len()).map(|at| format!("${at}")).collect();
    let mut parameters: Vec<_> = key.then_some(if upsert { Of::Id } else { Of::New }).into_iter().collect();
    parameters.extend(columns.iter().map(|column| column.of));
    let mut sql = format!("insert into {into} ({}) values ({})", names.join(", "), places.join(", "));
    if upsert {
        let set = columns
            .first()
            .map_or("nothing".to_owned(), |column| format!("update set {0} = excluded.{0}", column.name));
        sql += &format!(" on conflict (id) do {set}");
    } else if rng.random_bool(0.3) {
        sql += " returning id";
    }
    (sql, parameters)
}

fn of_view(rng: &mut StdRng, made: &Made, number: usize) -> Asked {
    let role = if rng.random_bool(0.7) { "app_two" } else { "app_one" };
    let of_this: Vec<_> = made.views.iter().filter(|view| view.table == number).collect();
    let (sql, parameters) = match (rng.random_range(0..6), of_this.choose(rng)) {
        (0 | 1, Some(view)) => {
            let column = view.columns.choose(rng).unwrap();
            (format!("select * from {} where {} = $1", view.name, column.name), vec![column.of])
        }
        (2, Some(view)) => {
            let column = view.columns.choose(rng).unwrap();
            (format!("select id, {} from {} order by id", column.name, view.name), vec![])
        }
        (3, Some(view)) => {
            let table = Table { name: view.name.clone(), identity: false, columns: view.columns[1..].to_vec() };
            insert(rng, &table, &view.name, false)
        }
        _ => {
            let (name, of) = &made.functions[number];
            (format!("select {name}($1)"), vec![*of])
        }
    };
    Asked { role, sql, parameters, recorded: rng.random_bool(0.5) }
}

//! Statements as they are run by a login, in a transaction that is rolled back: their rows, and what they write.

use std::collections::BTreeMap;

use postgres::{Client, Statement as Prepared};
use serde_json::Value;

use super::effects::{Delta, delta};
use crate::impact::truth::Text;
use crate::support::{state, texts};

/// Values of a statement's parameters, in the text form of Postgres.
pub type Values<'a> = Vec<Option<&'a str>>;

/// The number of rows that a statement without columns reports, in place of a column.
pub const COUNT: &str = "number of rows";

/// Rows and what was written; or the SQLSTATE.
pub type Outcome = Result<(Vec<BTreeMap<String, String>>, Delta), String>;

/// SQL that puts each sequence where it is now.
pub fn sequences(superuser: &mut Client) -> Vec<String> {
    let names = texts(superuser, "select oid::regclass::text from pg_class where relkind = 'S' and oid >= 16384");
    let now = |name: &String| {
        format!("select format('select setval(%L, %s, %L)', '{name}', last_value, is_called) from {name}")
    };
    names.iter().map(|name| texts(superuser, &now(name)).remove(0)).collect()
}

pub fn run(
    client: &mut Client,
    superuser: &mut Client,
    reset: &[String],
    prepared: &Prepared,
    values: &Values<'_>,
) -> Outcome {
    put_back(superuser, reset);
    within(client, values, |client, values| attempt(client, prepared, values))
}

pub fn put_back(superuser: &mut Client, reset: &[String]) {
    if !reset.is_empty() {
        superuser.batch_execute(&reset.join("; ")).unwrap();
    }
}

/// Does it work?
pub fn works(client: &mut Client, prepared: &Prepared, values: &Values<'_>) -> Result<(), String> {
    within(client, values, |client, values| {
        client.query(prepared, values)?;
        client.batch_execute("set constraints all immediate")
    })
}

/// In a transaction that is rolled back.
fn within<T>(
    client: &mut Client,
    values: &Values<'_>,
    work: impl FnOnce(&mut Client, &[&(dyn postgres::types::ToSql + Sync)]) -> Result<T, postgres::Error>,
) -> Result<T, String> {
    let values: Vec<_> = values.iter().map(|value| Text(*value)).collect();
    let values: Vec<&(dyn postgres::types::ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    client.batch_execute("begin").unwrap();
    let done = work(client, &values).map_err(|error| state(&error));
    client.batch_execute("rollback").unwrap();
    done
}

fn attempt(
    client: &mut Client,
    prepared: &Prepared,
    values: &[&(dyn postgres::types::ToSql + Sync)],
) -> Result<(Vec<BTreeMap<String, String>>, Delta), postgres::Error> {
    let held = |client: &mut Client| -> Result<Value, postgres::Error> {
        Ok(serde_json::from_str(&client.query_one("select oracle.state()::text", &[])?.get::<_, String>(0)).unwrap())
    };
    let was = held(client)?;
    let (rows, count) = match prepared.columns() {
        [] => (Vec::new(), Some(client.execute(prepared, values)?)),
        _ => (client.query(prepared, values)?, None),
    };
    client.batch_execute("set constraints all immediate")?;
    let is = held(client)?;
    let shown = |row: &postgres::Row| {
        row.columns().iter().enumerate().map(|(at, column)| (column.name().to_owned(), shown(row, at))).collect()
    };
    let mut rows: Vec<BTreeMap<_, _>> = rows.iter().map(shown).collect();
    rows.extend(count.map(|count| BTreeMap::from([(COUNT.to_owned(), count.to_string())])));
    Ok((rows, delta(&was, &is)))
}

/// A value of any type, as its bytes.
struct Raw(Vec<u8>);

impl<'a> postgres::types::FromSql<'a> for Raw {
    fn from_sql(_: &postgres::types::Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &postgres::types::Type) -> bool {
        true
    }
}

fn shown(row: &postgres::Row, at: usize) -> String {
    row.get::<_, Option<Raw>>(at).map_or_else(|| "null".into(), |raw| format!("{:?}", raw.0))
}

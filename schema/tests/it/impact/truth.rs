//! What really happens: the change is made in a copy, and every statement run there by the real login, on a connection that had prepared it and on a new one.

use std::collections::BTreeMap;

use bytes::BytesMut;
use postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Statement as Prepared};
use schema::copy::Copy;
use schema::impact::{Change, Statement};

use crate::support::{connect, state};

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It works.
    Works,
    /// 42501.
    Refused,
    /// It fails where it had been prepared before; SQLSTATE.
    FailsKept(String),
    /// It fails; SQLSTATE, or `type` where its columns aren't those that its reader knows.
    Fails(String),
}

/// A value in Postgres's text form, whatever its type.
#[derive(Debug)]
pub struct Text<'a>(pub Option<&'a str>);

impl ToSql for Text<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            None => Ok(IsNull::Yes),
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A statement runs as it would in a service, and leaves nothing.
fn run(client: &mut Client, prepared: &Prepared, statement: &Statement) -> Result<(), String> {
    let values: Vec<_> = statement.values.iter().flatten().map(|value| Text(value.as_deref())).collect();
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    client.batch_execute("begin").unwrap();
    let done = client.query(prepared, &values).map_err(|error| state(&error));
    // What is put off to the end of the transaction belongs to it.
    let done = done.and_then(|_| client.batch_execute("set constraints all immediate").map_err(|error| state(&error)));
    client.batch_execute("rollback").unwrap();
    done
}

/// Each statement's fate; `None` where Postgres refuses the change.
pub fn fates(
    database: &str,
    login: &dyn Fn(&str, &str) -> String,
    change: &Change,
    statements: &[Statement],
) -> Option<Vec<Fate>> {
    let copy = Copy::of(database, "truth").unwrap();
    let (_, name) = copy.url().rsplit_once('/').unwrap();
    let mut kept: BTreeMap<&str, Client> = BTreeMap::new();
    let mut prepared = Vec::new();
    for statement in statements {
        let client = kept.entry(&statement.role).or_insert_with(|| session(&login(&statement.role, name)));
        let before = client.prepare(&statement.sql).unwrap();
        assert_eq!(run(client, &before, statement), Ok(()), "before the change: {statement:?}");
        prepared.push(before);
    }
    if !applied(&mut connect(copy.url()), change) {
        return None;
    }
    let mut anew: BTreeMap<&str, Client> = BTreeMap::new();
    let mut fates = Vec::new();
    for (statement, before) in statements.iter().zip(&prepared) {
        let client = anew.entry(&statement.role).or_insert_with(|| session(&login(&statement.role, name)));
        // A client that names types goes on naming those it was written for.
        let fresh =
            client.prepare_typed(&statement.sql, before.params()).map_err(|error| state(&error)).and_then(|now| {
                run(client, &now, statement)?;
                if reads(before, &now) { Ok(()) } else { Err("type".to_owned()) }
            });
        let kept = run(kept.get_mut(statement.role.as_str()).unwrap(), before, statement);
        fates.push(match (fresh, kept) {
            (Ok(()), Ok(())) => Fate::Works,
            (Err(why), _) | (Ok(()), Err(why)) if why == "42501" => Fate::Refused,
            (Ok(()), Err(why)) => Fate::FailsKept(why),
            (Err(why), _) => Fate::Fails(why),
        });
    }
    Some(fates)
}

pub fn session(url: &str) -> Client {
    let mut client = connect(url);
    client.batch_execute("set default_transaction_read_only = off; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0").unwrap();
    client
}

/// Finds a reader of the columns that were there all of them, by name, and of a type that it reads?
pub fn reads(before: &Prepared, now: &Prepared) -> bool {
    let text = |kind: &Type| [Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(kind);
    before.columns().iter().all(|was| {
        now.columns()
            .iter()
            .any(|is| is.name() == was.name() && (is.type_() == was.type_() || text(is.type_()) && text(was.type_())))
    })
}

fn applied(client: &mut Client, change: &Change) -> bool {
    client.batch_execute("begin").unwrap();
    for sql in &change.statements {
        if client.batch_execute(sql).is_err() {
            return false;
        }
    }
    client.batch_execute("commit").is_ok()
}

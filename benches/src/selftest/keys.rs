//! V4: which statements make a child's insert wait for its parent's row, and which don't.

use postgres::Client;

use super::shared::outcome;
use crate::Failure;
use crate::data::{connect, failed};
use crate::result::SelfTest;

/// (what an open transaction has done to the parent, its statement, whether the child's insert then waits).
const TABLE: &[(&str, &str, bool)] = &[
    ("plain update", "update lab_parent set note = 'x' where id = 1", false),
    ("update of a plain unique column", "update lab_parent set slug = 'y' where id = 1", true),
    ("update of an expression-unique column", "update lab_parent set name = 'y' where id = 1", false),
    ("update that writes the key", "update lab_parent set id = id where id = 1", false),
    ("update that changes the key", "update lab_parent set id = 101 where id = 1", true),
    (
        "upsert that writes the key",
        "insert into lab_parent values (1, 'a', 'a', 'z') on conflict (id) do update set id = excluded.id",
        true,
    ),
    (
        "upsert that writes another column",
        "insert into lab_parent values (1, 'a', 'a', 'z') on conflict (id) do update set note = excluded.note",
        false,
    ),
    ("select for update", "select from lab_parent where id = 1 for update", true),
    ("select for no key update", "select from lab_parent where id = 1 for no key update", false),
    ("select for share", "select from lab_parent where id = 1 for share", false),
    ("select for key share", "select from lab_parent where id = 1 for key share", false),
    ("delete", "delete from lab_parent where id = 1", true),
];

const SET_UP: &str = "
    drop table if exists lab_child, lab_parent;
    create table lab_parent (id int primary key, slug text unique, name text, note text);
    create unique index on lab_parent (lower(name));
    create table lab_child (parent_id int references lab_parent (id));
    insert into lab_parent values (1, 'a', 'a', 'a')";

/// Every row of the table, tried with two sessions and a lock_timeout of 400 ms.
pub fn truth_table(url: &str) -> Result<SelfTest, Failure> {
    let (mut holder, mut child) = (connect(url)?, connect(url)?);
    let mut wrong = Vec::new();
    for (what, statement, expected) in TABLE {
        if waits(&mut holder, &mut child, statement)? != *expected {
            wrong.push(format!("{what} {}", if *expected { "doesn't block" } else { "blocks" }));
        }
    }
    let _ = holder.batch_execute("drop table lab_child, lab_parent");
    let found = if wrong.is_empty() {
        format!("foreign keys: all {} combinations as expected", TABLE.len())
    } else {
        format!("foreign keys: {}", wrong.join(", "))
    };
    Ok(outcome("V4", Some(wrong.is_empty()), found))
}

fn waits(holder: &mut Client, child: &mut Client, statement: &str) -> Result<bool, Failure> {
    let failed = |error| failed("trying the foreign keys", &error);
    holder.batch_execute(SET_UP).map_err(failed)?;
    holder.batch_execute(&format!("begin; {statement}")).map_err(failed)?;
    let inserted = child.batch_execute("set lock_timeout = '400ms'; insert into lab_child values (1)");
    holder.batch_execute("rollback").map_err(failed)?;
    match inserted {
        Ok(()) => Ok(false),
        Err(error) if error.code() == Some(&postgres::error::SqlState::LOCK_NOT_AVAILABLE) => Ok(true),
        Err(error) => Err(failed(error)),
    }
}

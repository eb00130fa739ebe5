//! Foreign keys into other services' tables: declared, like views; deleting a line drops the key.

use crate::embedded::CROSS_KEYS;
use crate::error::{Doing, Error, Result};
use crate::roles::statements;
use crate::session::{Session, identifier};

/// A declared key.
#[derive(Debug, Clone)]
pub struct Key {
    owner: String,
    table: String,
    name: String,
    /// From `foreign key` on.
    definition: String,
}

/// A key the catalogue has.
struct Existing {
    owner: String,
    table: String,
    name: String,
    definition: String,
    validated: bool,
}

/// All declared keys.
pub fn declared() -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    for (service, sql) in CROSS_KEYS {
        for statement in statements(sql, 1) {
            let words: Vec<_> = statement.sql.split_whitespace().collect();
            match words.as_slice() {
                ["alter", "table", table, "add", "constraint", name, "foreign", "key", ..] => keys.push(Key {
                    owner: format!("{service}_owner"),
                    table: (*table).to_owned(),
                    name: (*name).to_owned(),
                    definition: words[6..].join(" "),
                }),
                _ => {
                    return Err(Error::Usage(format!(
                        "cross-keys/{service}.sql, line {}: only `alter table … add constraint … foreign key …` is allowed here",
                        statement.line
                    )));
                }
            }
        }
    }
    Ok(keys)
}

/// Statements that lead to the declared keys (to none: `wanted` false). Each is a transaction of its own: adding a key takes its locks without reading
/// rows (`not valid`); existing rows are validated afterwards, which blocks nobody.
pub fn plan(session: &mut Session, wanted: bool) -> Result<Vec<String>> {
    let declared = if wanted { declared()? } else { Vec::new() };
    let existing = existing(session)?;
    let mut steps = Vec::new();
    for have in &existing {
        let same = declared.iter().any(|key| {
            key.table == have.table && key.name == have.name && plain(&key.definition) == plain(&have.definition)
        });
        if !same {
            steps.push(as_owner(
                &have.owner,
                &format!("alter table {} drop constraint {}", have.table, identifier(&have.name)),
            ));
        }
    }
    for key in &declared {
        let have = existing
            .iter()
            .find(|e| e.table == key.table && e.name == key.name && plain(&e.definition) == plain(&key.definition));
        if have.is_none() {
            let add = format!("alter table {} add constraint {} {} not valid", key.table, key.name, key.definition);
            steps.push(as_owner(&key.owner, &add));
        }
        if have.is_none_or(|have| !have.validated) {
            steps.push(as_owner(&key.owner, &format!("alter table {} validate constraint {}", key.table, key.name)));
        }
    }
    Ok(steps)
}

fn as_owner(owner: &str, statement: &str) -> String {
    format!("begin; set local role {}; {statement}; commit;", identifier(owner))
}

fn existing(session: &mut Session) -> Result<Vec<Existing>> {
    let rows = session.client.query(
        "select r.rolname::text, format('%I.%I', n.nspname, c.relname), k.conname::text,
            pg_get_constraintdef(k.oid), k.convalidated
         from pg_constraint k
         join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
         join pg_class f on f.oid = k.confrelid
         where k.contype = 'f' and c.relnamespace <> f.relnamespace and n.nspname = any ($1)
         order by 2, 3",
        &[&crate::embedded::SERVICES],
    );
    let rows = rows.doing("reading keys across services")?;
    let all = rows.iter().map(|row| Existing {
        owner: row.get(0),
        table: row.get(1),
        name: row.get(2),
        definition: row.get(3),
        validated: row.get(4),
    });
    Ok(all.collect())
}

/// Postgres prints a key in its own style; without spaces and case it equals ours.
fn plain(definition: &str) -> String {
    let mut text: String = definition.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    if let Some(short) = text.strip_suffix("notvalid") {
        text.truncate(short.len());
    }
    text
}

//! Published views: declared, created by their publisher, replaced only where they differ (replacing blocks every reader).

use crate::embedded::VIEWS;
use crate::error::{Doing, Result};
use crate::session::{Session, identifier};

/// Name, definition, options and comment: what makes a view what it is, rights apart.
type Shape = (String, String, String, Option<String>);

/// Brings the views to what is declared: all, or those of one service. Returns the views made, replaced or dropped.
pub fn publish(session: &mut Session, only: Option<&str>) -> Result<Vec<String>> {
    let mut done = Vec::new();
    for (service, sql) in VIEWS.iter().filter(|(service, _)| only.is_none_or(|only| only == *service)) {
        let publisher = identifier(&format!("{service}_publisher"));
        done.extend(session.transaction(|session| publish_one(session, &publisher, sql))?);
    }
    Ok(done)
}

fn publish_one(session: &mut Session, publisher: &str, sql: &str) -> Result<Vec<String>> {
    // Postgres normalises the declaration: it is created in a schema that no other session sees.
    let declared = session.discarding(|session| {
        session.run(
            &format!("create schema scratch; grant create, usage on schema scratch to {publisher}; set local role {publisher};"),
            "making room to compare views",
        )?;
        session.run(&sql.replace("view published.", "view scratch."), "reading the declared views")?;
        shapes(session, "scratch", publisher)
    })?;
    let existing = shapes(session, "published", publisher)?;
    if declared == existing {
        return Ok(Vec::new());
    }
    session.run(&format!("set local role {publisher};"), "becoming the publisher")?;
    let mut done = Vec::new();
    for (name, ..) in existing.iter().filter(|(name, ..)| declared.iter().all(|(kept, ..)| kept != name)) {
        session.run(
            &format!("drop view published.{}", identifier(name)),
            &format!("dropping published.{name}, which is no longer declared"),
        )?;
        done.push(format!("drop view published.{name}"));
    }
    session
        .run(sql, "a published view may only gain columns, at its end; a changed meaning is a second view (`_v2`)")?;
    session.run("reset role;", "reset role")?;
    for shape in declared.iter().filter(|shape| !existing.contains(shape)) {
        done.push(format!("create or replace view published.{}", shape.0));
    }
    Ok(done)
}

fn shapes(session: &mut Session, schema: &str, publisher: &str) -> Result<Vec<Shape>> {
    let rows = session.client.query(
        "select c.relname::text, pg_get_viewdef(c.oid), coalesce(array_to_string(c.reloptions, ','), ''), obj_description(c.oid, 'pg_class')
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = $1 and c.relkind = 'v' and c.relowner = to_regrole($2) order by 1",
        &[&schema, &publisher],
    );
    Ok(rows.doing("reading views")?.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect())
}

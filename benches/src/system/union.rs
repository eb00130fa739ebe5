//! The rows of all services in one database, where each service has its own: filled there once and handed out, and brought
//! together again to be audited. What must hold across services can't be seen in any one of theirs.

use std::io::{Read as _, Write as _};

use postgres::Client;
use schema::{OwnDatabase, SERVICES};

use super::copies::FilledCluster;
use crate::data::{Size, connect, failed};
use crate::{Failure, Place};

/// No position of a feed comes after it.
const NEVER: &str = "'18446744073709551615'::xid8";
/// The one before it, which no transaction reaches either.
const LAST: &str = "'18446744073709551614'::xid8";

const NOTIFICATION: &str = "notification";

/// A database with everybody's tables on a server of its own.
pub struct Union(FilledCluster);

impl Union {
    /// With rows of this seed.
    pub fn filled(size: Size, seed: u64) -> Result<Self, Failure> {
        FilledCluster::start(None, size, seed, Vec::new()).map(Self)
    }

    /// Gives each service's database its rows, and with `copies` what the others show it as they would have told it.
    pub fn hand_out(&self, place: &Place, copies: bool) -> Result<(), Failure> {
        let mut from = connect(self.0.url())?;
        // Transactions of this server mean nothing on another.
        run(&mut from, "update registry.watches set created_xid = null, ended_xid = null")?;
        for service in SERVICES {
            let mut to = open(place, service)?;
            for table in tables(&mut from, service)? {
                transfer(&mut from, &mut to, &table)?;
            }
            for noun in OwnDatabase::of(service)?.nouns().iter().filter(|_| copies) {
                transfer(&mut from, &mut to, &format!("published.{noun}"))?;
            }
        }
        Ok(())
    }

    /// The present rows of all, each service's as they are at one moment of its own, Notification's first: then the change of whatever people
    /// were told is there, and a change that Notification learns of meanwhile is one that it hasn't read.
    ///
    /// A change has the number of Notification's copy, for what people were told names that, and its owner's position: it is compared with
    /// that of watches, which are Registry's own (a copy comes later, and a watch may begin or end meanwhile). Where in its copies
    /// Notification has read up to means nothing among the owners' positions: what it hasn't read comes after all others.
    pub fn bring_together(&self, place: &Place) -> Result<Client, Failure> {
        let mut to = unchecked(self.0.url())?;
        let mut all = Vec::new();
        for service in SERVICES {
            all.push(tables(&mut to, service)?);
        }
        // At once: keys between them forbid it one after another.
        run(&mut to, &format!("truncate {}", all.concat().join(", ")))?;
        let mut copies = snapshot(place, NOTIFICATION)?;
        let (told, others): (Vec<_>, Vec<_>) =
            SERVICES.iter().zip(all).partition(|(service, _)| **service == NOTIFICATION);
        for table in told.iter().flat_map(|(_, tables)| tables) {
            transfer(&mut copies, &mut to, table)?;
        }
        for (service, tables) in others {
            let mut from = snapshot(place, service)?;
            for table in tables {
                transfer(&mut from, &mut to, &table)?;
            }
        }
        run(&mut to, &format!("create temp table if not exists places ({PLACE})"))?;
        for feed in ["account", "profile", "registry", "billing"] {
            // Here nobody else numbers them.
            let own = "alter column id drop identity if exists, drop constraint if exists changes_pkey";
            run(&mut to, &format!("truncate places; alter table {feed}.changes {own}"))?;
            let from = format!("select id, xid, {CHANGE} from published.{feed}_changes");
            move_rows(&mut copies, &from, &mut to, "places")?;
            let (changes, places) = (qualified("c"), qualified("p"));
            let placed = format!(
                "delete from places p where not exists (
                    select from notification.feed_cursors r where r.feed = '{feed}' and (p.xid, p.id) <= (r.xid, r.id));
                 update {feed}.changes c set xid = {NEVER} where not exists (select from places p where ({changes}) = ({places}));
                 update {feed}.changes c set id = p.id from places p where ({changes}) = ({places});
                 update notification.feed_cursors set xid = {LAST} where feed = '{feed}'"
            );
            run(&mut to, &placed)?;
        }
        Ok(to)
    }
}

/// What is one change, in each database that has it.
const CHANGE: &str = "request_id, kind, entity_id, version";
const PLACE: &str = "id bigint, xid xid8, request_id text, kind text, entity_id text, version bigint";

fn qualified(of: &str) -> String {
    CHANGE.split(", ").map(|column| format!("{of}.{column}")).collect::<Vec<_>>().join(", ")
}

/// Plans and visibility of all services' databases as after a night's vacuum.
pub fn vacuum(place: &Place) -> Result<(), Failure> {
    SERVICES.iter().try_for_each(|service| run(&mut open(place, service)?, "vacuum (analyze)"))
}

fn open(place: &Place, service: &str) -> Result<Client, Failure> {
    let unknown = || Failure::could_not_run(format!("Where the database of {service} is isn't known."));
    unchecked(place.database_of(service).ok_or_else(unknown)?)
}

/// All that is read there is of the moment of the first statement.
fn snapshot(place: &Place, service: &str) -> Result<Client, Failure> {
    let mut client = open(place, service)?;
    run(&mut client, "begin isolation level repeatable read read only")?;
    Ok(client)
}

/// As superuser, without triggers and keys to other tables: whole databases are moved, in whatever order.
fn unchecked(url: &str) -> Result<Client, Failure> {
    let mut client = connect(url)?;
    run(&mut client, "set session_replication_role = replica")?;
    Ok(client)
}

fn run(client: &mut Client, sql: &str) -> Result<(), Failure> {
    client.batch_execute(sql).map_err(|error| failed("moving rows between databases", &error))
}

/// A service's tables, qualified.
fn tables(client: &mut Client, service: &str) -> Result<Vec<String>, Failure> {
    let all = "select c.oid::regclass::text from pg_catalog.pg_class c
        where c.relnamespace = $1::text::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1";
    let rows = client.query(all, &[&service]).map_err(|error| failed("listing tables", &error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Adds the rows of a table or view to the table of the same name; what is there already stays.
fn transfer(from: &mut Client, to: &mut Client, name: &str) -> Result<(), Failure> {
    let columns = "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_catalog.pg_attribute
        where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''";
    let row = to.query_one(columns, &[&name]).map_err(|error| failed("listing columns", &error))?;
    let columns: String = row.get(0);
    run(to, &format!("create temp table moved as select {columns} from {name} with no data"))?;
    move_rows(from, &format!("select {columns} from {name}"), to, "moved")?;
    run(
        to,
        &format!(
            "insert into {name} ({columns}) overriding system value select {columns} from moved on conflict do nothing;
             drop table moved"
        ),
    )
}

/// What a query finds, into another database's table of its columns.
fn move_rows(from: &mut Client, query: &str, to: &mut Client, table: &str) -> Result<(), Failure> {
    let refused = |error| failed("moving rows between databases", &error);
    let broken = |error: std::io::Error| Failure::could_not_run(format!("Moving rows between databases: {error}."));
    let mut reader = from.copy_out(&format!("copy ({query}) to stdout")).map_err(refused)?;
    let mut writer = to.copy_in(&format!("copy {table} from stdin")).map_err(refused)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(broken)?;
    writer.write_all(&bytes).map_err(broken)?;
    writer.finish().map(drop).map_err(refused)
}

#[cfg(test)]
mod tests;

//! What stands in the copies: how far each partition is, and for how long changes stay.

use postgres::{Client, Transaction};
use schema::Noun;

use crate::Error;
use crate::topics::FEED_KEPT_DAYS;

/// Changes removed at once.
const PURGED: u32 = 5_000;

/// From where it was, or not at all.
pub fn move_offset(transaction: &mut Transaction<'_>, place: &(String, i32), from: i64, to: i64) -> Result<(), Error> {
    let (noun, part) = place;
    let moved = transaction.execute(
        "insert into published.log_offsets as o (topic, part, next) values ($1, $2, $4)
        on conflict (topic, part) do update set next = excluded.next where o.next = $3",
        &[noun, part, &from, &to],
    )?;
    match moved {
        0 => Err(Error::Failed(format!("{noun} {part} isn't at {from} any more: another ingester is at work"))),
        _ => Ok(()),
    }
}

/// Removes the changes that their topic doesn't have any more either: they name people who may have been deleted since. That they
/// were known stays (id and time), so none is told again.
pub fn purge(client: &mut Client, reads: &[&'static Noun]) -> Result<(), Error> {
    for Noun { name, .. } in reads.iter().filter(|noun| noun.is_feed()) {
        let text = format!(
            "delete from published.{name} where id in (
                select c.id from (select c.id, c.at from published.{name} c order by c.xid, c.id limit {PURGED}) c
                where c.at < pg_catalog.now() - interval '{FEED_KEPT_DAYS} days')"
        );
        client.execute(&text, &[])?;
    }
    Ok(())
}

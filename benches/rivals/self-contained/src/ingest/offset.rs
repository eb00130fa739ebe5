//! How far a partition is in the copies.

use postgres::Transaction;

use crate::Error;

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

//! Putting on the log what a look found, and keeping how far that is.

use super::{Found, Relay};
use crate::Error;
use crate::record::merge;

impl Relay<'_> {
    /// Puts it on the log, rows before changes, and moves the cursor.
    pub(super) fn tell(&mut self, found: Found) -> Result<(), Error> {
        if found.changes.is_empty() && found.rows.iter().all(|(_, rows)| rows.is_empty()) {
            return Ok(());
        }
        self.producer.begin()?;
        for (noun, rows) in &found.rows {
            for (key, row) in rows {
                self.position.sequence += 1;
                self.producer.send(noun, key, row.as_deref(), self.position, None)?;
            }
        }
        merge(&mut self.sent.places, &self.producer.acknowledged()?);
        let mut needs = found.known;
        // With those of the feed: of one organisation they may stand in two partitions, where the topic has grown.
        merge(&mut needs, &self.sent.places);
        let needs = serde_json::to_string(&needs)?;
        if let Some(feed) = self.feed {
            for (organisation, change) in &found.changes {
                self.position.sequence += 1;
                self.producer.send(feed, organisation, Some(change), self.position, Some(&needs))?;
            }
        }
        merge(&mut self.sent.places, &self.producer.acknowledged()?);
        self.producer.commit()?;
        if let Some(place) = found.place {
            self.place = place;
        }
        for (noun, rows) in found.rows {
            self.sent.add(noun, rows);
        }
        self.keep()
    }

    /// Stores how far the feed is on the log, where nobody has taken over.
    fn keep(&mut self) -> Result<(), Error> {
        let (service, (xid, id)) = (&self.settings.service, &self.place);
        let sent = serde_json::to_string(&self.sent.places)?;
        let mut transaction = self.client.transaction()?;
        let moved = transaction.execute(
            "update published.log_cursor set sequence = $3, xid = $4::text::xid8, id = $5, sent = $6::text::jsonb
            where feed = $1 and epoch = $2",
            &[service, &self.position.epoch, &self.position.sequence, xid, id, &sent],
        )?;
        if moved == 0 {
            return Err(Error::TakenOver);
        }
        if self.feed.is_some() {
            // Up to here the owner may purge its changes.
            transaction.execute(
                "insert into published.feed_cursors (feed, xid, id) values ($1, $2::text::xid8, $3)
                on conflict (feed) do update set xid = excluded.xid, id = excluded.id",
                &[service, xid, id],
            )?;
        }
        Ok(transaction.commit()?)
    }
}

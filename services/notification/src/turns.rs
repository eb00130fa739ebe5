//! Whose changes take so long that others would wait behind them.
//!
//! A feed is read in its order, and a change watched by ten thousand people takes seconds. So while one organisation takes most of the time, the
//! others' changes are read ahead of it. Within an organisation the order stays: who takes long is passed over until the feed is read to its end.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use crate::cursor::Cursor;
use crate::feed::Change;

/// Of one feed, since it (or what is read ahead) was last read to its end. In memory alone: who reads it after a crash finds out again.
#[derive(Debug, Default)]
pub struct Turns {
    took: HashMap<Uuid, Duration>,
    /// Those that aren't read ahead.
    pub(crate) long: Vec<Uuid>,
    /// How far the others have been.
    pub(crate) there: Option<Cursor>,
}

impl Turns {
    /// These changes took so long together.
    pub(crate) fn took(&mut self, changes: &[Change], time: Duration) {
        let each = time / u32::try_from(changes.len()).unwrap_or(u32::MAX).max(1);
        for organisation in changes.iter().filter_map(|change| change.organisation_id) {
            *self.took.entry(organisation).or_default() += each;
        }
    }

    /// The others' changes are read to their end: nobody is behind anybody among them.
    pub(crate) fn at_the_end(&mut self) {
        self.took.clear();
    }

    /// Whether there is one that took more than half of the time, of at least `enough`, not counting those that are known to.
    pub(crate) fn anybody_is_long(&mut self, enough: Duration) -> bool {
        let rest = || self.took.iter().filter(|(organisation, _)| !self.long.contains(organisation));
        let all: Duration = rest().map(|(_, took)| *took).sum();
        let longest = rest().max_by_key(|(_, took)| **took).map(|(organisation, took)| (*organisation, *took));
        self.long
            .extend(longest.filter(|(_, took)| all >= enough && *took > all / 2).map(|(organisation, _)| organisation));
        !self.long.is_empty()
    }
}

//! Fetch and write: a question's answer becomes the local copy. What differs is looked up in the table and not in memory, and
//! what is older than something known is never written.

pub mod feeds;

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::neighbour::{Away, Item, Neighbour, Question, Row, Rows};
use crate::nouns::STANDINGS;
use crate::sql::{Failed, Sql};

/// Versions that are remembered; beyond it all are forgotten, and an answer that came late may win once.
const MOST: usize = 50_000;
/// How long a write that was given up may still be done: the copier's statement time-out.
const UNKNOWN: Duration = Duration::from_secs(30);

/// The local copies.
pub struct Facts {
    sql: Sql,
    /// The newest version known of each row, by noun and key. Held while writing: in this order rows are written.
    known: Mutex<HashMap<(&'static str, String), i64>>,
    /// Nobody but this process writes them.
    alone: bool,
    seen: Lock<Seen>,
}

/// What this process knows of the copies, by question.
#[derive(Default)]
struct Seen {
    /// What it wrote.
    written: HashMap<String, Written>,
    /// What it found there and didn't write since.
    held: HashMap<String, Arc<Rows>>,
}

impl Seen {
    fn written_since(&self, question: &Question, since: Instant) -> bool {
        self.written.get(&question.path).is_some_and(|of| of.under_way > 0 || of.ended >= since)
    }
}

/// What this process wrote of one question.
#[derive(Clone, Copy)]
struct Written {
    /// When the call began whose answer was written last.
    answer: Instant,
    /// Writes that may be done any moment.
    under_way: usize,
    /// When the last of the others was over.
    ended: Instant,
}

/// What came of a question.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// The copy is as the owner says: it was before, or (true) it was written.
    Known {
        /// Whether something was written.
        changed: bool,
    },
    /// The owner is away: what the copy holds.
    Away(Away, Vec<Row>),
}

impl Facts {
    /// Written by the service's copier: `alone`, or by other instances of the service as well.
    #[must_use]
    pub fn new(sql: Sql, alone: bool) -> Self {
        Self { sql, known: Mutex::default(), alone, seen: Lock::default() }
    }

    /// Makes the copy what the owner answers; looks at it while the owner is asked, unless it knows what is there.
    ///
    /// # Errors
    /// The local database: a fact that was fetched and not written is never taken for known.
    pub async fn ensure(&self, owner: &Neighbour, question: &Question) -> Result<Fetched, Failed> {
        let came = Instant::now();
        let (answer, local) = if self.seen().held.contains_key(&question.path) {
            let answer = owner.ask(question).await;
            if let Some(changed) = answer.as_ref().ok().and_then(|rows| self.holds(question, rows, came)) {
                return Ok(Fetched::Known { changed });
            }
            (answer, self.local(question).await)
        } else {
            join(owner.ask(question), self.local(question)).await
        };
        let local = local?;
        let mut changed = false;
        match answer {
            Ok(rows) if same(&rows.items, &local) => self.hold(question, rows, came),
            Ok(rows) => changed = self.write(question, rows.began, &rows.items).await?,
            Err(away) => return Ok(Fetched::Away(away, local)),
        }
        // Another request may have written it since this one came: whatever ran meanwhile can have seen what was before.
        Ok(Fetched::Known { changed: changed || self.seen().written_since(question, came) })
    }

    /// Whether the copy is known to hold just these rows; if so, whether they were written after `came`.
    fn holds(&self, question: &Question, rows: &Rows, came: Instant) -> Option<bool> {
        let seen = self.seen();
        let same = seen.held.get(&question.path)?.items == rows.items;
        same.then(|| seen.written_since(question, came))
    }

    /// Keeps in mind what was found in the copy after `came`. Of one organisation's standing alone, which every request needs: of other
    /// nouns several questions are about the same row, and each may write it.
    fn hold(&self, question: &Question, rows: Arc<Rows>, came: Instant) {
        let mut seen = self.seen();
        let alone =
            self.alone && question.noun.name == STANDINGS.name && question.ids.as_ref().map(Vec::len) == Some(1);
        if alone && !seen.written_since(question, came) {
            if seen.held.len() > MOST {
                seen.held.clear();
            }
            seen.held.insert(question.path.clone(), rows);
        }
    }

    /// Takes the question's rows out of the copy.
    ///
    /// # Errors
    /// The local database.
    pub async fn forget(&self, question: &Question) -> Result<(), Failed> {
        self.write(question, Instant::now(), &[]).await.map(drop)
    }

    async fn local(&self, question: &Question) -> Result<Vec<Row>, Failed> {
        let text = &question.noun.statements(question.ids.is_some()).local;
        self.sql.json(text, &[&question.organisation, &question.ids]).await
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the copy `items`, which a call brought that began then; true if anything changed. An answer older than the one that was
    /// written last is left out.
    ///
    /// # Errors
    /// The local database.
    pub async fn write(&self, question: &Question, began: Instant, items: &[Item]) -> Result<bool, Failed> {
        let noun = question.noun;
        let key = |item: &Item| {
            let texts = noun.key.iter().map(|key| match item.row.get(*key) {
                Some(Value::String(text)) => text.clone(),
                other => other.map(ToString::to_string).unwrap_or_default(),
            });
            Value::Array(texts.map(Value::String).collect())
        };
        let mut known = self.known.lock().await;
        let Some(writing) = Writing::begin(self, question, began) else { return Ok(false) };
        let (mut rows, mut newer) = (Vec::new(), Vec::new());
        for item in items {
            let key = key(item);
            let place = (noun.name, key.to_string());
            match (item.version, known.get(&place)) {
                (Some(version), Some(newest)) if version < *newest => newer.push(key),
                (version, _) => {
                    rows.push(&item.row);
                    if let Some(version) = version {
                        known.insert(place, version);
                    }
                }
            }
        }
        let json = |list| serde_json::to_string(list).map_err(|error| Failed::because(&error));
        let (rows, newer) = (serde_json::to_string(&rows).map_err(|error| Failed::because(&error))?, json(&newer)?);
        let text = &noun.statements(question.ids.is_some()).write;
        let written = self.sql.json::<i64>(text, &[&question.organisation, &question.ids, &rows, &newer]).await;
        if written.is_err() || known.len() > MOST {
            // What is known must not be ahead of what is written.
            known.clear();
        }
        writing.ended(written.is_ok());
        Ok(written? > 0)
    }
}

/// One write. Given up, it may be done all the same, and for a while nobody knows.
struct Writing<'a> {
    facts: &'a Facts,
    path: String,
    over: Duration,
}

impl<'a> Writing<'a> {
    fn begin(facts: &'a Facts, question: &Question, answer: Instant) -> Option<Self> {
        let (mut seen, path) = (facts.seen(), question.path.clone());
        let Seen { written, held } = &mut *seen;
        if written.len() > MOST {
            let now = Instant::now();
            written.retain(|_, of| of.under_way > 0 || of.ended + UNKNOWN > now);
        }
        let none = Written { answer, under_way: 0, ended: answer };
        let of = written.entry(path.clone()).or_insert(none);
        if answer < of.answer {
            return None;
        }
        (of.answer, of.under_way) = (answer, of.under_way + 1);
        held.remove(&path);
        Some(Self { facts, path, over: UNKNOWN })
    }

    fn ended(mut self, well: bool) {
        self.over = if well { Duration::ZERO } else { UNKNOWN };
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if let Some(of) = self.facts.seen().written.get_mut(&self.path) {
            of.under_way -= 1;
            of.ended = of.ended.max(Instant::now() + self.over);
        }
    }
}

/// Whether the copy holds just these rows.
fn same(items: &[Item], local: &[Row]) -> bool {
    // A whole organisation's people are compared by the database.
    items.len() == local.len() && items.len() <= 200 && items.iter().all(|item| local.contains(&item.row))
}

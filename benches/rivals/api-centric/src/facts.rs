//! Fetch and write: a question's answer becomes the local copy. What differs is looked up in the table and not in memory, and
//! what is older than something known is never written.

use std::collections::{HashMap, HashSet};
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

/// Changes of one of the owner's transactions, as they are told here: at the position of this one, for the owner's means nothing
/// in another database. A change that is there already is dropped, or it would be told twice.
fn copy_changes(feed: &str) -> String {
    let columns = "at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after";
    let now = "pg_catalog.pg_current_xact_id()";
    // A watch begins and ends where the feed tells it; that of a target that is deleted ends after it, for its watchers are told of that.
    let end = format!(
        "case when exists (select from put d where d.entity_id = c.before ->> 'targetId' and d.kind like '%Deleted') \
         then ({now}::text::bigint + 1)::text::xid8 else {now} end"
    );
    let watch = |name: &str, column: &str, kind: &str, side: &str, at: &str, value: &str| {
        format!(
            ", {name} as (
                update published.watchers w set {column} = {value} from put c
                where c.kind = '{kind}' and w.organisation_id = c.organisation_id and w.kind = c.{side} ->> 'kind'
                    and w.target_id = (c.{side} ->> 'targetId')::uuid and w.profile_id = (c.{side} ->> 'profileId')::uuid
                    and w.{at} = c.at
            )"
        )
    };
    let watches = match feed {
        "registry" => [
            watch("begun", "created_xid", "WatchCreated", "after", "created_at", now),
            watch("ended", "ended_xid", "WatchEnded", "before", "ended_at", &end),
        ]
        .concat(),
        _ => String::new(),
    };
    format!(
        "with put as (
            insert into published.{feed}_changes (id, xid, {columns})
            select id, {now}, {columns} from jsonb_populate_recordset(null::published.{feed}_changes, $1::text::jsonb)
            on conflict (id) do nothing returning *
        ){watches} select count(*)::text from put"
    )
}

impl Facts {
    /// Those of a feed's changes that aren't there yet.
    ///
    /// # Errors
    /// The local database.
    pub async fn unknown(&self, feed: &str, changes: &[Value]) -> Result<Vec<Value>, Failed> {
        let id = |change: &Value| change.get("id").and_then(Value::as_i64);
        let ids: Vec<i64> = changes.iter().filter_map(id).collect();
        let text = format!(
            "select coalesce(jsonb_agg(c.id), '[]')::text from published.{feed}_changes c where c.id = any ($1)"
        );
        let known: HashSet<i64> = self.sql.json(&text, &[&ids]).await?;
        let new = changes.iter().filter(|change| id(change).is_none_or(|id| !known.contains(&id)));
        Ok(new.cloned().collect())
    }

    /// Adds changes of a feed in their order, a transaction here for each of the owner's; those that are there already are left out.
    ///
    /// # Errors
    /// The local database: the changes from some transaction on were not added.
    pub async fn add_changes(&self, feed: &str, changes: &[Value]) -> Result<(), Failed> {
        let text = copy_changes(feed);
        for transaction in changes.chunk_by(|one, next| one.get("xid") == next.get("xid")) {
            let rows = serde_json::to_string(transaction).map_err(|error| Failed::because(&error))?;
            self.sql.text(&text, &[&rows]).await?;
        }
        Ok(())
    }
}

/// Whether the copy holds just these rows.
fn same(items: &[Item], local: &[Row]) -> bool {
    // A whole organisation's people are compared by the database.
    items.len() == local.len() && items.len() <= 200 && items.iter().all(|item| local.contains(&item.row))
}

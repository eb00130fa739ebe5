//! What each change costs, as `dba impact` finds it: with the published views in between, and with readers on the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schema::impact;
use schema::impact::{Impact, Options, QueueOptions, Statement, Verdict};
use serde::{Deserialize, Serialize};

use super::catalogue::{Change, asked};
use super::scratch::Scratch;
use super::{log, without};
use crate::Failure;
use crate::data::connect;
use crate::system::copies::copy;

/// What a change does to one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// The worst of its statements.
    pub verdict: Verdict,
    /// How many of its statements stop working, for ever or until their connection ends.
    pub broken: usize,
    /// What Postgres said of them, and shapes that changed.
    pub how: BTreeSet<String>,
    /// Seconds that its statements waited, together, behind the change while it waited for a reader; none where that wasn't measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_s: Option<f64>,
}

/// One of the two worlds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct World {
    /// Postgres refuses the change: in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Statements that couldn't be judged, for they don't even work before the change: whose, why, and what.
    pub skipped: Vec<String>,
    /// By service.
    pub services: BTreeMap<String, Effect>,
    /// Services whose program must change at the same moment as the database, the owner among them where its own breaks. How many: the coordination number.
    pub deploy_together: BTreeSet<String>,
    /// Services, other than the owner, that must agree: they break, give something, or read something else from then on.
    pub consent: BTreeSet<String>,
}

/// One change in both worlds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluated {
    /// `02-split-name`.
    pub name: String,
    /// In a sentence.
    pub title: String,
    /// Whose.
    pub owner: String,
    /// What the owner gains, in words.
    pub gain: String,
    /// What the others lose, in words.
    pub loss: String,
    /// How the published views stay steady.
    pub steady: String,
    /// Readers read published views.
    pub with_views: World,
    /// Readers read tables.
    pub without_views: World,
}

/// What changes are evaluated on: two databases that nobody is connected to, and the statements of all services.
pub struct Evaluator {
    with_views: (String, Vec<Statement>),
    without_views: (String, Vec<Statement>),
}

/// State of the system after two walks, with views; and the same without.
const JUDGED: &str = "govrnanza_judged";
const TABLES: &str = "govrnanza_tables";

impl Evaluator {
    /// Records what the services run, and makes both databases.
    pub fn new(scratch: &Scratch) -> Result<Self, Failure> {
        let (mut things, first) = scratch.begin()?;
        scratch.copy(JUDGED)?;
        let second = scratch.again(&mut things)?;
        scratch.deployment().stop_services()?;
        copy(scratch.deployment().database_url()?, JUDGED, TABLES)?;
        let statements = merged(first.read.statements.into_iter().chain(second.read.statements));
        let url = scratch.deployment().url_of(TABLES)?;
        let mut client = connect(&url)?;
        let views = without::views(&mut client)?;
        without::drop_views(&mut client)?;
        let rewritten =
            statements.iter().map(|one| Statement { sql: without::rewrite(&one.sql, &views), ..one.clone() }).collect();
        Ok(Self { with_views: (scratch.deployment().url_of(JUDGED)?, statements), without_views: (url, rewritten) })
    }

    /// Distinct statements of the services, as they are written.
    pub fn statements(&self) -> usize {
        let texts: BTreeSet<(&str, &str)> =
            self.with_views.1.iter().map(|one| (one.role.as_str(), one.sql.as_str())).collect();
        texts.len()
    }

    /// Tries a change out in both.
    pub fn evaluate(&self, change: &Change, queue: bool) -> Result<Evaluated, Failure> {
        let mut with_views = world(change, &change.sql, &self.with_views, queue)?;
        with_views.consent.extend(change.meaning.iter().cloned());
        let mut without_views = world(change, &change.without_views, &self.without_views, queue)?;
        // Whoever reads the table meets the new meaning, too.
        without_views.consent.extend(change.meaning.iter().cloned());
        Ok(Evaluated {
            name: change.name.clone(),
            title: change.title.clone(),
            owner: change.owner.clone(),
            gain: change.gain.clone(),
            loss: change.loss.clone(),
            steady: change.steady.clone(),
            with_views,
            without_views,
        })
    }
}

fn merged(all: impl Iterator<Item = Statement>) -> Vec<Statement> {
    let mut found: BTreeMap<(String, String, String), Statement> = BTreeMap::new();
    for one in all {
        let key = (one.role.clone(), one.sql.clone(), log::nulls(&one.values));
        // The later values: they are of rows that the first walk had made.
        let calls = found.remove(&key).map_or(0, |before| before.calls);
        found.insert(key, Statement { calls: calls + one.calls, ..one });
    }
    found.into_values().collect()
}

fn world(
    change: &Change,
    sql: &str,
    (url, statements): &(String, Vec<Statement>),
    queue: bool,
) -> Result<World, Failure> {
    let options = Options {
        queue: queue.then(|| QueueOptions { hold: Duration::from_millis(500), ..QueueOptions::default() }),
        ..Options::default()
    };
    let impact = impact::analyse(url, &impact::Change::new(sql), statements, &options)
        .map_err(|error| Failure::could_not_run(format!("{}: {error}.", change.name)))?;
    let services = effects(&impact);
    let breaks = |effect: &Effect| effect.verdict >= Verdict::LosesGrant;
    let deploy_together: BTreeSet<String> =
        services.iter().filter(|(_, effect)| breaks(effect)).map(|(name, _)| name.clone()).collect();
    let mut consent = asked(&change.owner, sql);
    consent.extend(deploy_together.iter().filter(|name| **name != change.owner).cloned());
    Ok(World {
        refused: impact.refused.map(|refused| format!("{} [{}]", refused.failure.message, refused.failure.sqlstate)),
        skipped: impact.skipped.iter().map(|one| format!("{}: {}: {}", one.role, one.why, one.sql)).collect(),
        services,
        deploy_together,
        consent,
    })
}

fn effects(impact: &Impact) -> BTreeMap<String, Effect> {
    let waited = |service: &str| {
        let queue = impact.queue.as_ref()?;
        let found = queue.services.iter().find(|one| one.service == service);
        Some(found.map_or(0.0, |one| one.blocked_ms as f64 / 1000.0))
    };
    let effect = |one: &impact::ServiceImpact| {
        let broken: Vec<_> =
            one.statements.iter().filter(|statement| statement.verdict >= Verdict::LosesGrant).collect();
        let how = broken.iter().flat_map(|statement| {
            let failures = statement.fresh.iter().chain(&statement.cached).map(|failure| failure.sqlstate.clone());
            failures.chain(statement.shape.iter().cloned())
        });
        Effect { verdict: one.verdict, broken: broken.len(), how: how.collect(), blocked_s: waited(&one.service) }
    };
    impact.services.iter().map(|one| (one.service.clone(), effect(one))).collect()
}

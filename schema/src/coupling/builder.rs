//! From the catalogue and resolved statements to the report.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::Catalogue;
use super::json::JsonKeys;
use super::relation::{Place, Relation};
use super::report::{Coverage, Edge, Kind, Report, Unknown};
use super::resolve::{Resolved, Use};
use super::statements::{Source, Statement};

/// An edge while it is built.
#[derive(Default)]
struct Strand {
    through: BTreeSet<String>,
    statements: usize,
    calls: i64,
}

/// Who depends on a table's column, directly or through views.
#[derive(Default)]
pub(super) struct Reach {
    pub(super) services: BTreeSet<String>,
    pub(super) statements: usize,
    pub(super) calls: i64,
}

/// Collects what the report is built from.
pub(super) struct ReportBuilder<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) json: &'a JsonKeys,
    strands: BTreeMap<(String, String, Kind), Strand>,
    /// (from, to, column), and how the use is known.
    pub(super) used: BTreeMap<(String, String, String), Source>,
    pub(super) reached: BTreeMap<Place, Reach>,
    /// Services of which statements are declared.
    pub(super) declaring: BTreeSet<String>,
    /// Does the server count what is run?
    pub(super) counted: bool,
    /// By channel: who listens, who notifies.
    pub(super) channels: BTreeMap<String, [BTreeSet<String>; 2]>,
    coverage: Coverage,
}

impl<'a> ReportBuilder<'a> {
    pub(super) fn new(catalogue: &'a Catalogue, json: &'a JsonKeys, counted: bool) -> Self {
        Self {
            catalogue,
            json,
            strands: BTreeMap::new(),
            used: BTreeMap::new(),
            reached: BTreeMap::new(),
            declaring: BTreeSet::new(),
            counted,
            channels: BTreeMap::new(),
            coverage: Coverage::default(),
        }
    }

    /// Adds a statement of a service.
    pub(super) fn statement(&mut self, service: &str, statement: &Statement, resolved: &Resolved) {
        if statement.source != Source::Run {
            self.declaring.insert(service.to_owned());
        }
        for (names, side) in [(&resolved.listens, 0), (&resolved.notifies, 1)] {
            for name in names {
                self.channels.entry(name.clone()).or_default()[side].insert(service.to_owned());
            }
        }
        self.cover(statement, resolved);
        let mut touched: BTreeMap<(String, Kind), BTreeSet<String>> = BTreeMap::new();
        let mut bases = BTreeSet::new();
        for (name, one) in &resolved.uses {
            let Some(oid) = self.catalogue.by_name.get(name).copied() else {
                continue;
            };
            let relation = &self.catalogue.relations[&oid];
            bases.extend(self.bases(oid, relation, one));
            if relation.service == service {
                continue;
            }
            for kind in kinds(relation, one) {
                touched.entry((relation.service.clone(), kind)).or_default().insert(name.clone());
            }
            for column in &one.read {
                self.uses(service, &relation.service, format!("{name}.{column}"), statement.source);
            }
        }
        for name in &resolved.functions {
            if let Some(owner) = self.catalogue.functions.get(name).filter(|owner| *owner != service) {
                touched.entry((owner.clone(), Kind::Call)).or_default().insert(name.clone());
            }
        }
        for ((to, kind), through) in touched {
            let strand = self.strands.entry((service.to_owned(), to, kind)).or_default();
            strand.through.extend(through);
            strand.statements += 1;
            strand.calls += statement.calls;
        }
        for place in bases {
            if self.catalogue.relations.get(&place.0).is_some_and(|one| one.service != service) {
                let reach = self.reached.entry(place).or_default();
                reach.services.insert(service.to_owned());
                reach.statements += 1;
                reach.calls += statement.calls;
            }
        }
    }

    fn cover(&mut self, statement: &Statement, resolved: &Resolved) {
        if resolved.control {
            self.coverage.control_calls += statement.calls;
            return;
        }
        self.coverage.statements += 1;
        self.coverage.calls += statement.calls;
        if resolved.unknown.is_empty() {
            self.coverage.resolved_statements += 1;
            self.coverage.resolved_calls += statement.calls;
        } else {
            self.coverage.unknown.push(Unknown {
                role: statement.role.clone(),
                sql: statement.sql.clone(),
                calls: statement.calls,
                why: resolved.unknown.join("; "),
            });
        }
    }

    /// The tables' columns behind a statement's use of a relation.
    fn bases(&self, oid: u32, relation: &Relation, one: &Use) -> BTreeSet<Place> {
        let named = one.read.union(&one.written);
        let places = named.filter_map(|name| {
            let column = relation.columns.iter().find(|(_, column)| *column == name)?;
            Some((oid, *column.0))
        });
        let mut bases: BTreeSet<Place> = places.flat_map(|place| self.catalogue.shows(place)).collect();
        bases.extend(self.catalogue.behind(oid));
        bases
    }

    fn uses(&mut self, from: &str, to: &str, column: String, source: Source) {
        for column in self.json.with_keys(column) {
            self.used
                .entry((from.to_owned(), to.to_owned(), column))
                .and_modify(|known| *known = known.and(source))
                .or_insert(source);
        }
    }

    /// The report, without the figures that are computed from it.
    pub(super) fn finish(mut self, seconds: f64) -> Report {
        self.links();
        self.definitions();
        self.keys();
        let columns = self.columns();
        let rate = |calls: i64| rate(calls, seconds);
        self.coverage.unknown.sort_by(|a, b| (-a.calls, &a.role, &a.sql).cmp(&(-b.calls, &b.role, &b.sql)));
        Report {
            columns,
            keys: self.key_list(),
            write_rights: self.write_rights(),
            lineage: self.lineage(),
            blast: self.blast(&rate),
            edges: self
                .strands
                .into_iter()
                .map(|((from, to, kind), strand)| Edge {
                    from,
                    to,
                    kind,
                    through: strand.through.into_iter().collect(),
                    statements: strand.statements,
                    calls: strand.calls,
                    calls_per_second: rate(strand.calls),
                })
                .collect(),
            coverage: self.coverage,
            ..Report::default()
        }
    }

    pub(super) fn strand(&mut self, from: &str, to: &str, kind: Kind, through: String) {
        if from != to {
            let strand = self.strands.entry((from.to_owned(), to.to_owned(), kind)).or_default();
            strand.through.insert(through);
        }
    }

    /// Views over others' tables, triggers, functions, sequences; and channels.
    fn links(&mut self) {
        let catalogue = self.catalogue;
        for (view, rule) in &catalogue.rules {
            let view = &catalogue.relations[view];
            for below in rule.over.iter().filter_map(|relation| catalogue.relations.get(relation)) {
                self.strand(
                    &view.service,
                    &below.service,
                    Kind::ViewOver,
                    format!("{} over {}", view.name, below.name),
                );
            }
        }
        for link in &catalogue.links {
            let kind = match link.kind.as_str() {
                "trigger" => Kind::Trigger,
                "sequence" => Kind::Sequence,
                _ => Kind::Call,
            };
            self.strand(&link.from.1, &link.to.1, kind, format!("{} to {}", link.from.0, link.to.0));
        }
        for (name, [listening, notifying]) in std::mem::take(&mut self.channels) {
            for (from, to) in listening.iter().flat_map(|from| notifying.iter().map(move |to| (from, to))) {
                self.strand(from, to, Kind::Channel, name.clone());
            }
        }
    }

    /// Objects made with another service's; the columns that a service's own views, policies, rules and bodies read count as used.
    fn definitions(&mut self) {
        let catalogue = self.catalogue;
        let mut read: Vec<(&str, Place)> = Vec::new();
        for (view, rule) in &catalogue.rules {
            read.extend(rule.uses.iter().map(|place| (catalogue.relations[view].service.as_str(), *place)));
        }
        for one in &catalogue.definitions {
            self.strand(&one.from.1, &one.to.1, Kind::Definition, format!("{} with {}", one.from.0, one.to.0));
            read.extend(one.reads.iter().map(|place| (one.from.1.as_str(), *place)));
        }
        for body in &catalogue.bodies {
            read.extend(body.names.iter().map(|place| (body.service.as_str(), *place)));
            self.coverage.unknown.push(Unknown {
                role: body.service.clone(),
                sql: format!("function {}", body.name),
                calls: 0,
                why: format!("its body ({}) is kept as text: what it uses isn't known", body.language),
            });
        }
        for (service, place) in read {
            if let Some(relation) = catalogue.relations.get(&place.0).filter(|one| one.service != service)
                && let Some(column) = relation.columns.get(&place.1)
            {
                for column in self.json.with_keys(format!("{}.{column}", relation.name)) {
                    self.used.entry((service.to_owned(), relation.service.clone(), column)).or_insert(Source::Both);
                }
            }
        }
    }

    fn keys(&mut self) {
        let catalogue = self.catalogue;
        for key in &catalogue.keys {
            let (child, parent) = (&catalogue.relations[&key.child], &catalogue.relations[&key.parent]);
            self.strand(&child.service, &parent.service, Kind::Key, format!("{} of {}", key.name, child.name));
            if [&key.on_delete, &key.on_update]
                .iter()
                .any(|action| !matches!(action.as_str(), "no action" | "restrict"))
            {
                self.strand(
                    &parent.service,
                    &child.service,
                    Kind::CascadeWrite,
                    format!("{} of {}", key.name, child.name),
                );
            }
            for column in &key.parent_columns {
                let reach = self.reached.entry((key.parent, *column)).or_default();
                reach.services.insert(child.service.clone());
            }
        }
    }
}

/// The kinds of dependency that a use of a relation means.
fn kinds(relation: &Relation, one: &Use) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if relation.kind == 'S' {
        return vec![Kind::Sequence];
    }
    if one.writes || one.locks {
        kinds.push(Kind::Write);
    }
    // Counting rows reads no column, but needs the relation.
    if !one.read.is_empty() || kinds.is_empty() {
        kinds.push(if relation.is_view() { Kind::Read } else { Kind::TableRead });
    }
    kinds
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(calls: i64, seconds: f64) -> f64 {
    if seconds > 0.0 { calls as f64 / seconds } else { 0.0 }
}

//! The lists of the report.

use std::collections::BTreeSet;

use super::builder::ReportBuilder;
use super::relation::Place;
use super::report::{Blast, Column, Key, Lineage, List, Origin, WriteRight};
use super::statements::Source;

impl ReportBuilder<'_> {
    /// Granted or used, each with its list.
    pub(super) fn columns(&self) -> Vec<Column> {
        let mut granted = BTreeSet::new();
        for right in &self.catalogue.rights {
            let relation = &self.catalogue.relations[&right.relation];
            for (number, column) in &relation.columns {
                if right.columns.as_ref().is_none_or(|given| given.contains(number)) {
                    for column in self.json.with_keys(format!("{}.{column}", relation.name)) {
                        granted.insert((right.service.clone(), relation.service.clone(), column));
                    }
                }
            }
        }
        let all: BTreeSet<_> = granted.iter().chain(self.used.keys()).cloned().collect();
        let column = |key: (String, String, String)| {
            let (granted, used) = (granted.contains(&key), self.used.get(&key).copied());
            let declares = self.declaring.contains(&key.0);
            let list = match used {
                None => List::NeverUsed,
                Some(Source::Run) if declares || !granted => List::NotDeclared,
                Some(Source::Declared | Source::Both) if !granted => List::Refused,
                Some(Source::Declared) if self.counted => List::NeverRun,
                Some(_) => List::Used,
            };
            Column { from: key.0, to: key.1, column: key.2, granted, used, list }
        };
        all.into_iter().map(column).collect()
    }

    pub(super) fn key_list(&self) -> Vec<Key> {
        let side = |relation: u32, columns: &[i16]| {
            let relation = &self.catalogue.relations[&relation];
            let names: Vec<_> =
                columns.iter().filter_map(|number| relation.columns.get(number)).map(String::as_str).collect();
            (relation.service.clone(), format!("{}({})", relation.name, names.join(", ")))
        };
        let keys = self.catalogue.keys.iter().map(|key| {
            let (from, child) = side(key.child, &key.columns);
            let (to, parent) = side(key.parent, &key.parent_columns);
            let (on_delete, on_update) = (key.on_delete.clone(), key.on_update.clone());
            Key { from, to, name: key.name.clone(), child, parent, on_delete, on_update, indexed: key.indexed }
        });
        keys.collect()
    }

    pub(super) fn write_rights(&self) -> Vec<WriteRight> {
        let rights = self.catalogue.rights.iter().filter(|right| right.writes).map(|right| {
            let relation = &self.catalogue.relations[&right.relation];
            WriteRight { from: right.service.clone(), to: relation.service.clone(), object: relation.name.clone() }
        });
        rights.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The origin of each column of the views that others may read.
    pub(super) fn lineage(&self) -> Vec<Lineage> {
        let views: BTreeSet<_> = self
            .catalogue
            .rights
            .iter()
            .map(|right| right.relation)
            .filter(|oid| self.catalogue.rules.contains_key(oid))
            .collect();
        let names = |places: BTreeSet<Place>| {
            places
                .into_iter()
                .map(|place| self.catalogue.named(place))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = views
            .into_iter()
            .map(|oid| {
                let view = &self.catalogue.relations[&oid];
                let columns = view.columns.iter().map(|(number, name)| Origin {
                    column: name.clone(),
                    from: names(self.catalogue.shows((oid, *number))),
                });
                Lineage {
                    view: view.name.clone(),
                    depth: self.catalogue.depth(oid),
                    columns: columns.collect(),
                    behind: names(self.catalogue.behind(oid)),
                }
            })
            .collect();
        all.sort_by(|a, b| a.view.cmp(&b.view));
        all
    }

    pub(super) fn blast(&self, rate: &dyn Fn(i64) -> f64) -> Vec<Blast> {
        let mut all: Vec<_> = self
            .reached
            .iter()
            .filter_map(|(place, reach)| {
                Some(Blast {
                    column: self.catalogue.named(*place),
                    owner: self.catalogue.relations.get(&place.0)?.service.clone(),
                    services: reach.services.iter().cloned().collect(),
                    statements: reach.statements,
                    calls_per_second: rate(reach.calls),
                })
            })
            .collect();
        all.sort_by(|a, b| {
            let width = |one: &Blast| (one.services.len(), one.statements);
            width(b).cmp(&width(a)).then_with(|| a.column.cmp(&b.column))
        });
        all
    }
}

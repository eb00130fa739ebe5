//! From views down to tables.

use std::collections::BTreeSet;

use super::catalogue::Catalogue;
use super::relation::Place;

impl Catalogue {
    /// Tables' columns that an output column shows or is computed from, through any number of views.
    pub(super) fn shows(&self, place: Place) -> BTreeSet<Place> {
        self.follow(place, &mut BTreeSet::new())
    }

    fn follow(&self, place: Place, seen: &mut BTreeSet<Place>) -> BTreeSet<Place> {
        let Some(rule) = self.rules.get(&place.0) else {
            return BTreeSet::from([place]);
        };
        if !seen.insert(place) {
            return BTreeSet::new();
        }
        let at = usize::try_from(place.1 - 1).unwrap_or(usize::MAX);
        match rule.origins.get(at) {
            Some(origin) if origin.0 != 0 => self.follow(*origin, seen),
            _ => rule.uses.iter().flat_map(|used| self.follow(*used, seen)).collect(),
        }
    }

    /// Tables' columns that decide which rows a view has: used by its rule or by views below, but not shown unchanged by one of its columns.
    pub(super) fn behind(&self, view: u32) -> BTreeSet<Place> {
        let Some(rule) = self.rules.get(&view) else {
            return BTreeSet::new();
        };
        let hidden = rule.uses.iter().filter(|used| !rule.origins.contains(used));
        let mut found: BTreeSet<Place> = hidden.flat_map(|used| self.shows(*used)).collect();
        let below: BTreeSet<u32> = rule.uses.iter().map(|(relation, _)| *relation).collect();
        found.extend(below.iter().flat_map(|relation| self.behind(*relation)));
        found
    }

    /// Views between this relation and tables: 0 of a table, 1 of a view over tables.
    pub(super) fn depth(&self, relation: u32) -> u32 {
        let below =
            self.rules.get(&relation).map(|rule| rule.uses.iter().map(|(one, _)| *one).collect::<BTreeSet<_>>());
        below.map_or(0, |below| 1 + below.iter().map(|one| self.depth(*one)).max().unwrap_or(0))
    }

    /// `schema.relation.column`.
    pub(super) fn named(&self, place: Place) -> String {
        let relation = self.relations.get(&place.0);
        let column = relation.and_then(|one| one.columns.get(&place.1));
        format!("{}.{}", relation.map_or("?", |one| &one.name), column.map_or("?", String::as_str))
    }
}

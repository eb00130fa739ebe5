//! Ways through what is stored: views, materialized views, functions that run as their owner.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Place, Ways};
use super::{Access, Way};

impl Ways {
    /// What a view or a materialized view shows to this reader, of all its columns or of some.
    pub(super) fn view(
        &self,
        found: &mut Vec<Way>,
        role: &str,
        oid: u32,
        some: Option<&BTreeSet<i16>>,
        chain: &str,
        seen: &mut BTreeSet<u32>,
    ) {
        let Some(view) = self.relations.get(&oid).filter(|_| seen.insert(oid)) else {
            return;
        };
        let copy = view.kind == 'm';
        let reader = if view.invoker { role } else { view.owner.as_str() };
        // Of some columns: their origins; a computed one may be made of any.
        let shown = |place: &Place| match some {
            // One that only filters isn't shown; whoever sees the rows may infer it.
            None => Some(if view.body.origins.iter().any(|origin| origin == place || *origin == (0, 0)) {
                Access::Reads
            } else {
                Access::May
            }),
            Some(some) => {
                let origins: Vec<Place> = view
                    .columns
                    .keys()
                    .zip(&view.body.origins)
                    .filter(|(number, _)| some.contains(*number))
                    .map(|(_, origin)| *origin)
                    .collect();
                let exactly = origins.contains(place).then_some(Access::Reads);
                exactly.or_else(|| origins.contains(&(0, 0)).then_some(Access::May))
            }
        };
        let mut inner: BTreeMap<u32, BTreeSet<i16>> = BTreeMap::new();
        for place in &view.body.uses {
            let Some(access) = shown(place) else {
                continue;
            };
            if !copy && !self.may(reader).columns.contains(place) {
                continue;
            }
            let Some(base) = self.relations.get(&place.0) else {
                continue;
            };
            if base.kind == 'v' {
                inner.entry(place.0).or_default().insert(place.1);
                continue;
            }
            let (rows, what) = if copy { (Access::Reads, "") } else { self.rows(reader, place.0) };
            let access = if rows == Access::Not { Access::Not } else { access };
            let why = if some.is_none() && access == Access::May {
                format!("decides which rows {chain} shows, so it may be inferred")
            } else if copy {
                format!("(a copy of it) through the materialized view {chain}")
            } else {
                format!("through {chain}, which reads as {reader}{what}")
            };
            self.add(found, *place, access, why);
        }
        for (below, columns) in inner {
            let one = &self.relations[&below];
            let some = (columns.len() < one.columns.len()).then_some(&columns);
            self.view(found, reader, below, some, &format!("{chain} → {}", one.name), seen);
        }
        for function in view.body.calls.iter().filter(|oid| copy || self.may(role).functions.contains(*oid)) {
            self.function(found, *function, &format!("{chain} and "), &mut BTreeSet::new());
        }
        seen.remove(&oid);
    }

    /// What a function that runs as its owner may show.
    pub(super) fn function(&self, found: &mut Vec<Way>, oid: u32, chain: &str, seen: &mut BTreeSet<u32>) {
        let Some(function) = self.functions.get(&oid).filter(|one| one.definer && seen.insert(oid)) else {
            return;
        };
        let owner = function.owner.as_str();
        let may = self.may(owner);
        let Some(body) = &function.body else {
            let why = format!("through {chain}{}, which runs as {owner} and whose body isn't known", function.name);
            let tables =
                may.columns.iter().filter(|place| self.relations.get(&place.0).is_some_and(|one| one.kind != 'v'));
            found.extend(tables.map(|place| Way { place: *place, access: Access::May, why: why.clone() }));
            return;
        };
        for place in body.uses.iter().filter(|place| may.columns.contains(place)) {
            let why = format!("through {chain}function {}, which runs as {owner}", function.name);
            match self.relations.get(&place.0) {
                Some(one) if one.is_view() => {
                    let some = BTreeSet::from([place.1]);
                    self.view(
                        found,
                        owner,
                        place.0,
                        Some(&some),
                        &format!("{chain}function {} → {}", function.name, one.name),
                        &mut BTreeSet::new(),
                    );
                    if one.kind == 'm' {
                        self.add(found, *place, Access::Reads, why);
                    }
                }
                _ => {
                    let (access, rows) = self.rows(owner, place.0);
                    self.add(found, *place, access, format!("{why}{rows}"));
                }
            }
        }
        for inner in body.calls.iter().filter(|oid| may.functions.contains(*oid)) {
            self.function(found, *inner, &format!("{chain}function {} and ", function.name), seen);
        }
    }
}

//! The ways to a table's column: rights, memberships, views, copies, functions that run as their owner, parents and partitions.
//!
//! Whether a role has a right is asked of Postgres (`has_column_privilege`), once for each role; which columns a view or a function reads is what the
//! server itself noted to check rights.

use std::collections::{BTreeMap, BTreeSet};

use super::{Access, ReadableColumn};
use crate::error::Result;
use crate::session::Session;

mod bodies;
mod catalogue;

pub(super) use catalogue::Ways;
use catalogue::{May, Place, Relation};

/// Which rights give a relation, or one of its columns.
type Reason<'a> = &'a dyn Fn(&str, &str) -> Vec<String>;

/// One way to one column.
struct Way {
    place: Place,
    access: Access,
    why: String,
}

impl Ways {
    /// Every way of this role to a table's column. `reason` says which right gives it a relation or one of its columns.
    pub(super) fn of(&mut self, session: &mut Session, role: &str, reason: Reason<'_>) -> Result<Vec<ReadableColumn>> {
        let identities = self.identities(role);
        let mut owners: BTreeSet<String> =
            self.relations.values().filter(|one| one.is_view()).map(|one| one.owner.clone()).collect();
        owners.extend(self.functions.values().filter(|one| one.definer).map(|one| one.owner.clone()));
        owners.extend(identities.iter().map(|(name, _)| name.clone()));
        for name in owners {
            self.ask(session, &name)?;
        }
        let mut found: Vec<Way> = Vec::new();
        for (name, label) in &identities {
            let sure: BTreeSet<Place> =
                found.iter().filter(|way| way.access == Access::Reads).map(|way| way.place).collect();
            let more = self.ways(name, if name == role { Some(reason) } else { None });
            // What the role reads as itself needs no other identity.
            found.extend(more.into_iter().filter(|way| !sure.contains(&way.place)).map(|way| Way {
                why: if label.is_empty() { way.why } else { format!("{label}: {}", way.why) },
                ..way
            }));
        }
        let named = |way: Way| {
            let relation = self.relations.get(&way.place.0)?;
            let column = format!("{}.{}", relation.name, relation.columns.get(&way.place.1)?);
            Some(ReadableColumn { role: role.to_owned(), column, access: way.access, why: way.why })
        };
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// The role itself, and those that it can become, each with how.
    fn identities(&self, role: &str) -> Vec<(String, String)> {
        let mut found = vec![(role.to_owned(), String::new())];
        let mut seen = BTreeSet::from([role.to_owned()]);
        let mut at = 0;
        while at < found.len() {
            let (name, way) = found[at].clone();
            at += 1;
            let so_far = |how: String| if way.is_empty() { how } else { format!("{way}, which {how}") };
            for (group, sets, admin) in self.groups.get(&name).into_iter().flatten() {
                if (*sets || *admin) && seen.insert(group.clone()) {
                    let superuser = if self.is_superuser(group) { ", a superuser" } else { "" };
                    let how = if *sets {
                        "may set role"
                    } else {
                        "has the admin option, so may make itself a full member of"
                    };
                    found.push((group.clone(), so_far(format!("{how} {group}{superuser}"))));
                }
            }
            if self.before_16 && self.roles.get(&name).is_some_and(|one| one.create_role) && !self.is_superuser(&name) {
                for other in self.roles.iter().filter(|(_, one)| !one.superuser).map(|(other, _)| other) {
                    if seen.insert(other.clone()) {
                        let how = format!("may make itself a member of {other} (CREATEROLE, before 16)");
                        found.push((other.clone(), so_far(how)));
                    }
                }
            }
        }
        found
    }

    fn is_superuser(&self, role: &str) -> bool {
        self.roles.get(role).is_some_and(|one| one.superuser)
    }

    fn may(&self, role: &str) -> &May {
        static NOTHING: May = May {
            columns: BTreeSet::new(),
            schemas: BTreeSet::new(),
            functions: BTreeSet::new(),
            policies: BTreeSet::new(),
            is: BTreeSet::new(),
        };
        self.may.get(role).unwrap_or(&NOTHING)
    }

    /// What row level security does to this reader of a table: none, some rows, no row.
    fn rows(&self, role: &str, relation: u32) -> (Access, &'static str) {
        let free = (Access::Reads, "");
        let Some(one) = self.relations.get(&relation) else {
            return free;
        };
        let exempt = self.roles.get(role).is_some_and(|one| one.superuser || one.bypasses);
        let owns = self.may(role).is.contains(&one.owner);
        match one.rows {
            (false, _) => free,
            _ if exempt => free,
            (true, false) if owns => free,
            _ if self.may(role).policies.contains(&relation) => (Access::Reads, ", the rows that its policies show"),
            // The owner may switch it off.
            _ if owns => (Access::Reads, ", whose row level security it may switch off"),
            _ => (Access::Not, ", but row level security lets it see no row"),
        }
    }

    fn ways(&self, role: &str, reason: Option<Reason<'_>>) -> Vec<Way> {
        let mut found = Vec::new();
        let may = self.may(role);
        let mut granted: BTreeMap<u32, BTreeSet<i16>> = BTreeMap::new();
        for (relation, column) in &may.columns {
            granted.entry(*relation).or_default().insert(*column);
        }
        for (oid, columns) in &granted {
            let Some(relation) = self.relations.get(oid) else {
                continue;
            };
            let closed = !may.schemas.contains(&relation.schema);
            for column in columns.iter().filter(|_| relation.kind != 'v') {
                let name = &relation.columns[column];
                let mut reasons = reason.map(|reason| reason(&relation.name, name)).unwrap_or_default();
                if reasons.is_empty() {
                    reasons.push(self.beyond_rights(role));
                }
                for reason in reasons {
                    let (access, why) = if closed {
                        (
                            Access::Not,
                            format!("has SELECT ({reason}), but no USAGE on schema {}: can't", relation.schema),
                        )
                    } else {
                        let (access, rows) = self.rows(role, *oid);
                        let may = if access == Access::Reads { "may read" } else { "has SELECT on" };
                        (access, format!("{may} the table{rows}: {reason}"))
                    };
                    self.add(&mut found, (*oid, *column), access, why);
                }
            }
            if relation.is_view() && !closed {
                let some = (columns.len() < relation.columns.len()).then_some(columns);
                self.view(&mut found, role, *oid, some, &relation.name, &mut BTreeSet::new());
            }
        }
        for oid in &may.functions {
            if self.functions.get(oid).is_some_and(|one| may.schemas.contains(&one.schema)) {
                self.function(&mut found, *oid, "", &mut BTreeSet::new());
            }
        }
        found
    }

    /// Where no right says why.
    fn beyond_rights(&self, role: &str) -> String {
        let is = |group: &str| self.may(role).is.contains(group);
        if self.is_superuser(role) {
            format!("{role} is a superuser")
        } else if is("pg_read_all_data") {
            "belongs to pg_read_all_data".to_owned()
        } else {
            format!("a right of {role}")
        }
    }

    /// Adds a way, and those to the same column of children (a parent's reader needs no right on them) and of parents (whose rows are partly here).
    fn add(&self, found: &mut Vec<Way>, place: Place, access: Access, why: String) {
        let Some(name) = self.relations.get(&place.0).and_then(|one| one.columns.get(&place.1)) else {
            return;
        };
        if access == Access::Reads {
            let mut open = vec![place.0];
            let mut seen = BTreeSet::from([place.0]);
            while let Some(at) = open.pop() {
                for (child, one) in self.relations.iter().filter(|(_, one)| one.parents.contains(&at)) {
                    if seen.insert(*child) {
                        open.push(*child);
                        self.beside(
                            found,
                            (*child, one),
                            name,
                            format!("through its parent {}: {why}", self.relations[&place.0].name),
                        );
                    }
                }
            }
            let mut open = vec![place.0];
            while let Some(at) = open.pop() {
                for parent in self.relations.get(&at).into_iter().flat_map(|one| &one.parents) {
                    if let Some(one) = self.relations.get(parent).filter(|_| seen.insert(*parent)) {
                        open.push(*parent);
                        self.beside(
                            found,
                            (*parent, one),
                            name,
                            format!("a part of its rows, through {}: {why}", self.relations[&place.0].name),
                        );
                    }
                }
            }
        }
        found.push(Way { place, access, why });
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn beside(&self, found: &mut Vec<Way>, (oid, one): (u32, &Relation), column: &str, why: String) {
        if let Some(number) = one.columns.iter().find(|(_, name)| *name == column).map(|(number, _)| *number) {
            found.push(Way { place: (oid, number), access: Access::Reads, why });
        }
    }
}

//! What a comparison needs to know of the file and the server.

use std::collections::BTreeSet;

use super::rehearsal::{Rehearsal, SECTIONS, rehearse};
use crate::error::Result;
use crate::grantor::Grantor;
use crate::roles::{RolesFile, words};
use crate::session::Session;

/// Attributes that only a superuser gives or takes.
pub(super) const POWERS: [&str; 5] = ["superuser", "createdb", "createrole", "replication", "bypassrls"];

/// Options of a check.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who may do what.
    pub file: RolesFile,
    /// Compare connection limits? Test clusters have none.
    pub connection_limits: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { file: RolesFile::default(), connection_limits: true }
    }
}

/// One look.
pub(super) struct Look<'a> {
    pub(super) file: &'a RolesFile,
    pub(super) administrator: String,
    pub(super) managed: Vec<String>,
    /// Managed, and the administrator.
    pub(super) roles: Vec<String>,
    /// Roles there are.
    pub(super) existing: BTreeSet<String>,
    pub(super) database: String,
    pub(super) superuser: bool,
    pub(super) sections: Vec<&'static str>,
    pub(super) connection_limits: bool,
    /// What the file makes of roles.
    pub(super) rehearsal: Rehearsal,
    /// Words of the names of objects whose owner the file says: `alter … owner to`.
    pub(super) owned: BTreeSet<Vec<String>>,
}

impl<'a> Look<'a> {
    pub(super) fn new(session: &mut Session, options: &'a Options) -> Result<Self> {
        let (administrator, mut managed) = (options.file.administrator(), options.file.managed());
        let superuser = session.is_superuser()?;
        let rehearsal = rehearse(session, &options.file)?;
        managed.retain(|role| !rehearsal.kept.contains(role));
        let named: Vec<String> = rehearsal
            .created
            .iter()
            .filter(|role| **role != administrator && !managed.contains(role))
            .cloned()
            .collect();
        managed.extend(named);
        let mut roles = managed.clone();
        // The file of another team may name no administrator.
        roles.extend((!administrator.is_empty()).then(|| administrator.clone()));
        let of_superuser = ["administrator", "superuser"];
        let database: String = session.value("select current_database()::text")?;
        let all = SECTIONS.iter().flat_map(|section| options.file.section(section, &database));
        let owned = all.filter_map(|statement| owned(&statement.sql)).collect();
        Ok(Self {
            file: &options.file,
            administrator,
            managed,
            roles,
            existing: session.texts("select rolname::text from pg_roles")?.into_iter().collect(),
            database,
            superuser,
            sections: SECTIONS.into_iter().filter(|name| superuser || !of_superuser.contains(name)).collect(),
            connection_limits: options.connection_limits,
            rehearsal,
            owned,
        })
    }

    /// How rights are given and taken here.
    pub(super) fn grantor(&self) -> Grantor {
        if self.superuser { Grantor::Superuser } else { Grantor::SetRole }
    }

    /// Does the file say whose objects are? Only a superuser can try that out.
    pub(super) fn says_owners(&self) -> bool {
        self.superuser && !self.owned.is_empty()
    }
}

/// Of `alter table only shop.items owner to maker`: `shop`, `.`, `items`.
fn owned(sql: &str) -> Option<Vec<String>> {
    const KINDS: [&str; 11] = [
        "materialized",
        "foreign",
        "view",
        "table",
        "sequence",
        "routine",
        "function",
        "procedure",
        "aggregate",
        "type",
        "domain",
    ];
    let all = words(sql);
    let (_, kind) = all.split_first().filter(|(first, _)| *first == "alter")?;
    let known = kind.iter().take_while(|word| KINDS.contains(&word.as_str())).count();
    let rest = &kind[known..];
    let skipped = rest.iter().take_while(|word| ["if", "exists", "only"].contains(&word.as_str())).count();
    let name = &rest[skipped..];
    let end = name.windows(2).position(|two| two == ["owner", "to"])?;
    (known > 0).then(|| name[..end].to_vec())
}

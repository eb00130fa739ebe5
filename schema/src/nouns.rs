//! What the services show each other, as a list: from the views (whose a noun is) and from `copies.sql` (its columns and key).

use std::sync::OnceLock;

use crate::embedded::{COPIES, VIEWS};
use crate::roles::{statements, words};

/// A view in `published`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noun {
    /// Its name, without the schema.
    pub name: String,
    /// The service that shows it.
    pub owner: &'static str,
    /// Its columns, in the order of the view.
    pub columns: Vec<String>,
    /// Those that identify a row.
    pub key: Vec<String>,
}

impl Noun {
    /// A feed: its rows are changes, and never change.
    #[must_use]
    pub fn is_feed(&self) -> bool {
        self.columns.iter().any(|column| column == "xid") && self.name != "feed_cursors"
    }

    /// All of them, by name.
    #[must_use]
    pub fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Noun>> = OnceLock::new();
        ALL.get_or_init(|| tables().filter_map(|sql| noun(&sql)).collect())
    }

    /// The one of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|noun| noun.name == name)
    }
}

/// Where a watch begins and ends among copied changes: two CTEs, `begun` and `ended`, after one that is named `put` and returns the rows which this statement
/// has added to `published.registry_changes`. The owner's positions mean nothing in another database; here they are this transaction's.
#[must_use]
pub fn watch_positions() -> String {
    const NOW: &str = "pg_catalog.pg_current_xact_id()";
    // Whoever watches what is deleted is told of that: the watch ends after it.
    let end = format!(
        "case when exists (select from put d where d.entity_id = c.before ->> 'targetId' and d.kind like '%Deleted')
                then ({NOW}::text::bigint + 1)::text::xid8 else {NOW} end"
    );
    let watch = |cte: &str, column: &str, kind: &str, side: &str, at: &str, value: &str| {
        format!(
            "{cte} as (
            update published.watchers w set {column} = {value} from put c
            where c.kind = '{kind}' and w.organisation_id = c.organisation_id and w.kind = c.{side} ->> 'kind'
                and w.target_id = (c.{side} ->> 'targetId')::uuid and w.profile_id = (c.{side} ->> 'profileId')::uuid
                and w.{at} = c.at
        )"
        )
    };
    let begun = watch("begun", "created_xid", "WatchCreated", "after", "created_at", NOW);
    format!("{begun}, {}", watch("ended", "ended_xid", "WatchEnded", "before", "ended_at", &end))
}

fn tables() -> impl Iterator<Item = String> {
    statements(COPIES, 1).into_iter().map(|statement| statement.sql).filter(|sql| sql.starts_with("create table "))
}

/// Of a table in `copies.sql`: a column on each line, the key on the last.
fn noun(sql: &str) -> Option<Noun> {
    let mut lines = sql.lines().map(str::trim);
    let name = lines.next()?.split(['.', ' ']).nth(3)?.to_owned();
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for line in lines {
        if let Some(list) = line.strip_prefix("primary key (") {
            key = list.trim_end_matches(')').split(", ").map(str::to_owned).collect();
        } else if let Some((column, _)) = line.split_once(' ') {
            columns.push(column.to_owned());
        }
    }
    let shows = |sql: &str| {
        statements(sql, 1).iter().any(|statement| {
            statement.sql.starts_with("create ")
                && words(&statement.sql).windows(3).any(|w| w == ["published", ".", &name])
        })
    };
    let owner = VIEWS.iter().find(|(_, sql)| shows(sql))?.0;
    Some(Noun { name, owner, columns, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_copy_is_a_noun_with_its_owner_and_key() {
        assert_eq!(Noun::all().len(), tables().count());
        let persons = Noun::find("persons").unwrap();
        assert_eq!((persons.owner, persons.is_feed()), ("profile", false));
        assert_eq!(persons.columns, ["organisation_id", "id", "name", "job_title"]);
        assert_eq!(persons.key, ["organisation_id", "id"]);
        let feeds: Vec<_> = Noun::all().iter().filter(|noun| noun.is_feed()).map(|noun| noun.name.as_str()).collect();
        assert_eq!(feeds, ["account_changes", "billing_changes", "profile_changes", "registry_changes"]);
        assert!(
            Noun::all()
                .iter()
                .all(|noun| !noun.key.is_empty() && noun.key.iter().all(|key| noun.columns.contains(key)))
        );
    }
}

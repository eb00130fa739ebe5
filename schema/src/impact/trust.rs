//! Whose code runs in a superuser's session: what services run is executed there as their logins, and code may take the superuser's rights back.

use super::report::Impact;
use crate::error::Result;
use crate::session::Session;

/// So many are named.
const NAMED: usize = 5;

/// Roles that are no superusers and own functions; who wrote one in C or made an extension was a superuser.
const OWNERS: &str = "
select distinct o.rolname::text from pg_proc p join pg_language l on l.oid = p.prolang join pg_roles o on o.oid = p.proowner
where p.oid >= 16384 and not o.rolsuper and l.lanname not in ('c', 'internal') order by 1";

/// Those, where this session is a superuser's.
pub(super) fn owners(session: &mut Session) -> Result<Vec<String>> {
    if session.is_superuser()? { session.texts(OWNERS) } else { Ok(Vec::new()) }
}

impl Impact {
    /// Warns of them.
    pub(super) fn note_owners(&mut self, owners: &[String]) {
        if !owners.is_empty() {
            self.warnings.push(format!(
                "this session is a superuser's, and trying the change may run functions of {}: one of them could act as the superuser. Where their owners aren't trusted, restore the database on a server of its own and ask there",
                named(owners)
            ));
        }
    }
}

fn named(owners: &[String]) -> String {
    let more = owners.len().saturating_sub(NAMED);
    let named = owners[..owners.len() - more].join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn at_most_five_are_named() {
        let of = |count: usize| named(&(1..=count).map(|n| format!("r{n}")).collect::<Vec<_>>());
        assert_eq!(of(2), "r1, r2");
        assert_eq!(of(5), "r1, r2, r3, r4, r5");
        assert_eq!(of(7), "r1, r2, r3, r4, r5 and 2 more");
    }
}

//! Which objects and roles belong to which service.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::error::{Result, from_toml, read_toml};

/// Rules from a file; without rules, names decide.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owners {
    /// By service.
    #[serde(default)]
    services: BTreeMap<String, Belongings>,
    /// Roles that are no service's: their statements and rights don't count.
    #[serde(default)]
    ignore: BTreeSet<String>,
}

/// What belongs to a service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Belongings {
    /// Logins that run its statements, and roles whose objects are its own.
    #[serde(default)]
    roles: BTreeSet<String>,
    /// Schemas whose objects are its own, with any owner.
    #[serde(default)]
    schemas: BTreeSet<String>,
    /// `schema.name` of objects that are its own, in any schema.
    #[serde(default)]
    objects: BTreeSet<String>,
}

/// Endings of names that tell the purpose of a role, not its service.
const ENDINGS: &str = "owner publisher reader writer read write ro rw api app login user team service svc";

/// The part of a role's name that it shares with the other roles of its service: `sales` of `sales_reader` or `svc_sales`.
#[must_use]
pub fn stem(role: &str) -> &str {
    let role = role.strip_prefix("svc_").unwrap_or(role);
    let purpose = |ending| role.strip_suffix(ending)?.strip_suffix('_');
    ENDINGS.split(' ').find_map(purpose).filter(|stem| !stem.is_empty()).unwrap_or(role)
}

impl Owners {
    /// Reads a map:
    ///
    /// ```toml
    /// ignore = ["backup"]
    /// [services.sales]
    /// roles = ["sales_team", "till"]
    /// schemas = ["sales"]
    /// objects = ["public.orders"]
    /// ```
    pub fn read(path: &Path) -> Result<Self> {
        read_toml(path)
    }

    /// The same from text.
    pub fn parse(text: &str) -> Result<Self> {
        from_toml(text)
    }

    /// The service of an object: by the map (the object, its schema, its owner), else by its owner's name, else (one role owns everything, or an
    /// administrator owns this) by its schema.
    pub(super) fn of_object(&self, object: &str, schema: &str, owner: Option<&str>) -> String {
        let rules: [&dyn Fn(&Belongings) -> bool; 3] =
            [&|one| one.objects.contains(object), &|one| one.schemas.contains(schema), &|one| {
                owner.is_some_and(|owner| one.roles.contains(owner))
            }];
        rules
            .iter()
            .find_map(|rule| self.services.iter().find(|(_, one)| rule(one)))
            .map_or_else(|| owner.map_or(schema, stem).to_owned(), |(service, _)| service.clone())
    }

    /// The service of a role; none if it belongs to no service.
    pub(super) fn of_role(&self, role: &str) -> Option<String> {
        if self.ignore.contains(role) {
            return None;
        }
        let mapped = self.services.iter().find(|(_, one)| one.roles.contains(role));
        Some(mapped.map_or_else(|| stem(role).to_owned(), |(service, _)| service.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Owners, stem};

    #[test]
    fn names_say_whose() {
        for role in ["sales_owner", "sales_reader", "svc_sales", "sales"] {
            assert_eq!(stem(role), "sales");
        }
        assert_eq!(stem("_owner"), "_owner");
    }

    #[test]
    fn the_map_goes_first_and_objects_before_schemas() -> crate::Result<()> {
        let owners = Owners::parse(
            "ignore = ['backup']\n[services.sales]\nroles = ['till']\nschemas = ['public']\n[services.stock]\nobjects = ['public.items']",
        )?;
        assert_eq!(owners.of_object("public.items", "public", Some("till")), "stock");
        assert_eq!(owners.of_object("public.orders", "public", Some("stock_owner")), "sales");
        assert_eq!(owners.of_object("other.things", "other", Some("till")), "sales");
        assert_eq!(owners.of_object("other.things", "other", None), "other");
        assert_eq!(owners.of_role("till").as_deref(), Some("sales"));
        assert_eq!(owners.of_role("backup"), None);
        assert!(Owners::parse("[services.sales]\ntables = []").is_err());
        Ok(())
    }
}

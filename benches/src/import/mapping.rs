//! From a catalogue's rows to what is asked of the services.
//!
//! | catalogue | here |
//! | --- | --- |
//! | provider | an organisation, on the smallest built-in plan that holds what the provider has (by use where that costs less than team), with a test card where it costs anything |
//! | first category, or `uncategorised` | a domain |
//! | service, or `general` | a sub domain of that domain |
//! | id | the API's name |
//! | title, or else the id | its title |
//! | the first two whole numbers of version, or else 0.1 | its version: `2018-05-01` is 2018.5, `v1` is 0.1 |
//! | version as written, openapi, operations | its description |
//! | categories | its tags |

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::Row;

/// Where rows without a category go.
pub const NO_CATEGORY: &str = "uncategorised";
/// Where rows without a service go.
pub const NO_SERVICE: &str = "general";
/// What one API may have at most.
const TAGS_MAX: usize = 20;
/// The largest number a version's part may be.
const VERSION_PART_MAX: i64 = i32::MAX as i64;

/// An API as it will be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The catalogue's id.
    pub name: String,
    /// For people.
    pub title: String,
    /// Holds what has no field of its own.
    pub description: String,
    /// Lower case, each once.
    pub tags: Vec<String>,
    /// Name of its domain.
    pub domain: String,
    /// Name of its sub domain.
    pub sub_domain: String,
    /// First version: major and minor.
    pub version: (i64, i64),
}

/// What one provider has.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The provider's name.
    pub name: String,
    /// In the catalogue's order.
    pub apis: Vec<Api>,
}

impl Tenant {
    /// Names of its domains.
    pub fn domains(&self) -> BTreeSet<&str> {
        self.apis.iter().map(|api| api.domain.as_str()).collect()
    }

    /// Names of its sub domains, each with its domain's.
    pub fn sub_domains(&self) -> BTreeSet<(&str, &str)> {
        let names = self.apis.iter();
        names.map(|api| (api.domain.as_str(), api.sub_domain.as_str())).collect()
    }
}

/// One organisation per provider, those with most APIs first: they take longest, and nobody waits for one at the end.
pub fn tenants(rows: &[Row]) -> Vec<Tenant> {
    let mut by_provider: BTreeMap<&str, Vec<Api>> = BTreeMap::new();
    for row in rows {
        by_provider.entry(row.provider.as_str()).or_default().push(api(row));
    }
    let mut tenants: Vec<Tenant> =
        by_provider.into_iter().map(|(name, apis)| Tenant { name: name.to_owned(), apis }).collect();
    tenants.sort_by_key(|tenant| std::cmp::Reverse(tenant.apis.len()));
    tenants
}

fn api(row: &Row) -> Api {
    let text = |value: &Option<String>| {
        let value = value.as_deref().map(str::trim).filter(|value| !value.is_empty());
        value.map(str::to_owned)
    };
    let category = row.categories.iter().find(|category| !category.trim().is_empty());
    Api {
        name: row.id.clone(),
        title: text(&row.title).unwrap_or_else(|| row.id.clone()),
        description: description(row),
        tags: tags(&row.categories),
        domain: category.map_or(NO_CATEGORY, |category| category.trim()).to_owned(),
        sub_domain: text(&row.service).unwrap_or_else(|| NO_SERVICE.to_owned()),
        version: version(&row.version),
    }
}

fn description(row: &Row) -> String {
    let mut text = format!("Version in the catalogue: {}.", row.version);
    if let Some(openapi) = &row.openapi {
        text += &format!(" OpenAPI {openapi}.");
    }
    if let Some(operations) = row.operations {
        text += &format!(" Operations: {operations}.");
    }
    text
}

fn tags(categories: &[String]) -> Vec<String> {
    let mut tags = Vec::new();
    for category in categories {
        let tag = category.trim().to_lowercase();
        if !tag.is_empty() && !tags.contains(&tag) && tags.len() < TAGS_MAX {
            tags.push(tag);
        }
    }
    tags
}

/// The first two whole numbers in the text, else 0.1: one number alone says too little to be trusted with a meaning.
fn version(text: &str) -> (i64, i64) {
    let mut numbers = text
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        // Digits alone fail to parse only by being too many.
        .map(|digits| digits.parse().unwrap_or(i64::MAX).min(VERSION_PART_MAX));
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor),
        _ => (0, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::catalogue;

    fn rows(lines: &str) -> Vec<Row> {
        catalogue::parse(lines.as_bytes()).unwrap()
    }

    #[test]
    fn versions() {
        for (text, expected) in [
            ("1.2.0", (1, 2)),
            ("2018-05-01", (2018, 5)),
            ("v1", (0, 1)),
            ("6", (0, 1)),
            ("partner", (0, 1)),
            ("", (0, 1)),
            ("v1beta3", (1, 3)),
            ("20230406.1", (20_230_406, 1)),
            ("1.99999999999999999999999", (1, VERSION_PART_MAX)),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_missing_gets_a_name() {
        let tenants =
            tenants(&rows(r#"{"id":"a.com","provider":"a.com","version":"1.0","title":" ","categories":[]}"#));
        let api = &tenants[0].apis[0];
        assert_eq!((api.domain.as_str(), api.sub_domain.as_str()), (NO_CATEGORY, NO_SERVICE));
        assert_eq!(api.title, "a.com");
        assert_eq!(api.description, "Version in the catalogue: 1.0.");
    }

    #[test]
    fn tags_are_lower_case_and_stand_once() {
        let many: Vec<String> = (0..30).map(|n| format!("T{n}")).collect();
        assert_eq!(tags(&["Cloud".into(), "cloud".into(), " ".into()]), ["cloud"]);
        assert_eq!(tags(&many).len(), TAGS_MAX);
    }

    #[test]
    fn the_whole_catalogue_maps() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/catalogue.jsonl");
        let rows = catalogue::read(std::path::Path::new(file)).unwrap();
        let tenants = tenants(&rows);
        assert_eq!((rows.len(), tenants.len()), (2639, 698));
        assert_eq!(tenants[0].apis.len(), 641, "the largest comes first");
        let dates = rows.iter().filter(|row| version(&row.version).0 > 1990).count();
        assert!(dates > 900, "{dates} dates");
    }
}

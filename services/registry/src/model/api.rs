//! APIs.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::Queryable;
use kit::body::{nullable_object, present};
use kit::id::{ApiId, ProfileId, SubDomainId};
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::patch::or_present;
use super::{DESCRIPTION_MAX, NAME_MAX, NewVersion, Person, Reference, Status, TITLE_MAX, VersionSummary};

/// The most tags an API may have.
const TAGS_MAX: usize = 20;
/// Keys that every change of an API carries.
const KNOWN_BY: [&str; 3] = ["name", "domainId", "subDomainId"];
/// The most characters a tag may have.
pub(super) const TAG_MAX: usize = 50;

/// An API, with its owners, its place, its versions and its tags.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Api {
    /// Its id.
    pub id: ApiId,
    /// Unique in the organisation, whatever the case.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// Lower case, sorted.
    pub tags: Vec<String>,
    /// Who answers for it.
    pub business_owner: Option<Person>,
    /// Who runs it.
    pub technical_owner: Option<Person>,
    /// The domain of its sub domain.
    pub domain: Reference,
    /// Where it is.
    pub sub_domain: Reference,
    /// By major and minor.
    pub versions: Vec<VersionSummary>,
    /// The ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it, a version or a tag of it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a client may say of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Unique in the organisation, whatever the case.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// All its tags.
    pub tags: BTreeSet<String>,
    /// Who answers for it.
    pub business_owner_id: Option<ProfileId>,
    /// Who runs it.
    pub technical_owner_id: Option<ProfileId>,
}

impl Api {
    /// What a change says of it: keys as in `changes.yaml`. Its versions have changes of their own.
    pub fn change(&self) -> Map<String, Value> {
        let keys = json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "tags": self.tags,
            "businessOwnerId": self.business_owner.as_ref().map(|owner| owner.id),
            "technicalOwnerId": self.technical_owner.as_ref().map(|owner| owner.id),
            "domainId": self.domain.id,
            "subDomainId": self.sub_domain.id,
        });
        match keys {
            Value::Object(keys) => keys,
            _ => Map::new(),
        }
    }

    /// What a change says of it before and after: what differs, and by what people know it.
    pub fn difference(&self, after: &Self) -> [Value; 2] {
        let (mut was, mut is) = (self.change(), after.change());
        let same = |key: &String, other: &Map<String, Value>, value: &Value| {
            other.get(key) == Some(value) && !KNOWN_BY.contains(&key.as_str())
        };
        let whole = was.clone();
        was.retain(|key, value| !same(key, &is, value));
        is.retain(|key, value| !same(key, &whole, value));
        [was, is].map(Value::Object)
    }

    /// What a change says of one of its versions.
    pub fn version_change(&self, version: VersionSummary) -> Value {
        json!({
            "name": self.name,
            "major": version.major,
            "minor": version.minor,
            "status": version.status,
            "domainId": self.domain.id,
            "subDomainId": self.sub_domain.id,
        })
    }

    /// Its fields as a client would say them.
    pub fn fields(&self) -> Asked {
        self.patched(&ApiPatch::default())
    }

    /// Its fields after a patch.
    pub fn patched(&self, patch: &ApiPatch) -> Asked {
        let [business, technical] =
            [&self.business_owner, &self.technical_owner].map(|owner| owner.as_ref().map(|owner| owner.id));
        Asked {
            name: or_present(&patch.name, &self.name),
            title: or_present(&patch.title, &self.title),
            description: or_present(&patch.description, &self.description),
            tags: patch.tags.as_ref().unwrap_or(&self.tags).iter().cloned().collect(),
            business_owner_id: or_present(&patch.business_owner_id, &business),
            technical_owner_id: or_present(&patch.technical_owner_id, &technical),
        }
    }
}

/// An API to be made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewApi {
    /// Unique in the organisation, whatever the case.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// All its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Where it is to be.
    pub sub_domain_id: SubDomainId,
    /// A person of the organisation.
    pub business_owner_id: Option<ProfileId>,
    /// A person of the organisation.
    pub technical_owner_id: Option<ProfileId>,
    /// Its first version; 0.1 if none is named.
    #[serde(default, deserialize_with = "nullable_object")]
    pub version: Option<NewVersion>,
}

impl NewApi {
    /// What its change says of it, but for the domain: keys as in `changes.yaml`.
    pub fn change(&self) -> Value {
        let NewVersion { major, minor } = self.version.unwrap_or(NewVersion::FIRST);
        let status = Status::Inception;
        let mut tags = self.tags.clone();
        tags.sort();
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "tags": tags,
            "businessOwnerId": self.business_owner_id,
            "technicalOwnerId": self.technical_owner_id,
            "versions": [VersionSummary { major, minor, status }],
            "subDomainId": self.sub_domain_id,
        })
    }
}

impl Validate for NewApi {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.name("name", &self.name, NAME_MAX);
        invalid.optional_text("title", self.title.as_deref(), 0..=TITLE_MAX);
        invalid.optional_text("description", self.description.as_deref(), 0..=DESCRIPTION_MAX);
        tags(&self.tags, invalid);
        if let Some(version) = self.version {
            version.check("version.", invalid);
        }
    }
}

/// Changes to an API; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiPatch {
    /// Another name.
    #[serde(deserialize_with = "present")]
    pub name: Option<String>,
    /// Another title, or none.
    #[serde(deserialize_with = "present")]
    pub title: Option<Option<String>>,
    /// Another description, or none.
    #[serde(deserialize_with = "present")]
    pub description: Option<Option<String>>,
    /// Instead of all tags there are.
    #[serde(deserialize_with = "present")]
    pub tags: Option<Vec<String>>,
    /// Another owner, or none.
    #[serde(deserialize_with = "present")]
    pub business_owner_id: Option<Option<ProfileId>>,
    /// Another owner, or none.
    #[serde(deserialize_with = "present")]
    pub technical_owner_id: Option<Option<ProfileId>>,
}

impl Validate for ApiPatch {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.optional_name("name", self.name.as_deref(), NAME_MAX);
        let text = |text: &Option<Option<String>>| text.clone().flatten();
        invalid.optional_text("title", text(&self.title).as_deref(), 0..=TITLE_MAX);
        invalid.optional_text("description", text(&self.description).as_deref(), 0..=DESCRIPTION_MAX);
        tags(self.tags.as_deref().unwrap_or_default(), invalid);
    }
}

fn tags(tags: &[String], invalid: &mut Invalid) {
    invalid.require(tags.len() <= TAGS_MAX, "tags", "too_many", "may be 20 at most");
    let mut seen = BTreeSet::new();
    // Only as many as may be named in an answer: the list is too long already.
    for (index, tag) in tags.iter().enumerate().take(TAGS_MAX) {
        let field = format!("tags[{index}]");
        invalid.name(&field, tag, TAG_MAX);
        invalid.require(*tag == tag.to_lowercase(), &field, "not_lower_case", "must be lower case");
        invalid.require(seen.insert(tag), &field, "duplicate", "stands there already");
    }
}

/// Where an API is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiMove {
    /// The sub domain it is to be in.
    pub sub_domain_id: SubDomainId,
}

impl Validate for ApiMove {}

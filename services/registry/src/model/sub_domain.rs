//! Sub domains: the lower level, each in one domain.

use chrono::{DateTime, Utc};
use diesel::Queryable;
use kit::body::present;
use kit::id::{DomainId, SubDomainId};
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::patch::or_present;
use super::{DESCRIPTION_MAX, NAME_MAX, Reference};

/// A sub domain.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubDomain {
    /// Its id.
    pub id: SubDomainId,
    /// Unique in its domain, whatever the case.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Where it is.
    pub domain: Reference,
    /// The ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl SubDomain {
    /// What a change says of it: keys as in `changes.yaml`.
    pub fn change(&self) -> Value {
        json!({
            "name": self.name,
            "description": self.description,
            "domainId": self.domain.id,
            "subDomainId": self.id,
        })
    }

    /// What it would be after a patch, as a new sub domain's fields.
    pub fn patched(&self, patch: &SubDomainPatch) -> NewSubDomain {
        NewSubDomain {
            name: or_present(&patch.name, &self.name),
            description: or_present(&patch.description, &self.description),
        }
    }

    /// Its own fields, as a new sub domain's.
    pub fn fields(&self) -> NewSubDomain {
        self.patched(&SubDomainPatch::default())
    }
}

/// A sub domain to be made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewSubDomain {
    /// Unique in its domain, whatever the case.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
}

impl Validate for NewSubDomain {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.name("name", &self.name, NAME_MAX);
        invalid.optional_text("description", self.description.as_deref(), 0..=DESCRIPTION_MAX);
    }
}

/// Changes to a sub domain; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SubDomainPatch {
    /// Another name.
    #[serde(deserialize_with = "present")]
    pub name: Option<String>,
    /// Another description, or none.
    #[serde(deserialize_with = "present")]
    pub description: Option<Option<String>>,
}

impl Validate for SubDomainPatch {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.optional_name("name", self.name.as_deref(), NAME_MAX);
        let description = self.description.as_ref().and_then(|text| text.as_deref());
        invalid.optional_text("description", description, 0..=DESCRIPTION_MAX);
    }
}

/// Where a sub domain is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SubDomainMove {
    /// The domain it is to be in.
    pub domain_id: DomainId,
}

impl Validate for SubDomainMove {}

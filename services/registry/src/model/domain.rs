//! Domains: the upper level of the registry's order.

use chrono::{DateTime, Utc};
use diesel::Queryable;
use kit::body::present;
use kit::id::{DomainId, ProfileId};
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::patch::or_present;
use super::{DESCRIPTION_MAX, NAME_MAX, Person};

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Domain {
    /// Its id.
    pub id: DomainId,
    /// Unique in the organisation, whatever the case.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Who answers for it.
    pub business_owner: Option<Person>,
    /// The ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Domain {
    /// What a change says of it: keys as in `changes.yaml`.
    pub fn change(&self) -> Value {
        json!({
            "name": self.name,
            "description": self.description,
            "businessOwnerId": self.business_owner.as_ref().map(|owner| owner.id),
            "domainId": self.id,
        })
    }

    /// What it would be after a patch, as a new domain's fields.
    pub fn patched(&self, patch: &DomainPatch) -> NewDomain {
        let owner = self.business_owner.as_ref().map(|owner| owner.id);
        NewDomain {
            name: or_present(&patch.name, &self.name),
            description: or_present(&patch.description, &self.description),
            business_owner_id: or_present(&patch.business_owner_id, &owner),
        }
    }

    /// Its own fields, as a new domain's.
    pub fn fields(&self) -> NewDomain {
        self.patched(&DomainPatch::default())
    }
}

/// A domain to be made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewDomain {
    /// Unique in the organisation, whatever the case.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// A person of the organisation.
    pub business_owner_id: Option<ProfileId>,
}

impl Validate for NewDomain {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.name("name", &self.name, NAME_MAX);
        invalid.optional_text("description", self.description.as_deref(), 0..=DESCRIPTION_MAX);
    }
}

/// Changes to a domain; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DomainPatch {
    /// Another name.
    #[serde(deserialize_with = "present")]
    pub name: Option<String>,
    /// Another description, or none.
    #[serde(deserialize_with = "present")]
    pub description: Option<Option<String>>,
    /// Another owner, or none.
    #[serde(deserialize_with = "present")]
    pub business_owner_id: Option<Option<ProfileId>>,
}

impl Validate for DomainPatch {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.optional_name("name", self.name.as_deref(), NAME_MAX);
        let description = self.description.as_ref().and_then(|text| text.as_deref());
        invalid.optional_text("description", description, 0..=DESCRIPTION_MAX);
    }
}

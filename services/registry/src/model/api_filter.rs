//! Which APIs of the list.

use kit::Error;
use kit::id::{DomainId, ProfileId, SubDomainId};
use serde::Deserialize;

use super::api::TAG_MAX;
use super::{NAME_MAX, Status};

/// Which APIs of the list; filters narrow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiFilter {
    /// In this domain.
    pub domain_id: Option<DomainId>,
    /// In this sub domain.
    pub sub_domain_id: Option<SubDomainId>,
    /// Owned by this person, in either role.
    pub owner_id: Option<ProfileId>,
    /// With this tag.
    pub tag: Option<String>,
    /// With a version in this state.
    pub status: Option<Status>,
    /// Whose name begins so, whatever the case.
    pub q: Option<String>,
}

impl ApiFilter {
    /// 400 for texts longer than anything they could find.
    pub fn check(&self) -> Result<(), Error> {
        let too_long = |text: &Option<String>, max| text.as_ref().is_some_and(|text| text.chars().count() > max);
        for (field, long) in [("tag", too_long(&self.tag, TAG_MAX)), ("q", too_long(&self.q, NAME_MAX))] {
            if long {
                return Err(Error::bad_request(field, "too_long", "is longer than any there could be"));
            }
        }
        Ok(())
    }
}

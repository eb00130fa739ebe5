//! The nouns: what comes in, what goes out, and what a change says of it.

mod api;
mod api_filter;
mod domain;
mod patch;
mod status;
mod sub_domain;
mod tag;
mod version;
mod watch;

pub use api::{Api, ApiMove, ApiPatch, Asked, NewApi};
pub use api_filter::ApiFilter;
pub use domain::{Domain, DomainPatch, NewDomain};
pub use status::Status;
pub use sub_domain::{NewSubDomain, SubDomain, SubDomainMove, SubDomainPatch};
pub use tag::{Tag, TagPage};
pub use version::{NewStatus, NewVersion, Number, Version, VersionSummary};
pub use watch::{NewWatch, Target, Watch, watch_change};

use diesel::Queryable;
use kit::id::ProfileId;
use serde::Serialize;
use uuid::Uuid;

/// The most characters a name may have.
const NAME_MAX: usize = 200;
/// The most characters a title may have.
const TITLE_MAX: usize = 500;
/// The most characters a description may have.
const DESCRIPTION_MAX: usize = 4000;

/// A person as an owner is shown. The id is what the owned thing's own row says; of a person who is gone it stays alone.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
pub struct Person {
    /// Its profile.
    pub id: ProfileId,
    /// What Profile shows of that person, if there is one.
    #[serde(flatten)]
    pub shown: Option<Shown>,
}

/// What is shown of a person.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// The present name.
    pub name: String,
    /// The present job title.
    pub job_title: Option<String>,
}

impl Person {
    /// Whether an owner that must be there is.
    pub fn is_there(owner: Option<&Self>) -> bool {
        owner.is_some_and(|owner| owner.shown.is_some())
    }
}

/// Something else of the registry, by id and name.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
pub struct Reference {
    /// Its id.
    pub id: Uuid,
    /// Its present name.
    pub name: String,
}

//! Who may write a profile: the person it describes, and the admins of the organisation.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use kit::Error;
use kit::auth::{Member, Scope};
use kit::id::ProfileId;

/// A member who may write the profile that the path names (`{id}`) and what belongs to it.
///
/// An extractor, so that the 403 comes before anything is said about the body.
#[derive(Clone, Copy, Debug)]
pub struct Editor;

impl Editor {
    fn of(member: &Member, request: &HttpRequest) -> Result<Self, Error> {
        // Who doesn't name the own profile must not learn whether the other one exists.
        let asked = request.match_info().get("id").and_then(|id| id.parse::<ProfileId>().ok());
        let own = asked.is_some() && asked == member.profile;
        if own || member.scope == Scope::Admin {
            Ok(Self)
        } else {
            Err(Error::forbidden("this needs the person's own login, or an admin of the organisation"))
        }
    }
}

impl FromRequest for Editor {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let member = Member::from_request(request, payload).into_inner();
        ready(member.and_then(|member| Self::of(&member, request)))
    }
}

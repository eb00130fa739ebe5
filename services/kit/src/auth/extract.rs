//! Extractors: a handler says by a parameter's type who may call it.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::{Claims, Keys, Scope};
use crate::Error;
use crate::id::{LoginId, OrganisationId, ProfileId};
use crate::path::Segment;

/// Any valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The login.
    pub login: LoginId,
    /// Its organisation; none for operators.
    pub organisation: Option<OrganisationId>,
    /// The person behind it, if linked.
    pub profile: Option<ProfileId>,
    /// What it may do.
    pub scope: Scope,
}

/// Somebody of the organisation that the path names (`{org}`), or of any where the path names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The login.
    pub login: LoginId,
    /// The organisation, of the token and of the path.
    pub organisation: OrganisationId,
    /// The person behind it, if linked.
    pub profile: Option<ProfileId>,
    /// Member or admin.
    pub scope: Scope,
}

/// A [`Member`] who may administer the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The login.
    pub login: LoginId,
    /// The organisation, of the token and of the path.
    pub organisation: OrganisationId,
    /// The person behind it, if linked.
    pub profile: Option<ProfileId>,
}

/// The platform's own staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The login.
    pub login: LoginId,
}

/// The result of checking the request's token; the extractors read it, and so never wait.
#[derive(Clone)]
struct Authentication(Result<Caller, Error>);

/// Looks at the token before anything else is done with the request.
pub(crate) async fn authenticate(request: &ServiceRequest, keys: &Arc<Keys>) {
    let token = bearer(request.headers()).map(str::to_owned);
    let result = match token {
        None => Err(Error::Unauthorized),
        Some(token) => keys.verify(&token).await.map(Caller::from),
    };
    request.extensions_mut().insert(Authentication(result));
}

fn bearer(headers: &header::HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION);
    let (scheme, token) = values.next()?.to_str().ok()?.split_once(' ')?;
    // Two of them: which one would another server on the way have believed?
    (values.next().is_none() && scheme.eq_ignore_ascii_case("bearer")).then_some(token.trim())
}

impl From<Claims> for Caller {
    fn from(claims: Claims) -> Self {
        Self { login: claims.sub, organisation: claims.org, profile: claims.profile, scope: claims.scope }
    }
}

impl Caller {
    /// Who asks; 401 without a valid token.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Error> {
        match request.extensions().get::<Authentication>() {
            Some(known) => known.0.clone(),
            None => Err(Error::Unauthorized),
        }
    }
}

impl Member {
    fn of(request: &HttpRequest) -> Result<Self, Error> {
        let caller = Caller::of(request)?;
        let Some(organisation) = caller.organisation else {
            return Err(Error::forbidden("this needs a login of the organisation"));
        };
        if let Some(text) = request.match_info().get("org") {
            let asked =
                OrganisationId::parse(text).map_err(|message| Error::bad_request("org", "invalid_format", message))?;
            if asked != organisation {
                return Err(Error::forbidden("this needs a login of the organisation"));
            }
        }
        Ok(Self { login: caller.login, organisation, profile: caller.profile, scope: caller.scope })
    }
}

impl Admin {
    fn of(request: &HttpRequest) -> Result<Self, Error> {
        let member = Member::of(request)?;
        if member.scope != Scope::Admin {
            return Err(Error::forbidden("this needs an admin of the organisation"));
        }
        Ok(Self { login: member.login, organisation: member.organisation, profile: member.profile })
    }
}

impl Operator {
    fn of(request: &HttpRequest) -> Result<Self, Error> {
        let caller = Caller::of(request)?;
        match caller.scope {
            Scope::Operator => Ok(Self { login: caller.login }),
            _ => Err(Error::forbidden("this needs an operator of the platform")),
        }
    }
}

macro_rules! extractor {
    ($($who:ident),+) => {$(
        impl FromRequest for $who {
            type Error = Error;
            type Future = Ready<Result<Self, Error>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready(Self::of(request))
            }
        }
    )+};
}
extractor!(Caller, Member, Admin, Operator);

#[cfg(test)]
mod tests {
    use super::*;
    use header::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    fn read(values: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).unwrap();
            headers.append(header::AUTHORIZATION, value);
        }
        bearer(&headers).map(str::to_owned)
    }

    proptest! {
        #[test]
        fn a_bearer_is_read_whatever_its_case(scheme in "[Bb][Ee][Aa][Rr][Ee][Rr]", token in "[A-Za-z0-9_.-]{1,80}") {
            let value = format!("{scheme} {token}");
            prop_assert_eq!(read(&[value.as_bytes()]), Some(token));
            prop_assert_eq!(read(&[value.as_bytes(), value.as_bytes()]), None, "two of them");
        }

        #[test]
        fn nothing_else_is(value in proptest::collection::vec(0x20u8..=0xfe, 0..60)) {
            prop_assume!(!value.contains(&0x7f));
            if let Some(token) = read(&[&value]) {
                prop_assert!(value[..7].eq_ignore_ascii_case(b"bearer ") && !token.starts_with(' '));
            }
        }
    }
}

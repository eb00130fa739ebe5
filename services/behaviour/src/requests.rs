//! Every operation of the five contracts as a request that is accepted, in an order in which each can be done.
//!
//! Paths and bodies hold names in braces: `{api}` is the id of the newest API made by these requests, `{api.before}` of the
//! one made before it, `{api.oldest}` of the first, which is then forgotten because it is deleted. `{salt}` is new in each
//! round. A name of which nothing is known becomes the nil UUID.

use Sender::{Myself, Nobody, Operator};

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Nobody: no token, a path of the service.
    Nobody,
    /// An admin, about the organisation: a path below it.
    Admin,
    /// An admin, a path of the service.
    Myself,
    /// An operator, a path of the service.
    Operator,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Whose operation.
    pub service: &'static str,
    /// By whom.
    pub sender: Sender,
    /// The method.
    pub method: &'static str,
    /// With names in braces.
    pub path: &'static str,
    /// The path whose ETag it must carry; empty: its own.
    pub etag_of: Option<&'static str>,
    /// JSON with names in braces; empty: none.
    pub body: &'static str,
    /// What the answer tells: a name, and where in the body its value is.
    pub keeps: Option<(&'static str, &'static str)>,
}

const fn get(service: &'static str, path: &'static str) -> Request {
    Request { service, sender: Sender::Admin, method: "GET", path, etag_of: None, body: "", keeps: None }
}

const fn post(service: &'static str, path: &'static str, body: &'static str) -> Request {
    Request { method: "POST", body, ..get(service, path) }
}

/// Of the resource's own ETag.
const fn change(service: &'static str, method: &'static str, path: &'static str, body: &'static str) -> Request {
    Request { method, body, etag_of: Some(""), ..get(service, path) }
}

const fn delete(service: &'static str, path: &'static str) -> Request {
    change(service, "DELETE", path, "")
}

impl Request {
    const fn keep(self, name: &'static str) -> Self {
        self.keep_at(name, "/id")
    }

    const fn keep_at(self, name: &'static str, pointer: &'static str) -> Self {
        Self { keeps: Some((name, pointer)), ..self }
    }

    const fn by(self, sender: Sender) -> Self {
        Self { sender, ..self }
    }

    const fn etag_of(self, path: &'static str) -> Self {
        Self { etag_of: Some(path), ..self }
    }
}

const ACCOUNT: &str = "account";
const PROFILE: &str = "profile";
const REGISTRY: &str = "registry";
const BILLING: &str = "billing";
const NOTIFICATION: &str = "notification";

const LOG_IN: Request = post(ACCOUNT, "/sessions", r#"{"email": "{admin}", "password": "{password}"}"#)
    .by(Nobody)
    .keep_at("token", "/token");

/// Signing up and logging in, for a first organisation or one more.
pub const ENTER: &[Request] = &[
    post(
        ACCOUNT,
        "/organisations",
        r#"{"name": "Walk {salt}", "plan": "payg", "admin": {"email": "{salt}@walk.example", "password": "{password}"}}"#,
    )
    .by(Nobody)
    .keep("org"),
    post(ACCOUNT, "/sessions", r#"{"email": "{operator.email}", "password": "{operator.password}"}"#)
        .by(Nobody)
        .keep_at("operator-token", "/token"),
    LOG_IN,
];

/// One more of everything that the others need. Things stand below what was made a round before, so that each statement
/// can be tried for itself.
pub const MAKE: &[Request] = &[
    post(PROFILE, "/profiles", r#"{"name": "Ada Owner", "jobTitle": "Engineer", "email": "ada-{salt}@walk.example", "timeZone": "Europe/Zurich"}"#).keep("profile"),
    post(PROFILE, "/profiles", r#"{"name": "Pat Leaver", "jobTitle": "Engineer", "email": "pat-{salt}@walk.example", "timeZone": "Europe/Zurich"}"#).keep("leaver"),
    post(ACCOUNT, "/logins", r#"{"email": "login-{salt}@walk.example", "password": "{password}", "scope": "member", "profileId": "{profile}"}"#).keep("login"),
    post(REGISTRY, "/domains", r#"{"name": "d-{salt}", "description": "d", "businessOwnerId": "{profile}"}"#).keep("domain"),
    post(REGISTRY, "/domains/{domain.before}/sub-domains", r#"{"name": "s-{salt}"}"#).keep("sub"),
    post(REGISTRY, "/apis", r#"{"name": "a-{salt}", "title": "An API", "tags": ["walk"], "subDomainId": "{sub.before}", "businessOwnerId": "{profile}", "technicalOwnerId": "{profile}", "version": {"major": 1, "minor": 0}}"#).keep("api"),
    post(REGISTRY, "/apis", r#"{"name": "b-{salt}", "subDomainId": "{sub.before}"}"#).keep("spare"),
];

/// All operations but [`ENTER`]'s and [`MAKE`]'s, on what those have made.
pub const REST: &[Request] = &[
    change(ACCOUNT, "PATCH", "", r#"{"name": "Walked {salt}"}"#),
    change(ACCOUNT, "PATCH", "", r#"{"plan": "{plan}"}"#),
    get(ACCOUNT, "/logins").keep_at("admin-login", "/items/0/id"),
    change(ACCOUNT, "PATCH", "/logins/{login.before}", r#"{"profileId": "{profile.before}"}"#),
    change(ACCOUNT, "PATCH", "/logins/{login.before}", r#"{"disabled": false, "email": "again-{salt}@walk.example"}"#),
    // The admin is linked to a person, and logs in again for a token that says so: watches are for persons.
    change(ACCOUNT, "PATCH", "/logins/{admin-login}", r#"{"profileId": "{profile.before}"}"#),
    LOG_IN,
    Request { method: "PUT", ..post(ACCOUNT, "/logins/me/password", r#"{"current": "{password}", "new": "{password}"}"#).by(Myself) },
    get(ACCOUNT, "/account-changes"),
    get(ACCOUNT, "/plans").by(Myself),
    get(ACCOUNT, "/plans/team").by(Myself),
    post(ACCOUNT, "/plans", r#"{"code": "{code}", "name": "Walk", "kind": "fixed", "currency": "EUR", "monthlyPriceCents": 1, "limits": {"apis": 1, "domains": 1, "subDomains": 1, "users": 1}, "unitPricesCents": {"api": 0, "domain": 0, "subDomain": 0, "user": 0}}"#).by(Operator),
    change(ACCOUNT, "PATCH", "/plans/{code}", r#"{"name": "Walked"}"#).by(Operator),
    get(ACCOUNT, "/account-changes").by(Operator),
    get(PROFILE, "/profiles"),
    get(PROFILE, "/profiles?q=Ada"),
    change(PROFILE, "PATCH", "/profiles/{profile.before}", r#"{"name": "Ada {salt}", "jobTitle": "Architect", "timeZone": "Europe/Berlin"}"#),
    change(PROFILE, "PUT", "/profiles/{profile.before}/notification-settings", r#"{"mode": "daily", "at": "17:30"}"#),
    change(PROFILE, "PUT", "/profiles/{profile.before}/notification-settings", r#"{"mode": "instant"}"#),
    get(PROFILE, "/profile-changes"),
    get(PROFILE, "/profile-changes").by(Operator),
    post(REGISTRY, "/watches", r#"{"kind": "api", "targetId": "{api.before}"}"#),
    post(REGISTRY, "/watches", r#"{"kind": "domain", "targetId": "{domain.before}"}"#),
    post(REGISTRY, "/watches", r#"{"kind": "api", "targetId": "{spare}"}"#).keep("watch"),
    get(REGISTRY, "/domains"),
    get(REGISTRY, "/apis"),
    get(REGISTRY, "/tags"),
    get(REGISTRY, "/watches"),
    get(REGISTRY, "/registry-changes"),
    get(REGISTRY, "/apis?domainId={domain.before}"),
    get(REGISTRY, "/apis?subDomainId={sub.before}"),
    get(REGISTRY, "/apis?ownerId={profile.before}"),
    get(REGISTRY, "/apis?tag=walk"),
    get(REGISTRY, "/apis?status=inception"),
    get(REGISTRY, "/apis?q=a"),
    get(REGISTRY, "/domains/{domain.before}/sub-domains"),
    change(REGISTRY, "PATCH", "/domains/{domain.before}", r#"{"description": "{salt}"}"#),
    change(REGISTRY, "PATCH", "/sub-domains/{sub.before}", r#"{"description": "{salt}"}"#),
    change(REGISTRY, "PATCH", "/apis/{api.before}", r#"{"title": "{salt}", "tags": ["walk", "walked"], "businessOwnerId": "{profile.before}"}"#),
    get(REGISTRY, "/apis/{api.before}/versions"),
    post(REGISTRY, "/apis/{api.before}/versions", r#"{"major": 9, "minor": {round}}"#).etag_of("/apis/{api.before}"),
    change(REGISTRY, "PUT", "/apis/{api.before}/versions/9.{round}/status", r#"{"status": "development"}"#).etag_of("/apis/{api.before}"),
    delete(REGISTRY, "/apis/{api.before}/versions/9.{round}").etag_of("/apis/{api.before}"),
    post(REGISTRY, "/apis/{api.before}/move", r#"{"subDomainId": "{sub}"}"#).etag_of("/apis/{api.before}"),
    post(REGISTRY, "/sub-domains/{sub}/move", r#"{"domainId": "{domain}"}"#).etag_of("/sub-domains/{sub}"),
    Request { method: "DELETE", ..get(REGISTRY, "/watches/{watch.oldest}") },
    get(REGISTRY, "/registry-changes").by(Operator),
    // Deleted and set anew: both statements, whatever the round before has left.
    delete(BILLING, "/payment-method"),
    Request { method: "PUT", ..post(BILLING, "/payment-method", r#"{"paymentMethodToken": "pm_card_visa"}"#) },
    change(BILLING, "PUT", "/payment-method", r#"{"paymentMethodToken": "pm_card_mastercard"}"#),
    get(BILLING, "/usage"),
    get(BILLING, "/standing"),
    get(BILLING, "/billing-changes"),
    get(BILLING, "/invoices").keep_at("invoice", "/items/0/id"),
    get(BILLING, "/invoices/{invoice}"),
    post(BILLING, "/invoices/{invoice}/payments", "{}"),
    // A period long ago, another one in each round: nobody was there, but a run it is.
    post(BILLING, "/billing-runs", r#"{"period": "{period}"}"#).by(Operator).keep("run"),
    get(BILLING, "/billing-runs/{run}").by(Operator),
    get(BILLING, "/billing-runs").by(Operator),
    get(BILLING, "/billing-changes").by(Operator),
    get(NOTIFICATION, "/notifications?unread=true").keep_at("notification", "/items/0/id"),
    get(NOTIFICATION, "/notifications"),
    post(NOTIFICATION, "/notifications/read", r#"{"ids": ["{notification}"]}"#),
    get(NOTIFICATION, "/deliveries").by(Operator),
    // Nothing was given up, so it is refused: that the service looks is what counts.
    post(NOTIFICATION, "/deliveries/retry", r#"{"ids": ["{notification}"]}"#).by(Operator),
    delete(REGISTRY, "/apis/{spare.oldest}"),
    delete(ACCOUNT, "/logins/{login.oldest}"),
    delete(PROFILE, "/profiles/{leaver.oldest}"),
    // An empty domain and an empty sub domain, made for this.
    post(REGISTRY, "/domains", r#"{"name": "e-{salt}"}"#).keep("empty"),
    post(REGISTRY, "/domains/{empty}/sub-domains", r#"{"name": "e"}"#).keep("empty-sub"),
    delete(REGISTRY, "/sub-domains/{empty-sub.oldest}"),
    delete(REGISTRY, "/domains/{empty.oldest}"),
];

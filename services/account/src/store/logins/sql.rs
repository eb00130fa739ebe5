//! The statements on logins, each planned once per connection.

use chrono::{DateTime, Utc};
use kit::id::{LoginId, OrganisationId, ProfileId};

kit::statement! {
    /// A page of the organisation's logins: those after a place in the list.
    pub struct ListLogins(organisation: OrganisationId as Uuid, after: DateTime<Utc> as Timestamptz, after_id: uuid::Uuid as Uuid, limit: i64 as BigInt)
        -> (Nullable<Uuid>, Uuid, Text, Text, Nullable<Uuid>, Nullable<Timestamptz>, Timestamptz, BigInt, Timestamptz, Timestamptz) =
        "select l.organisation_id, l.id, l.email, l.scope, l.profile_id, l.disabled_at, l.password_expires_at, l.version, \
         l.created_at, l.updated_at from account.logins l \
         where l.organisation_id = $1 and (l.created_at, l.id) > ($2, $3) order by l.created_at, l.id limit $4"
}

kit::statement! {
    /// A new login, version 1.
    pub struct InsertLogin<'a>(
        organisation: Option<OrganisationId> as Nullable<Uuid>, id: LoginId as Uuid, email: &'a str as Text,
        password: &'a str as Text, scope: &'a str as Text, profile: Option<ProfileId> as Nullable<Uuid>,
        expires_at: DateTime<Utc> as Timestamptz, now: DateTime<Utc> as Timestamptz,
    ) =
        "insert into account.logins (organisation_id, id, email, password_hash, scope, profile_id, password_changed_at, \
         password_expires_at, version, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $8, $7, 1, $8, $8)"
}

kit::statement! {
    /// Everything of a login but its password.
    pub struct UpdateLogin<'a>(
        id: LoginId as Uuid, email: &'a str as Text, scope: &'a str as Text, profile: Option<ProfileId> as Nullable<Uuid>,
        disabled_at: Option<DateTime<Utc>> as Nullable<Timestamptz>, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz,
    ) =
        "update account.logins set email = $2, scope = $3, profile_id = $4, disabled_at = $5, version = $6, updated_at = $7 \
         where id = $1"
}

kit::statement! {
    /// The password alone.
    pub struct UpdatePassword<'a>(
        id: LoginId as Uuid, password: &'a str as Text, expires_at: DateTime<Utc> as Timestamptz, version: i64 as BigInt,
        now: DateTime<Utc> as Timestamptz,
    ) =
        "update account.logins set password_hash = $2, password_changed_at = $5, password_expires_at = $3, version = $4, \
         updated_at = $5 where id = $1"
}

kit::statement! {
    /// A login, gone.
    pub struct DeleteLogin(id: LoginId as Uuid) = "delete from account.logins where id = $1"
}

kit::statement! {
    /// How many others can administrate the organisation.
    pub struct CountOtherAdmins(organisation: OrganisationId as Uuid, id: LoginId as Uuid) -> BigInt =
        "select count(*) from account.logins l \
         where l.organisation_id = $1 and l.id <> $2 and l.scope = 'admin' and l.disabled_at is null"
}

kit::statement! {
    /// The scope of whoever has this e-mail.
    pub struct FindScope<'a>(email: &'a str as Text) -> Text =
        "select l.scope from account.logins l where lower(l.email) = lower($1)"
}

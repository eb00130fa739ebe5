//! Ids: one newtype per noun that crosses a border, so that an API's id can't be given where a domain's is wanted.

use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid};

/// A UUIDv7 for the moment `now`: ids sort by the time of their making, by the service's own clock.
pub fn uuid_v7(now: DateTime<Utc>) -> Uuid {
    // Times before 1970 don't occur; if a clock file says so, zero is as good as any other start.
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// Declares an id: a newtype over [`Uuid`] that serde reads as a string and diesel as `uuid`.
///
/// The ids that several services name are declared here; a service declares its own with `kit::id! { /// doc \n pub struct FooId; }`.
#[macro_export]
macro_rules! id {
    ($($(#[$meta:meta])* pub struct $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            $crate::__private::serde::Serialize, $crate::__private::serde::Deserialize,
            $crate::__private::diesel::expression::AsExpression,
            $crate::__private::diesel::deserialize::FromSqlRow,
        )]
        #[serde(transparent, crate = "kit::__private::serde")]
        #[diesel(sql_type = $crate::__private::diesel::sql_types::Uuid)]
        pub struct $name(pub $crate::__private::uuid::Uuid);

        impl $name {
            /// A new id of version 7 for the moment `now` (of the service's clock).
            pub fn new(now: $crate::__private::chrono::DateTime<$crate::__private::chrono::Utc>) -> Self {
                Self($crate::id::uuid_v7(now))
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::convert::From<$crate::__private::uuid::Uuid> for $name {
            fn from(id: $crate::__private::uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl ::std::convert::From<$name> for $crate::__private::uuid::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::__private::uuid::Error;
            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::__private::uuid::Uuid::parse_str(text).map(Self)
            }
        }

        impl $crate::__private::diesel::serialize::ToSql<
            $crate::__private::diesel::sql_types::Uuid, $crate::__private::diesel::pg::Pg,
        > for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut $crate::__private::diesel::serialize::Output<'b, '_, $crate::__private::diesel::pg::Pg>,
            ) -> $crate::__private::diesel::serialize::Result {
                <$crate::__private::uuid::Uuid as $crate::__private::diesel::serialize::ToSql<
                    $crate::__private::diesel::sql_types::Uuid, $crate::__private::diesel::pg::Pg,
                >>::to_sql(&self.0, out)
            }
        }

        impl $crate::__private::diesel::deserialize::FromSql<
            $crate::__private::diesel::sql_types::Uuid, $crate::__private::diesel::pg::Pg,
        > for $name {
            fn from_sql(
                bytes: $crate::__private::diesel::pg::PgValue<'_>,
            ) -> $crate::__private::diesel::deserialize::Result<Self> {
                <$crate::__private::uuid::Uuid as $crate::__private::diesel::deserialize::FromSql<
                    $crate::__private::diesel::sql_types::Uuid, $crate::__private::diesel::pg::Pg,
                >>::from_sql(bytes).map(Self)
            }
        }

        impl $crate::path::Segment for $name {
            fn parse(text: &str) -> ::std::result::Result<Self, &'static str> {
                $crate::path::parse_uuid(text).map(Self)
            }
        }
    )+};
}

id! {
    /// A tenant: what signs up, pays and owns everything below it.
    pub struct OrganisationId;
    /// A way to sign in; belongs to one organisation, or to the platform (an operator).
    pub struct LoginId;
    /// A person of an organisation.
    pub struct ProfileId;
    /// A domain: the upper level of the registry's order.
    pub struct DomainId;
    /// A sub domain: the lower level.
    pub struct SubDomainId;
    /// An API.
    pub struct ApiId;
    /// A person's subscription to what happens to an API, a domain or a sub domain.
    pub struct WatchId;
    /// A bill for one organisation and one period.
    pub struct InvoiceId;
    /// One run of the billing over all organisations.
    pub struct RunId;
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    #[test]
    fn ids_sort_by_time_and_read_as_plain_uuids() {
        let early = ApiId::new(Utc.timestamp_opt(1_000_000, 0).unwrap());
        let late = ApiId::new(Utc.timestamp_opt(1_000_001, 0).unwrap());
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
        let text = serde_json::to_string(&early).unwrap();
        assert_eq!(text, format!("\"{early}\""));
        assert_eq!(serde_json::from_str::<ApiId>(&text).unwrap(), early);
    }
}

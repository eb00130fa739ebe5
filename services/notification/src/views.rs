//! What the service reads of the others: only the columns it uses.

diesel::table! {
    /// Where a login's mail goes.
    published.login_contacts (login_id) {
        organisation_id -> Nullable<Uuid>,
        login_id -> Uuid,
        profile_id -> Nullable<Uuid>,
        email -> Text,
        scope -> Text,
        disabled_at -> Nullable<Timestamptz>,
        password_expires_at -> Timestamptz,
        invitation_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    /// Whose mail it is.
    published.organisations (id) {
        id -> Uuid,
        name -> Text,
    }
}

diesel::table! {
    /// People, by name.
    published.persons (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        name -> Text,
    }
}

diesel::table! {
    /// A person's address and notification settings.
    published.contacts (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        email -> Text,
        time_zone -> Text,
        mode -> Text,
        at -> Nullable<Time>,
        weekday -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::schema::sql_types::Xid8;

    /// Who watches what, and from which position of the feed to which.
    published.watchers (organisation_id, kind, target_id, profile_id) {
        organisation_id -> Uuid,
        kind -> Text,
        target_id -> Uuid,
        profile_id -> Uuid,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        created_xid -> Nullable<Xid8>,
        ended_xid -> Nullable<Xid8>,
    }
}

macro_rules! feeds {
    ($($name:ident)+) => {$(
        diesel::table! {
            use diesel::sql_types::*;
            use crate::schema::sql_types::Xid8;

            /// A service's feed of changes.
            published.$name (id) {
                id -> Int8,
                xid -> Xid8,
                at -> Timestamptz,
                kind -> Text,
                organisation_id -> Nullable<Uuid>,
                entity_id -> Text,
                version -> Int8,
                actor_id -> Nullable<Uuid>,
                request_id -> Text,
                before -> Nullable<Jsonb>,
                after -> Nullable<Jsonb>,
            }
        }
    )+};
}

feeds!(account_changes profile_changes registry_changes billing_changes);

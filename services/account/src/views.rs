//! What Account reads of others, by hand: only the columns it uses. Each view is one grant in `db-roles.sql`.

diesel::table! {
    /// How each organisation stands with its invoices; no row: active. Billing's: shown with the organisation.
    published.standings (organisation_id) {
        organisation_id -> Uuid,
        standing -> Text,
    }
}

diesel::table! {
    /// What each organisation has registered; no row: nothing. Registry's: a downgrade must fit.
    published.usage (organisation_id) {
        organisation_id -> Uuid,
        apis -> Int4,
        domains -> Int4,
        sub_domains -> Int4,
    }
}

diesel::table! {
    /// People of each organisation; no row: none. Profile's: a downgrade must fit.
    published.head_counts (organisation_id) {
        organisation_id -> Uuid,
        users -> Int4,
    }
}

diesel::table! {
    /// Invitations that the owner of the address has accepted. Notification's: the login works from then on.
    published.accepted_invitations (invitation_id) {
        invitation_id -> Uuid,
    }
}

diesel::table! {
    /// People who are there; who was deleted is not. Profile's: a login is linked to one.
    published.persons (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
    }
}

use crate::schema::{organisations, plans};

diesel::allow_tables_to_appear_in_same_query!(standings, organisations);
diesel::allow_tables_to_appear_in_same_query!(usage, plans);
diesel::allow_tables_to_appear_in_same_query!(head_counts, plans);
diesel::allow_tables_to_appear_in_same_query!(usage, head_counts);

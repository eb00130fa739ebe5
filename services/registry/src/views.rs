//! What Registry reads of others, by hand: only the columns it uses. Each view is one grant in `db-roles.sql`.

diesel::table! {
    /// Every organisation, once. Account's: which plan a create counts against.
    published.organisations (id) {
        id -> Uuid,
        plan_code -> Text,
    }
}

diesel::table! {
    /// The limits of every plan; null: none. Account's.
    published.plans (code) {
        code -> Text,
        api_limit -> Nullable<Int4>,
        domain_limit -> Nullable<Int4>,
        sub_domain_limit -> Nullable<Int4>,
    }
}

diesel::table! {
    /// People who may own; tombstones are gone from here. Profile's: an owner's name and job title.
    published.persons (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        name -> Nullable<Text>,
        job_title -> Nullable<Text>,
    }
}

diesel::table! {
    /// How each organisation stands with its invoices; no row: active. Billing's: a frozen one gets 402.
    published.standings (organisation_id) {
        organisation_id -> Uuid,
        standing -> Text,
    }
}

diesel::table! {
    /// Which people have a login, disabled or not. Account's: watches end with the last one.
    published.login_contacts (login_id) {
        login_id -> Uuid,
        organisation_id -> Nullable<Uuid>,
        profile_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::schema::sql_types::Xid8;

    /// Changes of logins, in the feed's order. Account's: whose last login may have gone.
    published.account_changes (id) {
        id -> Int8,
        xid -> Xid8,
        kind -> Text,
        organisation_id -> Nullable<Uuid>,
        before -> Nullable<Jsonb>,
    }
}

//! What Billing reads of others: only the columns it uses. Its grants must match.

diesel::table! {
    /// Whom to charge, and on which plan. Account's.
    published.organisations (id) {
        id -> Uuid,
        plan_code -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// What a plan costs. Account's.
    published.plans (code) {
        code -> Text,
        kind -> Text,
        currency -> Text,
        monthly_price_cents -> BigInt,
        api_price_cents -> BigInt,
        domain_price_cents -> BigInt,
        sub_domain_price_cents -> BigInt,
        user_price_cents -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::schema::sql_types::Xid8;

    /// Which plan and which prices were in force when a month ended. Account's.
    published.account_changes (id) {
        id -> Int8,
        xid -> Xid8,
        at -> Timestamptz,
        kind -> Text,
        organisation_id -> Nullable<Uuid>,
        entity_id -> Text,
        before -> Nullable<Jsonb>,
    }
}

diesel::table! {
    /// Pay as you go: users. Profile's.
    published.head_counts (organisation_id) {
        organisation_id -> Uuid,
        users -> Integer,
    }
}

diesel::table! {
    /// Pay as you go: APIs, domains and sub domains. Registry's.
    published.usage (organisation_id) {
        organisation_id -> Uuid,
        apis -> Integer,
        domains -> Integer,
        sub_domains -> Integer,
    }
}

//! What this service reads of others: by hand, only the columns it uses. Must match its grants.

diesel::table! {
    /// Account: does the organisation exist, and on which plan.
    published.organisations (id) {
        id -> Uuid,
        plan_code -> Text,
    }
}

diesel::table! {
    /// Account: how many people a plan allows.
    published.plans (code) {
        code -> Text,
        user_limit -> Nullable<Integer>,
    }
}

diesel::table! {
    /// Registry: who owns what, and so may not be deleted.
    published.responsibilities (organisation_id, profile_id, kind, target_id) {
        organisation_id -> Uuid,
        profile_id -> Nullable<Uuid>,
        kind -> Text,
        target_id -> Uuid,
    }
}

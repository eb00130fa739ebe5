// @generated

diesel::table! {
    /// The feed: what changed, written in the transaction that changed it. Read in (xid, id) order below the snapshot's xmin.
    profile.changes (id) {
        id -> Int8,
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

diesel::table! {
    /// People not deleted, counted in the transaction that adds or removes one: its row lock makes the plan's limit exact.
    profile.head_counts (organisation_id) {
        organisation_id -> Uuid,
        users -> Int4,
    }
}

diesel::table! {
    /// Answers of requests that carried an Idempotency-Key, kept for 24 hours.
    profile.idempotency_keys (caller, key) {
        caller -> Text,
        key -> Text,
        fingerprint -> Bytea,
        status -> Nullable<Int4>,
        location -> Nullable<Text>,
        etag -> Nullable<Text>,
        body -> Nullable<Jsonb>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// When a person wants to be told: at once, daily or weekly.
    profile.notification_settings (organisation_id, profile_id) {
        organisation_id -> Uuid,
        profile_id -> Uuid,
        mode -> Text,
        /// Local time in the person's zone; null when instant.
        at -> Nullable<Time>,
        /// When weekly, else null.
        weekday -> Nullable<Text>,
        /// The ETag: one more with every change.
        version -> Int8,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// People of an organisation. Never deleted: a tombstone stays for what refers to them.
    profile.profiles (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        name -> Nullable<Text>,
        job_title -> Nullable<Text>,
        email -> Nullable<Text>,
        /// IANA name.
        time_zone -> Nullable<Text>,
        /// Set: a tombstone, its personal fields erased.
        deleted_at -> Nullable<Timestamptz>,
        /// The ETag: one more with every change.
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

// @generated automatically by Diesel CLI.

diesel::table! {
    /// Business domains of an organisation.
    registry.domains (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        name -> Text,
        description -> Nullable<Text>,
        /// A person of the same organisation: a row of profile.profiles.
        business_owner_id -> Nullable<Uuid>,
        /// The ETag: one more with every change.
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Sub domains, each in one domain.
    registry.sub_domains (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        domain_id -> Uuid,
        name -> Text,
        description -> Nullable<Text>,
        /// The ETag: one more with every change.
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// APIs, each in one sub domain.
    registry.apis (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        sub_domain_id -> Uuid,
        name -> Text,
        title -> Nullable<Text>,
        description -> Nullable<Text>,
        /// A person of the same organisation: a row of profile.profiles.
        business_owner_id -> Nullable<Uuid>,
        /// A person of the same organisation: a row of profile.profiles.
        technical_owner_id -> Nullable<Uuid>,
        /// The ETag of the API with its versions and tags: one more with every change.
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Versions of an API and where each stands in its life.
    registry.versions (organisation_id, api_id, major, minor) {
        organisation_id -> Uuid,
        api_id -> Uuid,
        major -> Int4,
        minor -> Int4,
        status -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Tags of an API, lower case.
    registry.api_tags (organisation_id, api_id, tag) {
        organisation_id -> Uuid,
        api_id -> Uuid,
        tag -> Text,
    }
}

diesel::table! {
    /// What is in use, counted in the transaction that adds or removes one: its row lock makes the plan's limits exact.
    registry.usage (organisation_id) {
        organisation_id -> Uuid,
        apis -> Int4,
        domains -> Int4,
        sub_domains -> Int4,
    }
}

diesel::table! {
    /// Who wants to be told of changes to what. Ended, not deleted: a change concerns the watches open at its time.
    registry.watches (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        profile_id -> Uuid,
        kind -> Text,
        /// An API, a domain or a sub domain, as kind says; no key, since it may be deleted while the ended watch stays.
        target_id -> Uuid,
        created_at -> Timestamptz,
        /// Null: open.
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// The feed: what changed, written in the transaction that changed it. Read in (xid, id) order below the snapshot's xmin.
    registry.changes (id) {
        id -> Int8,
        at -> Timestamptz,
        kind -> Text,
        organisation_id -> Nullable<Uuid>,
        /// Id of the entity of this kind: a UUID, or a plan's code.
        entity_id -> Text,
        /// The entity's version after the change.
        version -> Int8,
        /// The login that did it; null for the service itself.
        actor_id -> Nullable<Uuid>,
        request_id -> Text,
        /// Declared keys of the entity before; null when created.
        before -> Nullable<Jsonb>,
        /// Declared keys of the entity after; null when deleted.
        after -> Nullable<Jsonb>,
    }
}

// @generated automatically by Diesel CLI.

diesel::table! {
    /// What an organisation may subscribe to: its price and its limits.
    account.plans (code) {
        code -> Text,
        name -> Text,
        /// fixed: the monthly price; payg: the unit prices times what is in use.
        kind -> Text,
        /// ISO 4217.
        currency -> Text,
        monthly_price_cents -> Int8,
        /// Null: no limit.
        api_limit -> Nullable<Int4>,
        /// Null: no limit.
        domain_limit -> Nullable<Int4>,
        /// Null: no limit.
        sub_domain_limit -> Nullable<Int4>,
        /// Null: no limit.
        user_limit -> Nullable<Int4>,
        api_price_cents -> Int8,
        domain_price_cents -> Int8,
        sub_domain_price_cents -> Int8,
        user_price_cents -> Int8,
        /// The ETag: one more with every change.
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// The tenants. Never deleted.
    account.organisations (id) {
        id -> Uuid,
        name -> Text,
        plan_code -> Text,
        /// The ETag: one more with every change.
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Who may sign in: members and admins of an organisation, operators of the platform.
    account.logins (id) {
        /// Null for operators alone.
        organisation_id -> Nullable<Uuid>,
        id -> Uuid,
        email -> Text,
        /// Argon2id, PHC string. Never published.
        password_hash -> Text,
        scope -> Text,
        /// The person who signs in with it, if linked: a row of profile.profiles.
        profile_id -> Nullable<Uuid>,
        /// Signing in is refused from then on; tokens already made live out their hour.
        disabled_at -> Nullable<Timestamptz>,
        password_changed_at -> Timestamptz,
        password_expires_at -> Timestamptz,
        /// The ETag: one more with every change.
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Failed sign-ins of the running window, by login and by address.
    account.sign_in_failures (subject) {
        /// login:<sha-256 of the lower-case e-mail> or address:<ip>.
        subject -> Text,
        failures -> Int4,
        window_ends_at -> Timestamptz,
    }
}

diesel::table! {
    /// Public halves of the keys that sign tokens; every service verifies with them.
    account.signing_keys (id) {
        /// The JWK thumbprint (RFC 7638), a token's kid.
        id -> Text,
        /// The public key as a JWK, JSON text.
        public_key -> Text,
        valid_from -> Timestamptz,
        /// Null: still in use.
        valid_until -> Nullable<Timestamptz>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    plans,
    organisations,
    logins,
    sign_in_failures,
    signing_keys,
);

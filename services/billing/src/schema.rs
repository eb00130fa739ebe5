//! Billing's own tables, as `diesel print-schema` writes them.

diesel::table! {
    /// The card of an organisation, as the payment provider names it. Never a card number.
    billing.payment_methods (organisation_id) {
        organisation_id -> Uuid,
        customer_id -> Text,
        token -> Text,
        brand -> Text,
        last_four -> Text,
        expiry_month -> Integer,
        expiry_year -> Integer,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// How an organisation stands with its invoices. No row: active.
    billing.standings (organisation_id) {
        organisation_id -> Uuid,
        standing -> Text,
        overdue_since -> Nullable<Timestamptz>,
        first_failed_at -> Nullable<Timestamptz>,
        frozen_at -> Nullable<Timestamptz>,
        version -> BigInt,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Monthly runs, one for each period.
    billing.runs (id) {
        id -> Uuid,
        period -> Text,
        status -> Text,
        organisations -> Integer,
        invoices -> Integer,
        amount_cents -> BigInt,
        snapshot_at -> Nullable<Timestamptz>,
        invoiced_up_to -> Nullable<Uuid>,
        finished_at -> Nullable<Timestamptz>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Plan and counts of each organisation due, as at the run's one snapshot; batches read only this.
    billing.run_items (organisation_id, run_id) {
        organisation_id -> Uuid,
        run_id -> Uuid,
        plan_code -> Text,
        plan_kind -> Text,
        currency -> Text,
        monthly_price_cents -> BigInt,
        api_price_cents -> BigInt,
        domain_price_cents -> BigInt,
        sub_domain_price_cents -> BigInt,
        user_price_cents -> BigInt,
        apis -> Integer,
        domains -> Integer,
        sub_domains -> Integer,
        users -> Integer,
    }
}

diesel::table! {
    /// One invoice for each organisation and period.
    billing.invoices (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        run_id -> Uuid,
        period -> Text,
        currency -> Text,
        amount_cents -> BigInt,
        status -> Text,
        issued_at -> Timestamptz,
        first_failed_at -> Nullable<Timestamptz>,
        next_attempt_at -> Nullable<Timestamptz>,
        overdue_at -> Nullable<Timestamptz>,
        paid_at -> Nullable<Timestamptz>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// What an invoice is made of: its amount can be recomputed from here.
    billing.invoice_lines (organisation_id, invoice_id, position) {
        organisation_id -> Uuid,
        invoice_id -> Uuid,
        position -> Integer,
        item -> Text,
        quantity -> BigInt,
        unit_price_cents -> BigInt,
        amount_cents -> BigInt,
    }
}

diesel::table! {
    /// Every try to charge an invoice, written before the provider is asked.
    billing.payment_attempts (organisation_id, invoice_id, number) {
        organisation_id -> Uuid,
        invoice_id -> Uuid,
        number -> Integer,
        outcome -> Text,
        provider_payment_id -> Nullable<Text>,
        failure_code -> Nullable<Text>,
        customer_id -> Nullable<Text>,
        payment_method_token -> Nullable<Text>,
        asks -> Integer,
        ask_at -> Timestamptz,
        started_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Which instance of the service does the work that only one should do.
    billing.leases (name) {
        name -> Text,
        holder -> Uuid,
        expires_at -> Timestamptz,
    }
}

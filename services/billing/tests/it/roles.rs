//! What the service's two logins may: their own, and what is granted by name.

use diesel::connection::SimpleConnection;
use schema::testing::TestDb;

/// Runs SQL as a login; the error's text, if any.
fn run(db: &TestDb, role: &str, sql: &str) -> Result<(), String> {
    db.connect(role).batch_execute(sql).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(db: &TestDb, role: &str, sql: &str, why: &str) {
    let error = run(db, role, sql).err().unwrap_or_else(|| panic!("{role} may: {sql}"));
    assert!(error.contains(why), "{role}: {sql}: {error}");
}

const INSERT: &str = "insert into billing.standings (organisation_id, standing, version, updated_at) \
     values (gen_random_uuid(), 'active', 1, now())";

#[test]
fn the_writer_writes_its_own_tables_and_the_reader_reads_them() {
    let db = TestDb::new();
    run(&db, "billing_writer", INSERT).unwrap();
    for role in ["billing_reader", "billing_writer"] {
        for table in [
            "payment_methods",
            "standings",
            "runs",
            "run_items",
            "invoices",
            "invoice_lines",
            "payment_attempts",
            "leases",
            "changes",
            "idempotency_keys",
        ] {
            run(&db, role, &format!("select * from billing.{table}")).unwrap();
        }
        for view in ["organisations", "plans", "account_changes", "usage", "head_counts", "signing_keys"] {
            run(&db, role, &format!("select * from published.{view}")).unwrap();
        }
    }
}

#[test]
fn the_reader_writes_nothing() {
    let db = TestDb::new();
    refused(&db, "billing_reader", INSERT, "read-only transaction");
    let reset = format!("set transaction read write; {INSERT}");
    refused(&db, "billing_reader", &reset, "permission denied for table standings");
}

#[test]
fn others_tables_and_views_that_are_not_granted_are_closed() {
    let db = TestDb::new();
    for role in ["billing_reader", "billing_writer"] {
        for schema in ["account", "profile", "registry", "notification"] {
            let why = format!("permission denied for schema {schema}");
            refused(&db, role, &format!("select * from {schema}.changes"), &why);
        }
        for view in ["login_contacts", "persons", "contacts", "watchers", "responsibilities", "profile_changes"] {
            let why = format!("permission denied for view {view}");
            refused(&db, role, &format!("select * from published.{view}"), &why);
        }
        refused(&db, role, "set role billing_owner", "permission denied to set role");
        refused(
            &db,
            role,
            "set transaction read write; create table billing.t (a int)",
            "permission denied for schema billing",
        );
        refused(&db, role, "select pg_advisory_lock(1)", "permission denied for function");
    }
    let foreign = "update registry.usage set apis = 0";
    refused(&db, "billing_writer", foreign, "permission denied for schema registry");
    let foreign = "update published.plans set monthly_price_cents = 1";
    refused(&db, "billing_writer", foreign, "permission denied for view plans");
}

/// What an invoice says can't be changed once it is written, and nothing of it can be deleted.
#[test]
fn what_never_changes_is_not_the_writers_to_change() {
    let db = TestDb::new();
    for (sql, table) in [
        ("update billing.invoices set amount_cents = 0", "invoices"),
        ("update billing.invoices set period = '2000-01'", "invoices"),
        ("delete from billing.invoices", "invoices"),
        ("update billing.invoice_lines set quantity = 0", "invoice_lines"),
        ("delete from billing.invoice_lines", "invoice_lines"),
        ("update billing.payment_attempts set customer_id = null", "payment_attempts"),
        ("delete from billing.payment_attempts", "payment_attempts"),
        ("update billing.run_items set apis = 0", "run_items"),
        ("delete from billing.run_items", "run_items"),
        ("update billing.runs set period = '2000-01'", "runs"),
        ("delete from billing.standings", "standings"),
        ("update billing.changes set kind = 'x'", "changes"),
        ("truncate billing.changes", "changes"),
    ] {
        refused(&db, "billing_writer", sql, &format!("permission denied for table {table}"));
    }
}

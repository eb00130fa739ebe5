//! The logins: each may what its service needs, and nothing of anybody else's.

use schema::testing::TestDb;

use crate::sql;

fn refused(db: &TestDb, role: &str, statement: &str) {
    let error = sql::run(&mut db.connect(role), statement).expect_err(&format!("{role} may: {statement}"));
    assert!(error.contains("permission denied") || error.contains("read-only"), "{role}: {statement}: {error}");
}

fn allowed(db: &TestDb, role: &str, statement: &str) {
    sql::run(&mut db.connect(role), statement).unwrap_or_else(|error| panic!("{role}: {statement}: {error}"));
}

const OWN: [&str; 8] = ["domains", "sub_domains", "apis", "versions", "api_tags", "usage", "watches", "changes"];
const GRANTED: [&str; 7] =
    ["organisations", "plans", "persons", "standings", "signing_keys", "login_contacts", "account_changes"];
const FOREIGN: [&str; 8] = [
    "account.organisations",
    "account.logins",
    "account.plans",
    "account.signing_keys",
    "profile.profiles",
    "billing.standings",
    "billing.payment_methods",
    "notification.feed_cursors",
];
const UNGRANTED: [&str; 6] = ["contacts", "head_counts", "usage", "responsibilities", "watchers", "profile_changes"];

#[test]
fn own_tables() {
    let db = TestDb::new();
    let organisation = "insert into account.organisations (id, name, plan_code, version, created_at, updated_at)
        values ('0199d3a0-0000-7000-8000-000000000001', 'A', 'team', 1, now(), now())";
    allowed(&db, "account_writer", organisation);
    let insert = "insert into registry.domains (organisation_id, id, name, version, created_at, updated_at)
        values ('0199d3a0-0000-7000-8000-000000000001', '0199d3a0-0000-7000-8000-000000000002', 'D', 1, now(), now())";
    refused(&db, "registry_reader", insert);
    refused(&db, "registry_reader", &format!("set default_transaction_read_only = off; {insert}"));
    allowed(&db, "registry_writer", insert);
    allowed(&db, "registry_writer", "update registry.domains set name = 'E', version = version + 1");
    for column in ["id", "organisation_id", "created_at"] {
        refused(&db, "registry_writer", &format!("update registry.domains set {column} = {column}"));
    }
    allowed(&db, "registry_writer", "delete from registry.domains");
    for table in OWN {
        for role in ["registry_reader", "registry_writer"] {
            allowed(&db, role, &format!("select * from registry.{table}"));
            refused(&db, role, &format!("truncate registry.{table}"));
        }
        let alter = format!("alter table registry.{table} add column x integer");
        let error = sql::run(&mut db.connect("registry_writer"), &alter).expect_err("not its owner");
        assert!(error.contains("must be owner"), "{error}");
    }
}

#[test]
fn foreign_tables_and_views() {
    let db = TestDb::new();
    for role in ["registry_reader", "registry_writer"] {
        for view in GRANTED {
            allowed(&db, role, &format!("select * from published.{view}"));
            refused(&db, role, &format!("delete from published.{view}"));
        }
        for table in FOREIGN {
            refused(&db, role, &format!("select * from {table}"));
            refused(&db, role, &format!("delete from {table}"));
        }
        for view in UNGRANTED {
            refused(&db, role, &format!("select * from published.{view}"));
        }
        for statement in [
            "create schema mine",
            "create table registry.mine ()",
            "create temp table mine ()",
            "create view published.mine as select 1",
            "set role registry_owner",
            "set role govrnanza_admin",
            "select pg_advisory_lock(1)",
            "do $$ begin end $$",
            "select nextval('registry.changes_id_seq')",
        ] {
            refused(&db, role, statement);
        }
    }
    for role in ["account_writer", "profile_writer", "billing_writer", "notification_writer"] {
        refused(&db, role, "select * from registry.apis");
        refused(
            &db,
            role,
            "insert into registry.usage (organisation_id) values ('0199d3a0-0000-7000-8000-000000000001')",
        );
    }
}

//! The attacks of the crate (`dba roles attack`), run as the real logins, and those that a list of statements can't express.

use postgres::Client;
use schema::attack::{self, Field};
use schema::roles::{LOGINS, RolesFile};
use schema::testing::TestDb;

use crate::support::{attempt, connect};

/// An attacker's session: the first thing that an attacker switches off is the reader's default of read-only transactions.
pub fn attacker(url: &str) -> Client {
    let mut client = connect(url);
    client.batch_execute("set default_transaction_read_only = off; set statement_timeout = '20s'").unwrap();
    client
}

/// The password in a URL.
pub fn password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (who, _) = rest.split_once('@')?;
    Some(who.split_once(':')?.1.to_owned())
}

#[test]
fn every_way_that_can_be_closed_is_closed() {
    let db = TestDb::new();
    let file = RolesFile::default();
    let field = Field { superuser: &db.url("superuser"), file: &file, password: &|login| password(&db.url(login)) };
    let (tried, without) = attack::run(&field).unwrap();
    let open: Vec<_> = tried
        .iter()
        .filter(|one| !one.otherwise.is_empty())
        .map(|one| (&one.login, one.name, &one.otherwise))
        .collect();
    assert!(open.is_empty(), "{open:#?}");
    assert_eq!(without, Vec::<String>::new());
    let statements: usize = tried.iter().map(|one| one.statements).sum();
    assert!(statements > 3000, "only {statements} statements were tried");
    let logins: std::collections::BTreeSet<_> = tried.iter().map(|one| &one.login).collect();
    assert_eq!(logins.len(), 10, "{logins:?}");
}

#[test]
fn no_login_gets_into_another_database() {
    let db = TestDb::new();
    for login in LOGINS {
        for other in ["postgres", "template1"] {
            let url = db.url(login).replace(db.name(), other);
            let refused = Client::connect(&url, postgres::NoTls).err().and_then(|error| error.code().cloned());
            assert_eq!(refused.map(|code| code.code().to_owned()), Some("42501".to_owned()), "{login} to {other}");
        }
    }
}

#[test]
fn a_reader_writes_nothing_even_where_a_handler_has_a_hole() {
    let db = TestDb::new();
    for service in schema::SERVICES {
        let mut reader = connect(&db.url(&format!("{service}_reader")));
        let table = if *service == "notification" {
            "notification.deliveries".to_owned()
        } else {
            format!("{service}.changes")
        };
        assert_eq!(attempt(&mut reader, &format!("delete from {table}")), Err("25006".into()), "{service}");
        // The default is only a default; the missing right is the wall.
        assert_eq!(
            attempt(&mut reader, &format!("set transaction read write; delete from {table}")),
            Err("42501".into()),
            "{service}"
        );
    }
}

#[test]
fn a_writer_changes_no_column_that_never_changes() {
    let db = TestDb::new();
    let fixed = [
        ("account", "organisations", "id"),
        ("account", "logins", "organisation_id"),
        ("account", "signing_keys", "public_key"),
        ("profile", "profiles", "created_at"),
        ("registry", "apis", "organisation_id"),
        ("registry", "changes", "kind"),
        ("billing", "invoices", "amount_cents"),
        ("billing", "invoice_lines", "amount_cents"),
        ("notification", "notifications", "title"),
    ];
    for (service, table, column) in fixed {
        let mut writer = connect(&db.url(&format!("{service}_writer")));
        assert_eq!(
            attempt(&mut writer, &format!("update {service}.{table} set {column} = {column}")),
            Err("42501".into()),
            "{table}.{column}"
        );
    }
    for (service, table) in [("account", "organisations"), ("profile", "profiles"), ("billing", "invoices")] {
        let mut writer = connect(&db.url(&format!("{service}_writer")));
        assert_eq!(
            attempt(&mut writer, &format!("delete from {service}.{table}")),
            Err("42501".into()),
            "{table} is never deleted from"
        );
    }
}

/// 5: a view widened by mistake can be created, but not read.
#[test]
fn a_publisher_can_show_no_more_than_its_columns() {
    let db = TestDb::new();
    let mut superuser = connect(&db.url("superuser"));
    superuser
        .batch_execute(
            "set role account_publisher; create view published.leak as select l.id, l.password_hash from account.logins l;
             grant select on published.leak to registry_reader; reset role",
        )
        .unwrap();
    let mut reader = attacker(&db.url("registry_reader"));
    assert_eq!(attempt(&mut reader, "select * from published.leak"), Err("42501".into()));
    // The control: with the column given, the same view is read.
    superuser.batch_execute("grant select (password_hash) on account.logins to account_publisher").unwrap();
    assert_eq!(attempt(&mut reader, "select * from published.leak"), Ok(()));
}

/// 14: EXECUTE is everybody's by default, but not here; and the schema is closed as well.
#[test]
fn a_definer_function_is_nobodys_by_default() {
    let db = TestDb::new();
    let mut superuser = connect(&db.url("superuser"));
    superuser
        .batch_execute(
            "set role account_owner; create function account.secrets() returns setof text security definer language sql as 'select password_hash from account.logins';
             set role account_publisher; create function published.answer() returns int security definer language sql as 'select 42'; reset role",
        )
        .unwrap();
    for login in ["registry_reader", "billing_writer", "account_reader"] {
        let mut client = attacker(&db.url(login));
        assert_eq!(attempt(&mut client, "select account.secrets()"), Err("42501".into()), "{login}");
        assert_eq!(attempt(&mut client, "select published.answer()"), Err("42501".into()), "{login}");
    }
    superuser.batch_execute("grant execute on function published.answer() to registry_reader").unwrap();
    assert_eq!(attempt(&mut attacker(&db.url("registry_reader")), "select published.answer()"), Ok(()));
}

/// 38: trying is enough for "one at a time"; waiting would hold a connection.
#[test]
fn who_may_take_advisory_locks_may_not_wait_for_them() {
    let db = TestDb::new();
    for login in ["billing_writer", "notification_writer"] {
        let mut client = attacker(&db.url(login));
        assert_eq!(attempt(&mut client, "select pg_catalog.pg_try_advisory_xact_lock(1)"), Ok(()), "{login} needs it");
    }
    assert_eq!(
        attempt(&mut attacker(&db.url("registry_writer")), "select pg_catalog.pg_try_advisory_xact_lock(1)"),
        Err("42501".into())
    );
}

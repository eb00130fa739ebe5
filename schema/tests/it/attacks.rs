//! Ways across the boundary, tried as the real logins. What is refused, with which SQLSTATE; what can't be closed, and is accepted, succeeds here, so that
//! nobody believes otherwise. `holes.rs` plants the hole of each and sees the same attack succeed. Numbers are those of the list in `docs/DBA.md`.

use postgres::Client;
use schema::roles::{LOGINS, RolesFile};
use schema::testing::TestDb;

mod list;

pub use list::{ATTACKS, Attack};

use crate::support::{attempt, connect, texts};

/// What there is to attack.
pub struct Targets {
    /// Schema, name, a column.
    relations: Vec<[String; 3]>,
    sequences: Vec<String>,
    database: String,
}

impl Targets {
    pub fn of(superuser: &mut Client) -> Self {
        let rows = superuser.query(
            "select n.nspname::text, c.relname::text, (select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 1 and a.attidentity = '' limit 1)
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'v') and n.nspname in ('account', 'profile', 'registry', 'billing', 'notification', 'published')",
            &[],
        );
        let relations = rows
            .unwrap()
            .iter()
            .map(|row| {
                [
                    row.get(0),
                    row.get(1),
                    row.get::<_, Option<String>>(2).unwrap_or_default(),
                ]
            })
            .collect();
        let sequences = texts(
            superuser,
            "select c.oid::regclass::text from pg_class c where c.relkind = 'S' and c.oid >= 16384",
        );
        let database = texts(superuser, "select format('%I', current_database())").remove(0);
        Self {
            relations,
            sequences,
            database,
        }
    }

    /// Every statement that this attack comes to for this login.
    pub fn expand(&self, attack: &Attack, login: &str) -> Vec<String> {
        let service = login.split('_').next().unwrap_or_default();
        let granted = granted(login);
        let name = |relation: &&[String; 3]| format!("{}.{}", relation[0], relation[1]);
        let tables = self
            .relations
            .iter()
            .filter(|r| r[0] != "published" && r[0] != service);
        let views = self.relations.iter().filter(|r| r[0] == "published");
        let roles = RolesFile::default()
            .managed()
            .into_iter()
            .chain(["govrnanza_admin".to_owned(), "postgres".to_owned()]);
        let sql = attack
            .sql
            .replace("{self}", login)
            .replace("{database}", &self.database);
        let put = |mark: &str, relations: Vec<&[String; 3]>| -> Vec<String> {
            relations
                .iter()
                .map(|relation| {
                    sql.replace(mark, &name(relation))
                        .replace("{column}", &relation[2])
                })
                .collect()
        };
        let each = |mark: &str, values: Vec<String>| -> Vec<String> {
            values
                .iter()
                .map(|value| sql.replace(mark, value))
                .collect()
        };
        if sql.contains("{table}") {
            put("{table}", tables.collect())
        } else if sql.contains("{view}") {
            put("{view}", views.collect())
        } else if sql.contains("{hidden}") {
            put(
                "{hidden}",
                views
                    .filter(|view| !granted.contains(&name(view)))
                    .collect(),
            )
        } else if sql.contains("{own}") {
            put(
                "{own}",
                self.relations.iter().filter(|r| r[0] == service).collect(),
            )
        } else if sql.contains("{sequence}") {
            each("{sequence}", self.sequences.clone())
        } else if sql.contains("{role}") {
            each("{role}", roles.filter(|role| role != login).collect())
        } else if sql.contains("{schema}") {
            each(
                "{schema}",
                schema::SERVICES
                    .iter()
                    .chain(&["published", "dba"])
                    .map(|s| (*s).to_owned())
                    .collect(),
            )
        } else {
            vec![sql]
        }
    }
}

/// Views that the file gives to this login.
fn granted(login: &str) -> Vec<String> {
    let file = RolesFile::default().section("services", "govrnanza");
    let lines = file
        .iter()
        .filter_map(|statement| statement.sql.strip_prefix("grant select on published."));
    let lines = lines
        .filter_map(|rest| rest.split_once(" to "))
        .filter(|(_, who)| who.split(", ").any(|role| role == login));
    lines.map(|(view, _)| format!("published.{view}")).collect()
}

/// A session of somebody who means harm: the reader's default of read-only transactions is the first thing to go.
pub fn intruder(url: &str) -> Client {
    let mut client = connect(url);
    client
        .batch_execute("set default_transaction_read_only = off; set statement_timeout = '20s'")
        .unwrap();
    client
}

#[test]
fn every_way_that_can_be_closed_is_closed() {
    let db = TestDb::new();
    let mut superuser = connect(&db.url("superuser"));
    let targets = Targets::of(&mut superuser);
    let (mut tried, mut wrong) = (0, Vec::new());
    for login in LOGINS
        .iter()
        .filter(|login| login.ends_with("_reader") || login.ends_with("_writer"))
    {
        let mut client = intruder(&db.url(login));
        for attack in ATTACKS {
            for sql in targets.expand(attack, login) {
                tried += 1;
                let got = attempt(&mut client, &sql);
                if !as_expected(attack, login, &got) {
                    wrong.push(format!(
                        "{login}: {} ({}): {got:?}: {sql}",
                        attack.name, attack.number
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}: {wrong:#?}", wrong.len());
    assert!(tried > 3000, "only {tried} statements were tried");
}

fn as_expected(attack: &Attack, login: &str, got: &Result<(), String>) -> bool {
    // Whoever may delete from a table may lock it: its own writer.
    let own_writer = attack.refused.ends_with('?') && login.ends_with("_writer");
    match got {
        Ok(()) => attack.refused.is_empty() || own_writer,
        Err(state) => attack.refused.contains(state.as_str()),
    }
}

#[test]
fn no_login_gets_into_another_database() {
    let db = TestDb::new();
    for login in LOGINS {
        for other in ["postgres", "template1"] {
            let url = db.url(login).replace(db.name(), other);
            let refused = Client::connect(&url, postgres::NoTls)
                .err()
                .and_then(|error| error.code().cloned());
            assert_eq!(
                refused.map(|code| code.code().to_owned()),
                Some("42501".to_owned()),
                "{login} to {other}"
            );
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
        assert_eq!(
            attempt(&mut reader, &format!("delete from {table}")),
            Err("25006".into()),
            "{service}"
        );
        // The default is only a default; the missing right is the wall.
        assert_eq!(
            attempt(
                &mut reader,
                &format!("set transaction read write; delete from {table}")
            ),
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
            attempt(
                &mut writer,
                &format!("update {service}.{table} set {column} = {column}")
            ),
            Err("42501".into()),
            "{table}.{column}"
        );
    }
    for (service, table) in [
        ("account", "organisations"),
        ("profile", "profiles"),
        ("billing", "invoices"),
    ] {
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
    let mut reader = intruder(&db.url("registry_reader"));
    assert_eq!(
        attempt(&mut reader, "select * from published.leak"),
        Err("42501".into())
    );
    // The control: with the column given, the same view is read.
    superuser
        .batch_execute("grant select (password_hash) on account.logins to account_publisher")
        .unwrap();
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
        let mut client = intruder(&db.url(login));
        assert_eq!(
            attempt(&mut client, "select account.secrets()"),
            Err("42501".into()),
            "{login}"
        );
        assert_eq!(
            attempt(&mut client, "select published.answer()"),
            Err("42501".into()),
            "{login}"
        );
    }
    superuser
        .batch_execute("grant execute on function published.answer() to registry_reader")
        .unwrap();
    assert_eq!(
        attempt(
            &mut intruder(&db.url("registry_reader")),
            "select published.answer()"
        ),
        Ok(())
    );
}

/// 38: trying is enough for "one at a time"; waiting would hold a connection.
#[test]
fn who_may_take_advisory_locks_may_not_wait_for_them() {
    let db = TestDb::new();
    for login in ["billing_writer", "notification_writer"] {
        let mut client = intruder(&db.url(login));
        assert_eq!(
            attempt(
                &mut client,
                "select pg_catalog.pg_try_advisory_xact_lock(1)"
            ),
            Ok(()),
            "{login} needs it"
        );
    }
    assert_eq!(
        attempt(
            &mut intruder(&db.url("registry_writer")),
            "select pg_catalog.pg_try_advisory_xact_lock(1)"
        ),
        Err("42501".into())
    );
}

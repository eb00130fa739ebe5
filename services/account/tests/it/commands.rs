//! The command line: keys and operators.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use schema::testing::TestDb;

use crate::here::{Database, Here, PASSWORD, command};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn operators(db: &dyn Database) -> i64 {
    let text = "select count(*) from account.logins where scope = 'operator' and organisation_id is null";
    let row: Count = sql_query(text).get_result(&mut db.connect("account_reader")).expect("a count");
    row.count
}

#[test]
fn an_operator_is_made_once() {
    let db = TestDb::new();
    let make = |email: &str, password: &str| command(&db, &["create-operator", "--email", email], password);
    let (code, out, error) = make("root@here.example", &format!("{PASSWORD}\n"));
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("root@here.example"), "{out}");
    let (code, out, _) = make("ROOT@here.example", "another password for it");
    assert_eq!(code, 0);
    assert!(out.contains("already"), "{out}");
    assert_eq!(operators(&db), 1);
    let log = sql_query(
        "select kind as text from account.changes where kind = 'LoginCreated' and organisation_id = '00000000-0000-0000-0000-000000000000' and actor_id is null",
    );
    let rows: Vec<TextRow> = log.load(&mut db.connect("account_reader")).expect("changes");
    assert_eq!(rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), ["LoginCreated"]);
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Text)]
    text: String,
}

#[test]
fn bad_input_is_exit_code_2_and_makes_nobody() {
    let here = Here::new();
    let make = |email: &str, password: &str| command(&*here.db, &["create-operator", "--email", email], password);
    for (email, password, named) in [
        ("nobody", PASSWORD, "--email"),
        ("root@here.example", "short", "password"),
        ("root@here.example", "", "password"),
    ] {
        let (code, _, error) = make(email, password);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(named), "{error}");
    }
    let (_, taken, _) = here.organisation("free");
    let (code, _, error) = make(&taken, PASSWORD);
    assert_eq!(code, 2, "{error}");
    assert_eq!(operators(&*here.db), 0);
}

#[test]
fn a_key_is_printed_and_starts_a_service() {
    let db = TestDb::new();
    let (code, pem, error) = command(&db, &["generate-key"], "");
    assert_eq!(code, 0, "{error}");
    assert_eq!(account::keys::parse(&pem).expect("a key").len(), 1);
    let (_, other, _) = command(&db, &["generate-key"], "");
    assert_ne!(pem, other);
}

#[test]
fn without_its_settings_it_names_the_variable() {
    let db = TestDb::new();
    let (code, _, error) = command(&db, &[], "");
    assert_eq!(code, 2);
    assert!(error.contains("JWT_SIGNING_KEY"), "{error}");
    let (code, _, error) = command(&db, &["--database-read-url", ""], "");
    assert_eq!(code, 2);
    assert!(error.contains("DATABASE_READ_URL"), "{error}");
}

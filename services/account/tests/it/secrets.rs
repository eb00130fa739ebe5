//! No password stands anywhere, in no form that could be guessed at fast.

use behaviour::json;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Binary, Text};
use sha2::{Digest, Sha256};

use crate::here::{Here, PASSWORD, unique};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

#[derive(QueryableByName)]
struct Fingerprint {
    #[diesel(sql_type = Binary)]
    fingerprint: Vec<u8>,
}

#[test]
fn the_database_holds_hashes_and_nothing_else_of_a_password() {
    let here = Here::new();
    let body = json!({"name": unique(), "plan": "free",
        "admin": {"email": format!("{}@here.example", unique()), "password": PASSWORD}});
    let post = here.account.post("/organisations").idempotency_key("k");
    post.json(&body).send().expect(201);
    let mut superuser = here.superuser();
    for table in ["logins", "changes", "idempotency_keys", "sign_in_failures"] {
        let text = format!("select t::text as row from account.{table} t");
        let rows: Vec<Row> = sql_query(text).load(&mut superuser).expect("rows");
        for Row { row } in rows {
            assert!(!row.contains(PASSWORD), "{table}: {row}");
            assert!(table == "logins" || !row.contains("argon2"), "{table}: {row}");
        }
    }
    // Who reads the table must not be able to try passwords against a fast hash of the body.
    let rows: Vec<Fingerprint> =
        sql_query("select fingerprint from account.idempotency_keys").load(&mut superuser).expect("one row");
    let plain = Sha256::new().chain_update(b"POST\0/api/v1/organisations\0").chain_update(body.to_string()).finalize();
    assert_eq!(rows.len(), 1);
    assert_ne!(rows[0].fingerprint, plain.as_slice());
}

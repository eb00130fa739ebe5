//! Signing keys: published, rotated, retired.

use std::sync::Arc;

use account::{Account, Settings};
use behaviour::assert::problem;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Nullable, Text, Timestamptz};
use kit::testing::spawn;
use schema::testing::TestDb;

use crate::here::{Database, Here};

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    valid_until: Option<DateTime<Utc>>,
}

fn published(db: &dyn Database) -> Vec<Key> {
    // As another service sees them.
    sql_query("select id, valid_until from published.signing_keys order by valid_from, id")
        .load(&mut db.connect("registry_reader"))
        .expect("keys")
}

fn with(keys: &str) -> Settings {
    Settings { jwt_signing_key: Some(keys.into()), ..Settings::default() }
}

#[test]
fn a_rotation_leaves_no_token_behind() {
    let db: Arc<dyn Database> = Arc::new(TestDb::new());
    let (old, new) = (account::keys::generate().unwrap(), account::keys::generate().unwrap());
    let id = |pem: &str| account::keys::parse(pem).unwrap()[0].id.clone();
    let here = Here::on(Arc::clone(&db), with(&old));
    let (org, _, token) = here.organisation("free");
    drop(here);

    // Both configured: the new one signs, the old one's tokens live.
    let here = Here::on(Arc::clone(&db), with(&format!("{new}{old}")));
    let get = |here: &Here| here.account.get(&format!("/organisations/{org}")).token(&token).send();
    get(&here).expect(200);
    assert!(published(&*db).iter().all(|key| key.valid_until.is_none()));
    drop(here);

    // The old one gone: it ends in an hour, when its last token has ended.
    let here = Here::on(Arc::clone(&db), with(&new));
    get(&here).expect(200);
    let keys = published(&*db);
    let retired = keys.iter().find(|key| key.id == id(&old)).and_then(|key| key.valid_until);
    let left = (retired.expect("an end") - Utc::now()).num_seconds();
    assert!((3500..=3600).contains(&left), "{left}");
    assert!(keys.iter().any(|key| key.id == id(&new) && key.valid_until.is_none()));
    let listed = |here: &Here| {
        let set = here.account.root("/.well-known/jwks.json").send().expect(200).json();
        set["keys"].as_array().expect("keys").len()
    };
    assert_eq!(listed(&here), 2);
    here.clock(3700);
    assert_eq!(listed(&here), 1);
    problem(&get(&here), 401);
    drop(here);

    // It comes back.
    let here = Here::on(Arc::clone(&db), with(&format!("{new}{old}")));
    assert!(published(&*db).iter().all(|key| key.valid_until.is_none()));
    get(&here).expect(200);
}

#[test]
fn without_a_key_it_refuses_to_start_and_names_the_variable() {
    let db = TestDb::new();
    for keys in [None, Some(String::new()), Some("no key at all".into())] {
        let settings = Settings { jwt_signing_key: keys, ..Settings::default() };
        let start = spawn::<Account>(db.url("account_reader"), db.url("account_writer"), settings);
        let Err(kit::StartError::Usage(why)) = start.map(drop) else {
            panic!("it started, or failed otherwise");
        };
        assert!(why.contains("JWT_SIGNING_KEY"), "{why}");
    }
}

#[test]
fn it_is_ready_once_its_keys_are_published() {
    let here = Here::new();
    behaviour::assert::eventually("ready", || {
        let ready = here.account.root("/readyz").send();
        (ready.status == 200).then_some(())
    });
    assert_eq!(published(&*here.db).len(), 1);
}

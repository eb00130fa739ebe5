//! How many statements a request takes, and how often the database has to plan them.

use std::sync::Arc;

use account::Settings;
use behaviour::{Call, json};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text};
use schema::testing::{TestCluster, TestDb};

use crate::here::{Database, Here, PASSWORD, unique};

#[derive(QueryableByName, Clone, Copy)]
struct Sums {
    #[diesel(sql_type = BigInt)]
    calls: i64,
    #[diesel(sql_type = BigInt)]
    plans: i64,
}

/// One connection for reads, one for writes; a cluster of its own, since a shared one forgets statements it has too many of.
fn here() -> (Here, PgConnection) {
    let db: Arc<dyn Database> = Arc::new(TestCluster::ephemeral());
    let mut superuser = db.connect("superuser");
    superuser.batch_execute("set pg_stat_statements.track = none").expect("what the test itself asks isn't tracked");
    let here = Here::custom(db, Settings::default(), |common| {
        common.pool_read_size = 1;
        common.pool_write_size = 1;
    });
    (here, superuser)
}

/// The logins that a request uses. Jobs use the writer alone, whenever they are due: what is counted exactly is counted at the reader.
const READER: &[&str] = &["account_reader"];
const BOTH: &[&str] = &["account_reader", "account_writer"];

/// What these logins have run in this database so far, transactions, settings and the reading of keys apart.
fn sums(superuser: &mut PgConnection, logins: &[&str]) -> Sums {
    sql_query(
        "select coalesce(sum(s.calls), 0)::bigint as calls, coalesce(sum(s.plans), 0)::bigint as plans \
         from dba.pg_stat_statements s join pg_catalog.pg_roles r on r.oid = s.userid \
         where s.dbid = (select oid from pg_catalog.pg_database where datname = current_database()) \
         and r.rolname = any($1) \
         and s.query !~* '^(begin|commit|rollback|set|select \\$1$|notify)' \
         and s.query not like '%signing_keys%'",
    )
    .bind::<Array<Text>, _>(logins)
    .get_result(superuser)
    .expect("pg_stat_statements")
}

fn spent(superuser: &mut PgConnection, logins: &[&str], work: impl FnOnce()) -> Sums {
    let before = sums(superuser, logins);
    work();
    let after = sums(superuser, logins);
    Sums { calls: after.calls - before.calls, plans: after.plans - before.plans }
}

#[test]
fn each_read_is_one_statement() {
    let (here, mut superuser) = here();
    let tenant = here.world.tenant("free");
    let operator = here.world.fixture.operator_token();
    let reads = [
        (tenant.path(""), &tenant.member_token),
        (tenant.path("/logins"), &tenant.member_token),
        (tenant.path(&format!("/logins/{}", tenant.member_login)), &tenant.member_token),
        (tenant.path("/account-changes"), &tenant.member_token),
        ("/plans".into(), &tenant.member_token),
        ("/plans/team".into(), &tenant.member_token),
        ("/account-changes".into(), &operator),
    ];
    for (path, token) in &reads {
        let get = || here.account.get(path).token(token).send().expect(200);
        get();
        let spent = spent(&mut superuser, READER, || {
            for _ in 0..50 {
                get();
            }
        });
        assert_eq!(spent.calls, 50, "{path}");
        assert!(spent.plans <= 10, "{path}: planned {} times", spent.plans);
    }
}

type Work<'a> = Box<dyn FnMut() + 'a>;

#[test]
fn hot_writes_are_planned_once_and_not_each_time() {
    let (here, mut superuser) = here();
    let tenant = here.world.tenant("enterprise");
    let (_, email, _) = here.organisation("free");
    let login = here.account.get(&tenant.path(&format!("/logins/{}", tenant.member_login)));
    let mut login_version = login.token(&tenant.admin_token).send().json()["version"].as_i64().expect("a version");
    let mut version = 1;
    let admin = |call: Call| call.token(&tenant.admin_token);
    let mut writes: Vec<(&str, Work<'_>)> = vec![
        ("create_session", Box::new(|| drop(here.sign_in(&email, PASSWORD).expect(200)))),
        (
            "create_session, refused",
            Box::new(|| drop(here.sign_in(&format!("{}@x.example", unique()), "a guess").expect(401))),
        ),
        (
            "create_login",
            Box::new(|| {
                let body =
                    json!({"email": format!("{}@here.example", unique()), "password": PASSWORD, "scope": "member"});
                let post = admin(here.account.post(&tenant.path("/logins"))).idempotency_key(&unique());
                drop(post.json(&body).send().expect(201));
            }),
        ),
        (
            "update_organisation",
            Box::new(|| {
                let body = json!({"name": format!("Org {}", unique())});
                let patch = admin(here.account.patch(&tenant.path(""))).if_match(&format!("\"{version}\""));
                patch.json(&body).send().expect(200);
                version += 1;
            }),
        ),
        (
            "update_login",
            Box::new(|| {
                let body = json!({"disabled": login_version % 2 == 0});
                let path = tenant.path(&format!("/logins/{}", tenant.member_login));
                let patch = admin(here.account.patch(&path)).if_match(&format!("\"{login_version}\""));
                patch.json(&body).send().expect(200);
                login_version += 1;
            }),
        ),
    ];
    for (name, work) in &mut writes {
        let spent = spent(&mut superuser, BOTH, || (0..50).for_each(|_| work()));
        assert!(spent.calls >= 50, "{name}: {} statements seen", spent.calls);
        assert!(spent.plans * 5 <= spent.calls, "{name}: {} plans of {} calls", spent.plans, spent.calls);
    }
}

#[test]
fn no_statement_of_the_suite_is_planned_on_every_call() {
    let db = Arc::new(TestDb::new());
    let here = Here::on(Arc::clone(&db) as Arc<dyn Database>, Settings::default());
    behaviour::run(&here.world, &behaviour::account::suite());
    db.assert_plans_are_kept("account", 10);
}

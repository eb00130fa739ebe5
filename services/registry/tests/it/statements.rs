//! How many statements a request costs, and that none of them is planned on every call.

use behaviour::assert::eventually;
use behaviour::registry::Desk;
use behaviour::{Call, json};
use diesel::PgConnection;
use uuid::Uuid;

use crate::fixture::House;
use crate::sql;

/// What `pg_stat_statements` counts of this database's Registry logins; utility statements (`begin`, the hint's `notify`) don't count.
fn of_registry(what: &str) -> String {
    format!(
        "select coalesce({what}, 0)::bigint from dba.pg_stat_statements s join pg_roles r on r.oid = s.userid
        where s.dbid = (select oid from pg_database where datname = current_database())
            and r.rolname in ('registry_reader', 'registry_writer')
            and s.query !~* '^(begin|commit|rollback|set|start|notify)'"
    )
}

fn reset(connection: &mut PgConnection) {
    let all =
        "select dba.pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)";
    sql::run(connection, all).unwrap();
}

fn watched(house: &House) -> PgConnection {
    let mut connection = house.db.connect("superuser");
    assert_eq!(sql::text(&mut connection, "current_setting('pg_stat_statements.track_planning')"), "on");
    connection
}

#[test]
fn a_read_is_one_statement() {
    let house = House::with_pools(1);
    let mut superuser = watched(&house);
    let desk = Desk::new(&house.world, "team");
    let (domain, sub_domain) = desk.place();
    let owner = desk.tenant.admin_profile;
    let body = json!({"name": "cards", "tags": ["a", "b"], "subDomainId": sub_domain, "businessOwnerId": owner, "technicalOwnerId": owner});
    let api = desk.post("/apis", &body).expect(201).id();
    desk.post("/watches", &json!({"kind": "api", "targetId": api})).expect(201);
    let nowhere = Uuid::now_v7();
    let reads = [
        (format!("/apis/{api}"), 200),
        (format!("/apis/{nowhere}"), 404),
        ("/apis".to_owned(), 200),
        (format!("/apis?domainId={domain}&subDomainId={sub_domain}&ownerId={owner}&tag=a&status=inception&q=c"), 200),
        (format!("/apis/{api}/versions"), 200),
        ("/domains".to_owned(), 200),
        (format!("/domains/{domain}"), 200),
        (format!("/domains/{domain}/sub-domains"), 200),
        (format!("/sub-domains/{sub_domain}"), 200),
        ("/tags".to_owned(), 200),
        ("/watches".to_owned(), 200),
        ("/registry-changes".to_owned(), 200),
    ];
    for standing in ["active", "frozen"] {
        house.world.fixture.set_standing(desk.tenant.org, standing);
        for (path, status) in &reads {
            let status = if standing == "frozen" { 402 } else { *status };
            let calls = eventually("the statement is counted", || {
                reset(&mut superuser);
                desk.get(path).expect(status);
                // None: the module holds 5,000 statements of all databases of the cluster, and has let go of this one.
                match sql::number(&mut superuser, &of_reader("sum(s.calls)")) {
                    0 => None,
                    calls => Some(calls),
                }
            });
            assert_eq!(calls, 1, "{standing} {path}: {}", sql::text(&mut superuser, &reader_texts()));
        }
    }
}

#[test]
fn a_create_is_two_statements() {
    let house = House::with_pools(1);
    let mut superuser = watched(&house);
    let desk = Desk::new(&house.world, "team");
    let (_, sub_domain) = desk.place();
    let owner = desk.tenant.admin_profile;
    // What tidies up meanwhile is no part of it.
    let calls = format!("{} and s.query !~* '^delete'", of_registry("sum(s.calls)"));
    let mut made = 0;
    let calls = eventually("the statements are counted", || {
        made += 1;
        reset(&mut superuser);
        let body = json!({"name": format!("cards-{made}"), "tags": ["a", "b"], "subDomainId": sub_domain,
            "businessOwnerId": owner, "technicalOwnerId": owner});
        desk.post("/apis", &body).expect(201);
        // None: see above, or a job of the writer came between, as it does every few seconds.
        match sql::number(&mut superuser, &calls) {
            0 => None,
            3.. if made < 5 => None,
            calls => Some(calls),
        }
    });
    // Counter, API, tags, version and change by one; the other reads it back.
    assert_eq!(calls, 2, "{}", sql::text(&mut superuser, &reader_texts()));
}

/// The same of the reader alone: the writer may be tidying up meanwhile, and a GET has no business there.
fn of_reader(what: &str) -> String {
    of_registry(what).replace(", 'registry_writer'", "")
}

fn reader_texts() -> String {
    of_reader("0").replace("coalesce(0, 0)::bigint", "string_agg(s.calls || ' × ' || s.query, E'\\n')")
}

/// Sends a request fifty times on one connection and returns how often its statements were called and planned.
fn fifty(superuser: &mut PgConnection, what: &str, mut call: impl FnMut(usize) -> (Call, u16)) {
    reset(superuser);
    for n in 0..50 {
        let (call, status) = call(n);
        call.send().expect(status);
    }
    let calls = sql::number(superuser, &of_registry("sum(s.calls)"));
    let plans = sql::number(superuser, &of_registry("sum(s.plans)"));
    let worst = sql::text(
        superuser,
        &of_registry("0")
            .replace(
                "coalesce(0, 0)::bigint",
                "string_agg(s.plans || ' plans of ' || s.calls || ' calls: ' || s.query, E'\\n')",
            )
            .replace("and s.query !~*", "and s.plans * 5 > s.calls and s.calls >= 10 and s.query !~*"),
    );
    println!("{what}: {calls} calls, {plans} plans");
    assert!(calls >= 25, "{what}: {calls} calls");
    assert!(plans * 5 <= calls, "{what}: {plans} plans of {calls} calls");
    assert_eq!(worst, "", "{what}");
}

#[test]
fn no_statement_is_planned_on_every_call() {
    let house = House::with_pools(1);
    let mut superuser = watched(&house);
    let desk = Desk::new(&house.world, "payg");
    let (_, sub_domain) = desk.place();
    let (other_domain, other) = desk.place();
    let owner = desk.tenant.admin_profile;
    let api = desk.api(sub_domain, "cards");
    let path = format!("/apis/{api}");
    fifty(&mut superuser, "find_api", |_| (desk.call("GET", &path), 200));
    fifty(&mut superuser, "list_apis", |_| (desk.call("GET", "/apis?limit=20"), 200));
    fifty(&mut superuser, "list_apis, filtered", |_| (desk.call("GET", "/apis?tag=a&status=qa"), 200));
    fifty(&mut superuser, "list_domains", |_| (desk.call("GET", "/domains"), 200));
    fifty(&mut superuser, "list_tags", |_| (desk.call("GET", "/tags"), 200));
    fifty(&mut superuser, "create_api", |n| {
        let tags = ["a".to_owned(), format!("tag-{n}")];
        let body =
            json!({"name": format!("api-{n}"), "tags": tags, "subDomainId": sub_domain, "businessOwnerId": owner});
        (desk.call("POST", "/apis").idempotency_key(&format!("create-{n}")).json(&body), 201)
    });
    let version = |call: Call, n: usize| call.if_match(&format!("\"{n}\""));
    fifty(&mut superuser, "update_api", |n| {
        let body = json!({"title": format!("Title {n}"), "tags": [format!("tag-{n}")], "technicalOwnerId": owner});
        (version(desk.call("PATCH", &path), n + 1).json(&body), 200)
    });
    fifty(&mut superuser, "move_api", |n| {
        let to = if n % 2 == 0 { other } else { sub_domain };
        (version(desk.call("POST", &format!("{path}/move")), n + 51).json(&json!({"subDomainId": to})), 200)
    });
    fifty(&mut superuser, "set_version_status", |n| {
        let to = if n % 2 == 0 { "cancelled" } else { "inception" };
        (version(desk.call("PUT", &format!("{path}/versions/0.1/status")), n + 101).json(&json!({"status": to})), 200)
    });
    fifty(&mut superuser, "create_sub_domain", |n| {
        let body = json!({"name": format!("Sub domain {n}")});
        (desk.call("POST", &format!("/domains/{other_domain}/sub-domains")).json(&body), 201)
    });
    fifty(&mut superuser, "create_domain", |n| {
        (desk.call("POST", "/domains").json(&json!({"name": format!("Domain {n}")})), 201)
    });
}

#[test]
fn no_statement_of_the_suite_is_planned_on_every_call() {
    let house = House::with_pools(1);
    behaviour::run(&house.world, &behaviour::registry::suite());
    house.db.assert_plans_are_kept("registry", 20);
}

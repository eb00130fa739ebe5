//! Organisations: what a plan allows, against what others say is in use.

use std::thread;

use behaviour::assert::{eventually, problem_of};
use behaviour::json;
use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;

use crate::here::Here;

#[test]
fn a_downgrade_names_every_excess_and_one_that_fits_passes() {
    let here = Here::new();
    let (org, _, token) = here.organisation("team");
    let path = format!("/organisations/{org}");
    let patch = |plan: &str| {
        let etag = here.account.get(&path).token(&token).send().expect(200).etag();
        let call = here.account.patch(&path).token(&token).if_match(&etag);
        call.json(&json!({"plan": plan})).send()
    };
    let usage = |apis: i32, domains: i32, sub_domains: i32| {
        let text = format!(
            "insert into registry.usage values ('{org}', {apis}, {domains}, {sub_domains}) \
             on conflict (organisation_id) do update set apis = {apis}, domains = {domains}, sub_domains = {sub_domains}"
        );
        here.db.connect("registry_writer").batch_execute(&text).expect("usage");
    };
    usage(6, 1, 4);
    let text = format!("insert into profile.head_counts values ('{org}', 4)");
    here.db.connect("profile_writer").batch_execute(&text).expect("a head count");
    let refused = problem_of(&patch("free"), 409, "plan-limit-reached");
    assert_eq!(refused["plan"], "free");
    let excess = json!([
        {"resource": "apis", "limit": 5, "used": 6},
        {"resource": "subDomains", "limit": 3, "used": 4},
        {"resource": "users", "limit": 3, "used": 4},
    ]);
    assert_eq!(refused["excess"], excess, "domains are just within");
    usage(5, 1, 3);
    let refused = problem_of(&patch("free"), 409, "plan-limit-reached");
    assert_eq!(refused["excess"], json!([{"resource": "users", "limit": 3, "used": 4}]));
    patch("payg").expect(200);
    usage(1_000, 1_000, 1_000);
    patch("enterprise").expect(409);
}

#[test]
fn the_standing_is_read_with_the_organisation() {
    let here = Here::new();
    let (org, _, token) = here.organisation("free");
    let standing = || {
        let call = here.account.get(&format!("/organisations/{org}")).token(&token);
        call.send().expect(200).json()["standing"].clone()
    };
    assert_eq!(standing(), "active");
    here.world.fixture.set_standing(org, "frozen");
    assert_eq!(standing(), "frozen");
}

/// Adds a person as Profile's create does it: the plan is read, and one more counted if it allows that.
fn take_place(org: uuid::Uuid) -> String {
    format!(
        "with plan as (
            select p.user_limit from published.organisations o join published.plans p on p.code = o.plan_code
            where o.id = '{org}')
        update profile.head_counts h set users = h.users + 1 from plan
        where h.organisation_id = '{org}' and (plan.user_limit is null or h.users < plan.user_limit)"
    )
}

#[test]
fn what_a_create_beside_a_downgrade_leaves_above_the_plan_is_shown() {
    let here = Here::new();
    let (org, _, token) = here.organisation("team");
    let path = format!("/organisations/{org}");
    let find = || here.account.get(&path).token(&token).send().expect(200);
    let replan = |plan: &str| {
        let call = here.account.patch(&path).token(&token).if_match(&find().etag());
        call.json(&json!({"plan": plan})).send()
    };
    let mut profile = here.db.connect("profile_writer");
    profile.batch_execute(&format!("insert into profile.head_counts values ('{org}', 3)")).expect("a head count");
    let mut above = 0;
    for round in 0..200 {
        let set = format!("update profile.head_counts set users = 3 where organisation_id = '{org}'");
        profile.batch_execute(&set).expect("a head count");
        let answer = if round == 0 {
            // The order that nobody can forbid: the create has read the plan, and ends after the downgrade.
            profile.batch_execute(&format!("begin; {}", take_place(org))).expect("a place on the plan as it was");
            let answer = replan("free").expect(200);
            profile.batch_execute("commit").expect("it ends");
            answer
        } else {
            thread::scope(|scope| {
                let create = scope.spawn(|| profile.batch_execute(&take_place(org)));
                let answer = replan("free");
                create.join().expect("no panic").expect("it ends");
                answer
            })
        };
        let (now, used) = (find().json(), count(&mut profile, org));
        let excess = json!([{"resource": "users", "limit": 3, "used": 4}]);
        match (answer.status, used) {
            (409, 4) => assert_eq!((&now["plan"], &now["excess"]), (&json!("team"), &json!(null)), "round {round}"),
            (200, 3) => assert_eq!((&now["plan"], &now["excess"]), (&json!("free"), &json!(null)), "round {round}"),
            (200, 4) => {
                assert_eq!((&now["plan"], &now["excess"]), (&json!("free"), &excess), "round {round}");
                above += 1;
            }
            (status, used) => panic!("round {round}: {status} with {used}"),
        }
        if answer.status == 200 {
            let team = replan("team").expect(200).json();
            assert_eq!(team["excess"], json!(null), "round {round}");
        }
    }
    assert!(above > 0);
    println!("above its plan after {above} of 200 races");
}

#[test]
fn admins_are_told_once_of_what_a_downgrade_left_above_the_plan() {
    let here = Here::new();
    let (org, _, token) = here.organisation("team");
    let (fits, _, fits_token) = here.organisation("team");
    let replan = |org: uuid::Uuid, token: &str, plan: &str| {
        let path = format!("/organisations/{org}");
        let etag = here.account.get(&path).token(token).send().expect(200).etag();
        here.account.patch(&path).token(token).if_match(&etag).json(&json!({"plan": plan})).send().expect(200)
    };
    let mut profile = here.db.connect("profile_writer");
    profile.batch_execute(&format!("insert into profile.head_counts values ('{org}', 3)")).expect("a head count");
    let mut superuser = here.superuser();
    let mut told = |org: uuid::Uuid| {
        let kinds = "select count(*) as count from account.changes where kind = 'PlanLimitExceeded'";
        let of = format!(
            "{kinds} and organisation_id = '{org}' and actor_id is null and after = \
            '{{\"plan\": \"free\", \"excess\": [{{\"resource\": \"users\", \"limit\": 3, \"used\": 4}}]}}'"
        );
        [number(&mut superuser, &of), number(&mut superuser, kinds)]
    };
    // One that fits is told of nothing. A second telling would stand in the second round's count.
    replan(fits, &fits_token, "free");
    for times in 1..=2 {
        // The create has read the plan as it was, and ends after the downgrade and its answer.
        profile.batch_execute(&format!("begin; {}", take_place(org))).expect("a place on the plan as it was");
        replan(org, &token, "free");
        profile.batch_execute("commit").expect("it ends");
        eventually("the admins are told", || (told(org) == [times, times]).then_some(()));
        let set = format!("update profile.head_counts set users = 3 where organisation_id = '{org}'");
        replan(org, &token, "team");
        profile.batch_execute(&set).expect("a head count");
    }
}

#[test]
fn the_answer_of_a_downgrade_counts_again_after_its_commit() {
    let here = Here::new();
    let (org, _, token) = here.organisation("team");
    let path = format!("/organisations/{org}");
    let (mut superuser, mut holder) = (here.superuser(), here.superuser());
    // The downgrade has done everything but its commit when it waits for this lock.
    let hold = "create function account.hold() returns trigger language plpgsql security definer as \
        $$ begin perform pg_catalog.pg_advisory_xact_lock(42); return null; end $$; \
        create constraint trigger hold after update on account.organisations deferrable initially deferred \
        for each row execute function account.hold()";
    superuser.batch_execute(hold).expect("a trigger");
    let waits = "select count(*) as count from pg_catalog.pg_locks where locktype = 'advisory' and objid = 42 \
        and database = (select oid from pg_catalog.pg_database where datname = current_database()) and not granted";
    let answer = (0..20).find_map(|_| {
        let text = format!(
            "insert into profile.head_counts values ('{org}', 3) on conflict (organisation_id) do update set users = 3"
        );
        superuser.batch_execute(&text).expect("a head count");
        holder.batch_execute("select pg_catalog.pg_advisory_lock(42)").expect("a lock");
        let answer = thread::scope(|scope| {
            let call = here.account.patch(&path).token(&token).if_match("\"1\"").json(&json!({"plan": "free"}));
            let downgrade = scope.spawn(|| call.send());
            eventually("the downgrade waits", || {
                (number(&mut superuser, waits) > 0 || downgrade.is_finished()).then_some(())
            });
            superuser.batch_execute(&take_place(org)).expect("a place on the plan as it was");
            holder.batch_execute("select pg_catalog.pg_advisory_unlock(42)").expect("it ends");
            downgrade.join().expect("no panic")
        });
        // It waits for a second at most, which may pass on a busy machine.
        (answer.status != 503).then_some(answer)
    });
    let answer = answer.expect("an answer").expect(200).json();
    assert_eq!(answer["excess"], json!([{"resource": "users", "limit": 3, "used": 4}]));
}

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

fn number(connection: &mut diesel::PgConnection, text: &str) -> i64 {
    diesel::sql_query(text).get_result::<Number>(connection).expect("a number").count
}

fn count(profile: &mut diesel::PgConnection, org: uuid::Uuid) -> i64 {
    let text = format!("select users::bigint as count from profile.head_counts where organisation_id = '{org}'");
    number(profile, &text)
}

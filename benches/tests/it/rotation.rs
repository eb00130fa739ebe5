//! A password is changed while the pools are open.

use behaviour::json;

use crate::sql;
use crate::support::{Load, breakable, unique, until, world};

#[test]
fn a_password_is_rotated_and_no_request_fails() {
    let broken = breakable();
    let target = broken.up.place();
    let world = world(target);
    let tenant = world.tenant("enterprise");
    let path = tenant.path("/domains");
    let (reads, writes) = (world.registry(), world.registry());
    let token = tenant.admin_token.clone();
    let verifiers = || {
        let sql = "select rolpassword as line from pg_authid where rolname in ('registry_reader', 'registry_writer') order by rolname";
        sql::lines(&mut sql::connect(target), sql)
    };
    let before = verifiers();
    let load = Load::start(4, move |number, go_on| {
        let (mut well, mut failed) = (0, 0);
        while go_on() {
            let call = if number % 2 == 0 {
                reads.get(&path).token(&token)
            } else {
                let body = json!({"name": unique("rotated")});
                writes.post(&path).token(&token).json(&body)
            };
            match call.try_send() {
                Ok(answer) if answer.status < 300 => well += 1,
                _ => failed += 1,
            }
        }
        (well, failed)
    });
    let made = || sql::count(&mut sql::connect(target), "select count(*) as count from registry.domains");
    let start = made();
    until("the load has begun", || made() > start + 20);
    for login in ["registry_reader", "registry_writer"] {
        sql::run_as(&mut sql::connect(target), "none", &format!("alter role {login} password 'another'"));
    }
    assert!(before.iter().zip(verifiers()).all(|(before, after)| *before != after));
    let changed = made();
    until("it goes on with the new ones", || made() > changed + 50);
    let (well, failed) = load.end().into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{well} requests were answered, {failed} failed");
    assert!(well > 100 && failed == 0, "{well} {failed}");
    // What is left behind: the tests after this one start services with the old passwords.
    for (login, verifier) in ["registry_reader", "registry_writer"].iter().zip(&before) {
        sql::run_as(&mut sql::connect(target), "none", &format!("alter role {login} password '{verifier}'"));
    }
}

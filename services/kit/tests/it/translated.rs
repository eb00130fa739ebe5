//! A server whose messages are in another language: errors are known by its words, so a login that can't have them in English
//! isn't served, and says why.

use std::process::Command;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use schema::testing::{TestCluster, needs};

use crate::http::until;
use crate::own::{Own, Urls};

const CHILD: &str = "KIT_TEST_TRANSLATED";

#[test]
fn a_server_in_german_is_asked_for_english_or_refused_in_a_sentence() {
    // Which language a server speaks is a matter of its environment, which is this process's own.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "translated::child", "--nocapture", "--test-threads=1"]);
    let output = command.env(CHILD, "1").env("LANGUAGE", "de").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    print!("{}", said.lines().filter(|line| line.contains("skipped")).collect::<String>());
}

/// Not a test of its own: what the child process of the other runs.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let cluster = TestCluster::ephemeral();
    let urls = Urls::of(&cluster);
    let mut superuser = diesel::PgConnection::establish(&urls.superuser).unwrap();
    // glibc: only the locale named exactly C is never translated.
    superuser.batch_execute("set lc_messages = 'C.UTF-8'").unwrap();
    let words = superuser.batch_execute("select 1/0").unwrap_err().to_string();
    let german = if words.contains("Division durch Null") {
        Ok(())
    } else {
        Err("PostgreSQL's German messages are not installed")
    };
    if needs(german).is_none() {
        return;
    }
    superuser.batch_execute("alter system set lc_messages = 'C.UTF-8'").unwrap();
    superuser.batch_execute("select pg_reload_conf()").unwrap();
    let set = |connection: &mut diesel::PgConnection, what: &str| {
        for role in ["account_reader", "account_writer"] {
            connection.batch_execute(&what.replace("ROLE", role)).unwrap();
        }
    };
    // As `db-roles.sql` has it.
    let own = Own::at(&urls, |_| {});
    until("ready", || (own.ready().status == 200).then_some(()));
    own.service.stop().unwrap();
    // Where nobody could apply that: refused.
    set(&mut superuser, "alter role ROLE reset lc_messages");
    let own = Own::at(&urls, |_| {});
    let said = until("why not", || Some(own.ready().text()).filter(|text| text.contains("lc_messages")));
    assert!(said.contains("not in English") && said.contains("alter role"), "{said}");
    assert_eq!(own.list().status, 503);
    // Where a login may do it by itself, it does.
    set(&mut superuser, "grant set on parameter lc_messages to ROLE");
    until("ready", || (own.ready().status == 200).then_some(()));
}

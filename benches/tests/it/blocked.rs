//! From a session that waits for a lock to the request behind it, as docs/DBA.md has it.

use std::fs;

use behaviour::{Value, json};
use diesel::connection::SimpleConnection as _;

use crate::sql;
use crate::support::{breakable, until, world};

#[test]
fn a_blocked_session_leads_to_its_request() {
    let system = breakable();
    let target = system.up.place();
    let world = world(target);
    let tenant = world.tenant("team");
    let path = tenant.path("");
    let read = world.account().get(&path).token(&tenant.admin_token);
    let etag = read.send().expect(200).etag();
    let mut holder = sql::connect(target);
    let lock = format!("begin; select 1 from account.organisations where id = '{}' for update", tenant.org);
    holder.batch_execute(&lock).unwrap();
    let waiting = "select pid::text as line from pg_stat_activity \
                   where wait_event_type = 'Lock' and application_name = 'account' and usename = 'account_writer'";
    let mut looker = sql::connect(target);
    let (pid, answer) = std::thread::scope(|scope| {
        let patch = world.account().patch(&path).token(&tenant.admin_token);
        let patch = patch.if_match(&etag).json(&json!({"name": "Blocked"}));
        let asked = scope.spawn(|| patch.header("x-request-id", "who-is-it").send());
        let mut pids = Vec::new();
        until("it waits", || {
            pids = sql::lines(&mut looker, waiting);
            pids.len() == 1
        });
        // Nobody gives way: the lock's time-out ends it.
        let pid: i64 = pids[0].parse().unwrap();
        (pid, asked.join().unwrap())
    });
    holder.batch_execute("rollback").unwrap();
    assert_eq!(answer.status, 503, "{}", answer.describe());
    let log = system.up.home().join("logs/account.log");
    let mut found = Vec::new();
    until("the line is written", || {
        let text = fs::read_to_string(&log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        found =
            lines.filter(|line: &Value| line["backend_pid"].as_i64() == Some(pid) && line["status"] == 503).collect();
        !found.is_empty()
    });
    assert_eq!(found.len(), 1, "{found:?}");
    let line = &found[0];
    assert_eq!(line["request_id"], "who-is-it");
    assert_eq!(line["db_role"], "account_writer");
    assert!(line["db_ms"].as_f64().unwrap() > 900.0, "{line}");
    assert!(line["pool_ms"].is_number() && line["queue_ms"].is_number());
}

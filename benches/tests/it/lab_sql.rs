//! `lab sql`: real pgbench, real Postgres, real roles, in a cluster of the test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use lab::load::driver::Outcome;
use lab::result::{Measured, ResultFile, attachments};
use lab::sql::{Log, SqlOutcome, Summary};
use lab::stats::Histogram;
use schema::cluster::ClusterOptions;
use schema::session::Session;

use crate::support::{end_with_thread, lab, until};

mod beside_pgbench;
mod copies;
mod harms;
mod limits;
mod remedy;
mod shop;

use shop::{PASSWORD, Shop, logging, refused, said, was_refused};

#[test]
fn a_run_measures_on_a_copy_and_leaves_nothing() {
    let shop = Shop::new();
    let workload =
        shop.workload("scripts = [{ file = \"pay.sql\" }]", "p99-limit-ms = 9000\nscripts = [{ file = \"pay.sql\" }]");
    let output = shop.lab("run", &workload, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let folder = shop.only_run();
    crate::measure::validates(&folder);
    let result = ResultFile::read(&folder.join("result.json")).unwrap();
    assert!(result.run.complete && result.holds(&result.analyse().unwrap()));
    assert_eq!(result.service_names(), ["pay", "report"]);
    // Each alone, both, and one of them alone again; three times.
    assert_eq!(result.counted().count(), 4 * 3);
    for cell in &result.cells {
        crate::measure::all_are_accounted_for(cell);
        assert!(cell.ledger.samples > 0 && !cell.roles.is_empty(), "{:?}", cell.cell);
        // By the names of the services, not of the logins.
        assert!(!cell.roles.contains_key("payer"), "{:?}", cell.roles.keys());
        for of in &cell.services {
            let calls = cell.roles[&of.name].calls;
            assert!(calls as u64 >= of.driven, "{}: {calls} of {}", of.name, of.driven);
        }
    }
    let kept: Measured<SqlOutcome> = attachments::read(&folder, attachments::SQL).unwrap();
    assert!(kept.outcome.place.contains("copy of the database's files"), "{}", kept.outcome.place);
    assert!(
        kept.outcome.growth.len() == 3 && kept.outcome.growth.iter().all(|of| of.reset),
        "{:?}",
        kept.outcome.growth
    );
    assert_eq!(kept.outcome.limits.len(), 3, "alone, alone again, while report runs");
    let report = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("shop: who slows whom") && report.contains("Which statement waited for which"));
    for absent in ["APIs", "five services", "lab resume", "black box", "minutes) or demo"] {
        assert!(!report.contains(absent), "{absent}");
    }
    // What the payer wrote, it wrote to the copy.
    let mut session = Session::connect(&shop.url("shop")).unwrap();
    assert_eq!(session.value::<i64>("select sum(balance) from public.accounts").unwrap(), 0);
    assert_eq!(shop.copies(), Vec::<String>::new());
    assert!(!folder.join("pgbench").exists());
}

/// The truth comes from the server itself: it logs how long each wait took that was longer than 10 ms.
#[test]
fn a_planted_lock_is_found_with_its_statement_and_its_seconds() {
    let settings = ["log_lock_waits = on", "deadlock_timeout = '10ms'"].map(str::to_owned).into();
    let shop = Shop::on(ClusterOptions { settings, ..ClusterOptions::ephemeral() });
    shop.write("migrate.sql", "begin;\nlock table accounts in share row exclusive mode;\n\\sleep 300 ms\nend;\n");
    // Two statements in a transaction: behind the lock the second one is prepared while another connection's transaction is open.
    shop.write("pay.sql", "\\set id random(1, 5000)\n\\set other random(1, 5000)\nbegin;\nupdate accounts set balance = balance + 1 where id = :id;\nupdate accounts set balance = balance - 1 where id = :other;\nend;\n");
    let text = std::fs::read_to_string(shop.workload("report.sql", "migrate.sql")).unwrap();
    let text = text.replace("\"reporter\"", "\"migration\"").replace("services.report", "services.migrate");
    let text = text.replace("rate-per-s = 20", "rate-per-s = 1").replace("connections = 2", "connections = 1");
    let workload = shop.write("workload.toml", &text);
    let output = shop.lab("run", &workload, &["--in-place", "shop"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let folder = shop.only_run();
    let kept: Measured<SqlOutcome> = attachments::read(&folder, attachments::SQL).unwrap();
    let mut all = kept.outcome.waits.iter().filter(|of| of.cell == "migrate+pay").flat_map(|of| &of.waits);
    let first = all.next().unwrap();
    assert_eq!((first.waiting.as_str(), first.root.as_str()), ("pay", "migrate"), "{first:?}");
    assert!(first.statement.starts_with("update accounts set balance"), "{first:?}");
    assert!(first.holds.starts_with("lock table accounts in share row exclusive mode"), "{first:?}");
    assert_eq!((first.mode.as_str(), first.relation.as_deref()), ("RowExclusiveLock", Some("public.accounts")));
    assert!(said(&output).contains("lock table accounts"), "{}", said(&output));
    let log = shop.log();
    let acquired = log
        .lines()
        .filter_map(|line| line.split_once("acquired RowExclusiveLock on relation")?.1.split_once(" after "));
    let truth: f64 = acquired.map(|(_, ms)| ms.split(' ').next().unwrap().parse::<f64>().unwrap() / 1000.0).sum();
    let pairs = kept.outcome.waits.iter().filter(|of| of.cell == "migrate+pay").flat_map(|of| &of.waits);
    let found: f64 = pairs.filter(|of| of.waiting == "pay" && of.root == "migrate").map(|of| of.seconds).sum();
    // Measurements that were repeated are in the table, too.
    let result = ResultFile::read(&folder.join("result.json")).unwrap();
    let cells = result.cells.iter().filter(|cell| cell.cell.name() == "migrate+pay");
    let ledger = cells.flat_map(|cell| &cell.ledger.entries).filter(|of| of.waiting == "pay" && of.root == "migrate");
    let (seen, sd) = ledger.fold((0.0, 0.0_f64), |sum, of| (sum.0 + of.seconds, sum.1.hypot(of.sd_seconds)));
    assert!(truth > 2.0, "the lock is felt: {truth}");
    // On a machine so busy that samples come late, as exact as the ledger says of itself: the payer's sessions wait together.
    assert!((seen - truth).abs() < 0.1 * truth + 4.0 * sd, "{seen} ± {sd} s seen, {truth} s true");
    assert!(
        found <= seen * 1.02 && (result.run.reruns > 0 || found > seen * 0.98),
        "{found} by statement, {seen} by role"
    );
}

#[test]
fn what_can_not_be_run_is_refused_and_leaves_nothing() {
    let shop = Shop::new();
    let fine = shop.workload("", "");
    let run = |workload: &Path, more: &[&str]| shop.lab("run", workload, more);
    refused(&shop, &mut run(&shop.folder.path().join("absent.toml"), &[]), "absent.toml: can't be read");
    refused(&shop, &mut run(&fine, &["--in-place", "other"]), "--in-place names other");
    let secret = format!("postgresql://payer:{PASSWORD}@localhost/shop");
    refused(&shop, &mut run(&fine, &["--database-url", &secret]), "A password on the command line");
    refused(&shop, &mut run(&fine, &["--fail-on", "pay<-nobody.p50>2"]), "pay<-nobody isn't measured");
    let workload = shop.workload("\"payer\"", "\"unheard_of\"");
    refused(&shop, &mut run(&workload, &[]), "unheard_of is no role");
    let workload = shop.workload("\"payer\"", "\"nobody_knows\"");
    refused(&shop, &mut run(&workload, &[]), "nobody_knows can't log in");
    // The reporter may not update.
    let workload = shop.workload("report.sql", "pay.sql");
    refused(&shop, &mut run(&workload, &[]), "permission denied for table accounts");
    // Who may read all but make no database.
    let mut guest = run(&shop.workload("", ""), &[]);
    let url = as_guest(&shop);
    refused(&shop, guest.env("DATABASE_URL", url), "can't be copied: copying the database: permission denied");
    // Somebody else is at work, in another database of the server.
    let _other = Session::connect(&shop.url("postgres")).unwrap();
    refused(
        &shop,
        &mut run(&fine, &["--in-place", "shop"]),
        "Others are at work on this server (postgres in postgres)",
    );
}

fn as_guest(shop: &Shop) -> String {
    shop.as_superuser("postgres", "grant pg_monitor to guest");
    let url = shop.url("shop");
    let at = url.find('@').unwrap();
    format!("postgresql://guest{}", &url[at..])
}

/// While it measures, while a rate is raised, while a remedy is rehearsed.
#[test]
fn what_a_killed_run_left_is_dropped_by_the_next_one() {
    let shop = Shop::on(logging());
    let workload = shop.workload("", "");
    let (remedy, undo) = (
        shop.write("remedy.sql", "create index tried on accounts (balance);\nselect pg_sleep(600);\n"),
        shop.write("undo.sql", "drop index tried;\n"),
    );
    let tried = ["--try", remedy.to_str().unwrap(), "--undo", undo.to_str().unwrap()];
    for (what, more, does, often) in [
        ("run", &[][..], "update accounts set balance", 30),
        ("knee", &["--limit-ms", "9000"][..], "update accounts set balance", 30),
        ("run", &tried[..], "select pg_sleep(600)", 1),
    ] {
        let from = shop.log().len();
        let mut command = shop.lab(what, &workload, more);
        end_with_thread(&mut command);
        let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        until(&format!("{what} {more:?} is under way"), || shop.log()[from..].matches(does).count() >= often);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!shop.copies().is_empty(), "{what} {more:?}: a killed one can't drop them itself");
        // pgbench goes with it.
        let mut session = Session::connect(&shop.url("postgres")).unwrap();
        until("its sessions end", || {
            session
                .value::<i64>("select count(*) from pg_stat_activity where usename in ('payer', 'reporter')")
                .unwrap()
                == 0
        });
        drop(session);
        let output = shop.lab("check", &workload, &[]).output().unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("which a run that was killed had left"), "{text}");
        assert_eq!(shop.copies(), Vec::<String>::new());
    }
}

/// Somebody is connected: the copy goes to a server of its own, where the same roles have the same rights.
#[test]
fn a_check_shows_rows_and_plans_and_stays_off_a_busy_server() {
    let shop = Shop::new();
    shop.as_superuser("shop", "alter role reporter in database shop set search_path = \"$user\", public");
    let mut busy = Session::connect(&shop.url("shop")).unwrap();
    let output = shop.lab("check", &shop.workload("", ""), &[]).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("a server of its own"), "{text}");
    assert!(text.contains("1 rows: update accounts set balance = balance + 1 where id = $1"), "{text}");
    assert!(text.contains("Index Scan using accounts_pkey"), "{text}");
    assert!(text.contains("Report is too seldom for the share of its slow requests (20 per second"), "{text}");
    assert_eq!(shop.copies(), Vec::<String>::new());
    let logins = "select count(*) from pg_stat_activity where usename in ('payer', 'reporter')";
    assert_eq!(busy.value::<i64>(logins).unwrap(), 0);
    // One that fails: a finding, and the others are shown all the same.
    shop.write("pay.sql", "update account set balance = 1;\n");
    let output = shop.lab("check", &shop.workload("", ""), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("FAILS") && text.contains("relation \"account\" does not exist"), "{text}");
    assert!(text.contains("report.sql: works"), "{text}");
    assert_eq!(busy.value::<i64>("select sum(balance) from public.accounts").unwrap(), 0);
}

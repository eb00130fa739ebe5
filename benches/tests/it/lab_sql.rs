//! `lab sql`: real pgbench, real Postgres, real roles, in a cluster of the test's own.

// Long: one workload and its helpers, and each command that reads it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lab::load::driver::Outcome;
use lab::result::{Measured, ResultFile, attachments};
use lab::sql::{Log, SqlOutcome, Summary};
use lab::stats::Histogram;
use schema::cluster::ClusterOptions;
use schema::session::Session;
use schema::testing::TestCluster;

use crate::support::{end_with_thread, lab, until};

mod copies;
mod harms;
mod limits;
mod remedy;

/// Known to everybody who reads this; the server is gone with the test.
const PASSWORD: &str = "only for a test";

/// A server with a small shop on it, the scripts of its services, and their passwords in a file.
struct Shop {
    cluster: TestCluster,
    folder: tempfile::TempDir,
}

const TABLES: &str = "
    create table accounts (id int primary key, balance int not null);
    insert into accounts select n, 0 from generate_series(1, 5000) n;
    analyze accounts";

impl Shop {
    fn new() -> Self {
        Self::on(ClusterOptions::ephemeral())
    }

    fn on(options: ClusterOptions) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let cluster = TestCluster::with(options);
        let folder = tempfile::tempdir().unwrap();
        let passwords = folder.path().join("pgpass");
        let line = |role: &str| format!("*:*:*:{role}:{PASSWORD}\n");
        let roles = ["payer", "reporter", "migration", "guest", "nobody_knows"];
        // The last one has no password there.
        std::fs::write(&passwords, roles[..4].iter().map(|role| line(role)).collect::<String>()).unwrap();
        std::fs::set_permissions(&passwords, std::fs::Permissions::from_mode(0o600)).unwrap();
        let shop = Self { cluster, folder };
        shop.as_superuser("postgres", "create database shop");
        for role in roles {
            shop.as_superuser("postgres", &format!("create role {role} login password '{PASSWORD}'"));
        }
        shop.as_superuser("shop", TABLES);
        shop.as_superuser(
            "shop",
            "grant select, update on accounts to payer, migration; grant select on accounts to reporter, guest",
        );
        shop.write("pay.sql", "\\set id random(1, 5000)\nupdate accounts set balance = balance + 1 where id = :id;\n");
        shop.write("report.sql", "select sum(balance) from accounts;\n");
        shop
    }

    fn url(&self, database: &str) -> String {
        self.cluster.url(database, "superuser")
    }

    fn as_superuser(&self, database: &str, sql: &str) {
        Session::connect(&self.url(database)).unwrap().run(sql, "a test's own").unwrap();
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(file);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// A payer and a reporter, with one thing in place of another.
    fn workload(&self, from: &str, to: &str) -> PathBuf {
        let text = "
            [services.pay]
            login = \"payer\"
            rate-per-s = 60
            connections = 4
            scripts = [{ file = \"pay.sql\" }]
            [services.report]
            login = \"reporter\"
            rate-per-s = 20
            connections = 2
            query-mode = \"extended\"
            scripts = [{ file = \"report.sql\" }]";
        assert!(from.is_empty() || text.contains(from));
        self.write("workload.toml", &text.replace(from, to))
    }

    fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    /// `lab sql …` with the environment of a person who has a file of passwords.
    fn lab(&self, what: &str, workload: &Path, more: &[&str]) -> Command {
        let mut command = lab(&["sql", what]);
        command.arg(workload).args(more).env("DATABASE_URL", self.url("shop"));
        command.env("PGPASSFILE", self.folder.path().join("pgpass"));
        if what == "run" {
            command.args(["--preset", "smoke", "--results"]).arg(self.results());
        }
        command
    }

    fn copies(&self) -> Vec<String> {
        let mut session = Session::connect(&self.url("postgres")).unwrap();
        session.texts("select datname::text from pg_database where datname not in ('postgres', 'template0', 'template1', 'shop')").unwrap()
    }

    /// What the server has logged.
    fn log(&self) -> String {
        std::fs::read_to_string(self.cluster.cluster().home().unwrap().join("postgres/log")).unwrap()
    }

    fn only_run(&self) -> PathBuf {
        let mut inside = std::fs::read_dir(self.results()).unwrap().flatten();
        let folder = inside.next().unwrap().path();
        assert!(inside.next().is_none());
        folder
    }
}

/// A server that logs what it does: who asked it would be connected, and for the sake of such a one the copy is made elsewhere.
fn logging() -> ClusterOptions {
    ClusterOptions { settings: vec!["log_statement = all".to_owned()], ..ClusterOptions::ephemeral() }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// One sentence on standard error, exit code 2.
#[track_caller]
fn refused(shop: &Shop, command: &mut Command, why: &str) {
    was_refused(shop, &command.output().unwrap(), why);
}

#[track_caller]
fn was_refused(shop: &Shop, output: &Output, why: &str) {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{}", said(output));
    assert!(error.contains(why), "{why}: {error}");
    let progress = |line: &&str| line.ends_with('…');
    assert_eq!(error.trim().lines().filter(|line| !progress(line)).count(), 1, "{error}");
    assert_eq!(shop.copies(), Vec::<String>::new(), "nothing is left");
    assert!(!shop.results().exists(), "nothing is left");
}

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
    assert_eq!(session.value::<i64>("select sum(balance) from accounts").unwrap(), 0);
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
    assert_eq!((first.mode.as_str(), first.relation.as_deref()), ("RowExclusiveLock", Some("accounts")));
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
    assert_eq!(busy.value::<i64>("select sum(balance) from accounts").unwrap(), 0);
}

/// Transactions that fail included.
#[test]
fn the_log_says_exactly_what_pgbench_says() {
    let shop = Shop::new();
    let script = shop.write(
        "meet.sql",
        "begin isolation level repeatable read;\nselect balance from accounts where id = 1;\nupdate accounts set balance = balance + 1 where id = 1;\nend;\n",
    );
    let program =
        schema::cluster::binaries::client_tool("pgbench", &mut Session::connect(&shop.url("shop")).unwrap()).unwrap();
    let prefix = shop.folder.path().join("log");
    let mut command = Command::new(program);
    command
        .args(["-n", "-M", "prepared", "-R", "300", "-c", "8", "-j", "1", "-T", "3", "-l", "--log-prefix"])
        .arg(&prefix);
    let address = schema::session::address(&shop.url("shop")).unwrap();
    for (variable, value) in address.variables().filter_map(|(variable, value)| Some((variable, value?))) {
        command.env(variable, value);
    }
    let child = command
        .arg("-f")
        .arg(&script)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let log = PathBuf::from(format!("{}.{}", prefix.display(), child.id()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let log = Log::read([log.as_path()]).unwrap();
    let summary = Summary::read(&String::from_utf8_lossy(&output.stdout)).unwrap();
    assert!(summary.transactions > 10 && summary.failed > 0, "{summary:?}");
    assert!(summary.agrees(&log.summary()), "{:?} {summary:?}", log.summary());
    // An hour around now.
    let now_us = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
    let record = log.record("meet", &[], now_us - 1_800_000_000, 3600.0);
    let counted = |outcome| record.response.get(&outcome).map_or(0, Histogram::count);
    assert_eq!((counted(Outcome::Ok), counted(Outcome::ServerError)), (summary.transactions, summary.failed));
    let mean_ms = record.response[&Outcome::Ok].mean_us().unwrap() / 1000.0;
    assert!((mean_ms / summary.latency_ms - 1.0).abs() < 0.002, "{mean_ms} {summary:?}: as exact as a histogram is");
}

/// Statements with parameters of several types, as a service sends them; one can't be driven.
#[test]
fn a_file_is_written_from_what_was_counted() {
    let shop = Shop::new();
    shop.as_superuser(
        "shop",
        "create table orders (id uuid primary key default gen_random_uuid(), account int not null references accounts, state text not null);
         insert into orders (account, state) select n, 'new: really' from generate_series(1, 100) n;
         create table states (id int primary key, name text not null unique); insert into states values (0, 'none');
         grant select, insert on orders, states to payer; create extension pg_stat_statements",
    );
    let url = shop.url("shop");
    let at = url.find('@').unwrap();
    let payer = format!("postgresql://payer:{}{}", PASSWORD.replace(' ', "%20"), &url[at..]);
    let mut session = Session::connect(&payer).unwrap();
    let id: uuid::Uuid = session.client.query_one("select id from orders limit 1", &[]).unwrap().get(0);
    for account in 1..40_i32 {
        session.client.query("select * from orders where id = $1 and state = $2", &[&id, &"new: really"]).unwrap();
        session.client.execute("update accounts set balance = balance + 1 where id = $1", &[&account]).unwrap();
        session.client.execute("insert into orders (account, state) values ($1, $2)", &[&account, &"new"]).unwrap();
        session
            .client
            .execute("insert into states (id, name) values ($1, $2)", &[&account, &format!("{account}")])
            .unwrap();
    }
    session.run("create temporary table gone (a int)", "a table that no copy has").unwrap();
    session.client.query("select a from gone where a = $1", &[&1_i32]).unwrap();
    drop(session);
    let out = shop.folder.path().join("made");
    let mut command = lab(&["sql", "init", "--out"]);
    command.arg(&out).env("DATABASE_URL", &url).env("PGPASSFILE", shop.folder.path().join("pgpass"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(shop.copies(), Vec::<String>::new());
    let file = std::fs::read_to_string(out.join("workload.toml")).unwrap();
    assert!(file.contains("[services.payer]") && file.contains("[[services.payer.scripts]]"), "{file}");
    assert!(file.contains("# not driven, 1 calls (relation \"gone\" does not exist"), "{file}");
    let scripts: Vec<String> =
        (1..=4).map(|n| std::fs::read_to_string(out.join(format!("payer-{n:02}.sql"))).unwrap()).collect();
    let of = |start: &str| {
        scripts.iter().find(|text| text.contains(start)).unwrap_or_else(|| panic!("{start}: {scripts:#?}"))
    };
    assert!(of("update accounts").contains("\\set row1 random(1, 200)"), "{scripts:#?}");
    // Values of one statement come from one row; no colon of a value is a variable.
    let select = of("select * from orders");
    assert!(select.contains("\\x3a really") && select.matches("[:row1]").count() == 2, "{select}");
    assert!(of("insert into orders").contains("::int4"), "{scripts:#?}");
    // What is new is new in the next cell, too, where pgbench draws the same values.
    let keys = scripts.iter().position(|text| text.contains("insert into states")).unwrap() + 1;
    for cell in 1..=2 {
        let program = schema::cluster::binaries::client_tool("pgbench", &mut Session::connect(&url).unwrap()).unwrap();
        let mut pgbench = Command::new(program);
        pgbench.args(["-n", "-t", "20", "--random-seed=1", "-f"]).arg(out.join(format!("payer-{keys:02}.sql")));
        let address = schema::session::address(&payer).unwrap();
        pgbench.envs(address.variables().filter_map(|(variable, value)| Some((variable, value?))));
        let output = pgbench.output().unwrap();
        assert!(output.status.success(), "cell {cell}: {}", said(&output));
    }
    // A second service by hand, and what was written is what a run takes.
    let guest = "\n[services.guest]\nrate-per-s = 5\nscripts = [{ file = \"look.sql\" }]\n";
    std::fs::write(out.join("workload.toml"), file + guest).unwrap();
    std::fs::write(out.join("look.sql"), "select 1;\n").unwrap();
    let output = shop.lab("check", &out.join("workload.toml"), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("1 rows: update accounts"), "{}", said(&output));
    let again = command.output().unwrap();
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
}

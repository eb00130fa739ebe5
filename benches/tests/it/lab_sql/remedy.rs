//! `--try`, and `lab compare` of what came out.

use rustix::process::{Pid, Signal, kill_process};

use super::*;

const INDEX: &str = "create index orders_account on orders (account)";

/// A shop with orders, which the report reads by a column without an index.
fn shop() -> Shop {
    let shop = Shop::on(logging());
    shop.as_superuser(
        "shop",
        "create table orders (id int primary key, account int not null, note text not null);
         insert into orders select n, n % 5000, repeat('x', 80) from generate_series(1, 100000) n;
         analyze orders; grant select on orders to reporter",
    );
    shop.write(
        "report.sql",
        "\\set account random(1, 5000)\nselect count(*), max(note) from orders where account = :account;\n",
    );
    shop
}

fn indexes(shop: &Shop) -> i64 {
    let mut session = Session::connect(&shop.url("shop")).unwrap();
    session.value("select count(*) from pg_indexes where schemaname = 'public' and tablename = 'orders'").unwrap()
}

/// No setting of a role is left on the server.
fn settings(shop: &Shop) -> Vec<String> {
    let mut session = Session::connect(&shop.url("postgres")).unwrap();
    session.texts("select array_to_string(setconfig, ',') from pg_db_role_setting s join pg_roles r on r.oid = s.setrole where rolname = 'payer'").unwrap()
}

#[test]
fn a_remedy_is_measured_with_and_without_it() {
    let shop = shop();
    let remedy = shop.write(
        "remedy.sql",
        "-- Two things.\ncreate index concurrently orders_account on orders (account);\nalter role payer in database :\"DBNAME\" set lock_timeout = '9s';\n",
    );
    let undo = shop.write(
        "undo.sql",
        "drop index orders_account;\nalter role payer in database :\"DBNAME\" reset lock_timeout;\n",
    );
    let workload = shop.workload("", "");
    let files = ["--try", remedy.to_str().unwrap(), "--undo", undo.to_str().unwrap(), "--fail-on", "pay:p50:1000x"];
    let output = shop.lab("run", &workload, &files).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let folder = shop.only_run();
    let with = folder.join("with-remedy");
    let results = [&folder, &with].map(|folder| {
        crate::measure::validates(folder);
        let result = ResultFile::read(&folder.join("result.json")).unwrap();
        assert!(result.run.complete && result.counted().count() == 4 * 3);
        // On a busy machine every measurement may be suspect: here all of them count.
        ResultFile { matrix: None, ..result }
    });
    let effects = lab::sql::effects(&results[0], &results[1]).unwrap();
    let kept: Measured<SqlOutcome> = attachments::read(&folder, attachments::SQL).unwrap();
    let tried = kept.outcome.tried.unwrap();
    // Two services, alone and together, three figures each.
    assert_eq!((tried.remedy.as_str(), effects.len()), ("remedy.sql", 2 * 2 * 3));
    let known = |of: &lab::sql::Effect| effects.iter().any(|one| one.service == of.service && one.metric == of.metric);
    assert!(tried.effects.iter().all(known));
    let of = |service: &str, others: &str| {
        let is = |of: &&lab::sql::Effect| of.service == service && of.while_running == others;
        effects.iter().find(is).unwrap()
    };
    for others in ["alone", "pay"] {
        let of = of("report", others);
        assert!(of.with_ms < of.without_ms / 2.0, "the index is felt: {of:?}");
        assert_eq!(of.estimate.map(|of| of.replicates), Some(3));
    }
    let p50 = text.split("--fail-on: insufficient data for ").nth(1);
    assert!(p50.is_some_and(|text| text.starts_with("pay while report runs at")), "{text}");
    assert!(text.contains("What remedy.sql changes") && text.contains("Remedy: with remedy.sql"), "{text}");
    let report = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("What remedy.sql changes"));
    assert_eq!((indexes(&shop), settings(&shop), shop.copies()), (1, vec![], vec![]));
    // Both are results that can be compared; those of other scripts can't.
    let files = [folder.join("result.json"), with.join("result.json")].map(|file| file.display().to_string());
    let compared = lab(&["compare", &files[0], &files[1]]).output().unwrap();
    assert_eq!(compared.status.code(), Some(0), "{}", said(&compared));
    assert!(said(&compared).contains("Report"), "{}", said(&compared));
    let mut other = ResultFile::read(&with.join("result.json")).unwrap();
    other.services[0].rate_per_s *= 2.0;
    other.target.as_mut().unwrap().contract = "scripts:0".into();
    other.write(&with.join("other.json")).unwrap();
    let compared = lab(&["compare", &files[0], with.join("other.json").to_str().unwrap()]).output().unwrap();
    assert_eq!(compared.status.code(), Some(2), "{}", said(&compared));
    let why = said(&compared);
    assert!(why.contains("the scripts differ") && why.contains("give both the same rate-per-s"), "{why}");
}

#[test]
fn what_is_not_undone_or_reaches_beyond_the_copy_is_refused() {
    let shop = shop();
    let workload = shop.workload("", "");
    let refuse = |remedy: &str, undo: &str, why: &str| {
        let (remedy, undo) = (shop.write("remedy.sql", remedy), shop.write("undo.sql", undo));
        let files = ["--try", remedy.to_str().unwrap(), "--undo", undo.to_str().unwrap()];
        refused(&shop, &mut shop.lab("run", &workload, &files), why);
        assert_eq!((indexes(&shop), settings(&shop)), (1, vec![]));
    };
    let index = format!("{INDEX};");
    refuse(&index, "select 1;", "doesn't undo all of remedy.sql (+ CREATE INDEX orders_account");
    refuse("alter table orders set (fillfactor = 70);", "select 1;", "fillfactor");
    let set = "alter role payer in database :\"DBNAME\" set lock_timeout = '1s';";
    refuse(set, "select 1;", "doesn't undo all of remedy.sql (+ ALTER ROLE payer IN DATABASE");
    let set = "alter role payer set lock_timeout = '1s';";
    refuse(
        set,
        "alter role payer reset lock_timeout;",
        "changes more than the copy (+ ALTER ROLE payer SET lock_timeout",
    );
    refuse("create index on nothing (a);", "select 1;", "relation \"nothing\" does not exist");
    refuse(&index, "drop index other;", "index \"other\" does not exist");
    refuse("-- Nothing.\n", "select 1;", "remedy.sql has no statement");
    // In the database itself, too: no note is left of what was never done.
    let remedy = shop.write("remedy.sql", "create index on nothing (a);").display().to_string();
    let files = ["--try", &remedy, "--undo", &remedy.replace("remedy", "undo"), "--in-place", "shop"];
    refused(&shop, &mut shop.lab("run", &workload, &files), "relation \"nothing\" does not exist");
    let mut session = Session::connect(&shop.url("shop")).unwrap();
    assert!(session.value::<bool>("select to_regnamespace('lab_sql_undo') is null").unwrap());
    drop(session);
    let alone = shop.lab("run", &workload, &["--try", "remedy.sql"]).output().unwrap();
    assert_eq!(alone.status.code(), Some(2), "{}", said(&alone));
}

/// Waits until a remedy is applied in the database itself and something is measured, and sends a signal; the exit code. Where the remedy has a
/// second part, which takes longer than anybody waits, it is sent in the rehearsal.
fn signalled(shop: &Shop, signal: Signal, second: Option<(&str, &str)>) -> Option<i32> {
    let (more, undo) = second.unwrap_or_default();
    let (remedy, undo) = (
        shop.write("remedy.sql", &format!("{INDEX};\n{more}\n")),
        shop.write("undo.sql", &format!("{undo}\ndrop index orders_account;\n")),
    );
    let files = ["--try", remedy.to_str().unwrap(), "--undo", undo.to_str().unwrap(), "--in-place", "shop"];
    let mut command = shop.lab("run", &shop.workload("", ""), &files);
    end_with_thread(&mut command);
    let mut child = command.spawn().unwrap();
    let measured = || {
        let folder = std::fs::read_dir(shop.results()).into_iter().flatten().flatten().next();
        folder.is_some_and(|folder| ResultFile::read(&folder.path().join("with-remedy/result.json")).is_ok())
    };
    // Once the blocks have begun; then in one with it.
    until("it runs with the remedy", || match second {
        Some((second, _)) => shop.log().contains(second.trim_end_matches(';')),
        None => measured() && indexes(shop) == 2,
    });
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn an_interrupted_run_undoes_it_and_after_a_kill_the_next_start_does() {
    let shop = shop();
    assert_eq!(signalled(&shop, Signal::INT, None), Some(3), "ended early");
    let noted = || {
        let mut session = Session::connect(&shop.url("shop")).unwrap();
        session.value::<bool>("select to_regnamespace('lab_sql_undo') is not null").unwrap()
    };
    assert_eq!((indexes(&shop), noted()), (1, false));
    std::fs::remove_dir_all(shop.results()).unwrap();
    // In the rehearsal the server goes on with a statement that nobody waits for: it is ended, and of what was never made nothing is undone.
    let second = "do $$ begin perform pg_sleep(600); create index orders_note on orders (note); end $$;";
    for second in [None, Some((second, "drop index orders_note;"))] {
        assert_eq!(signalled(&shop, Signal::KILL, second), None);
        assert_eq!((indexes(&shop), noted()), (2, true), "a killed one can't undo it itself");
        let output = shop.lab("check", &shop.workload("", ""), &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(said(&output).contains("Undone: a remedy"), "{}", said(&output));
        assert_eq!((indexes(&shop), noted()), (1, false));
        assert_eq!(shop.copies(), Vec::<String>::new());
        let mut session = Session::connect(&shop.url("shop")).unwrap();
        assert_eq!(session.value::<i64>("select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()").unwrap(), 0);
    }
}

/// Whoever may make a schema could else have a superuser's `lab sql` run any statement.
#[test]
fn a_note_of_somebody_else_is_not_run() {
    let shop = Shop::new();
    shop.as_superuser(
        "shop",
        "create role mallory; grant create on database shop to mallory; set role mallory; create schema lab_sql_undo;
         create table lab_sql_undo.statements (process int, place int, sql text);
         insert into lab_sql_undo.statements values (0, 0, 'alter role mallory superuser');
         grant usage on schema lab_sql_undo to public; grant select on lab_sql_undo.statements to public; reset role",
    );
    let output = shop.lab("check", &shop.workload("", ""), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mut session = Session::connect(&shop.url("shop")).unwrap();
    let became = session.value::<bool>("select rolsuper from pg_roles where rolname = 'mallory'").unwrap();
    assert!(!became && said(&output).contains("lab_sql_undo belongs to mallory"), "{}", said(&output));
}

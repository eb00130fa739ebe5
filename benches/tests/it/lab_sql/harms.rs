//! `--with`.

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// Runs it until a cell with all services is measured, or any where `whole` is false; what was kept.
fn begun(shop: &Shop, harm: &str, signal: Signal, more: &[&str]) -> (Option<i32>, PathBuf) {
    let _ = std::fs::remove_dir_all(shop.results());
    let mut command = shop.lab("run", &shop.workload("", ""), &[&["--with", harm], more].concat());
    end_with_thread(&mut command);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut ended = None;
    let name = harm.split(':').next().unwrap();
    until(&format!("{harm} is measured"), || {
        let folder = std::fs::read_dir(shop.results()).into_iter().flatten().flatten().next();
        let result = folder.and_then(|folder| ResultFile::read(&folder.path().join("result.json")).ok());
        let in_cell =
            |result: ResultFile| result.cells.iter().any(|cell| cell.services.iter().any(|of| of.name == name));
        ended = child.try_wait().unwrap();
        ended.is_some() || result.is_some_and(in_cell)
    });
    if ended.is_none() {
        kill_process(Pid::from_child(&child), signal).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(ended.is_none(), "{harm}: {}", said(&output));
    (output.status.code(), shop.only_run())
}

fn rows(shop: &Shop) -> String {
    let mut session = Session::connect(&shop.url("shop")).unwrap();
    session.value("select md5(string_agg(accounts::text, ',' order by id)) from public.accounts").unwrap()
}

#[test]
fn every_harm_runs_and_leaves_nothing() {
    let shop = Shop::new();
    let before = rows(&shop);
    let of_table = [
        "held-row",
        "queued-ddl",
        "idle-transaction",
        "long-snapshot",
        "skip-locked-queue",
        "temporary-files",
        "vacuum-full",
    ];
    let of_table = of_table.map(|name| format!("{name}:public.accounts"));
    for harm in of_table.iter().map(String::as_str).chain(["checkpoints", "connections"]) {
        let (code, folder) = begun(&shop, harm, Signal::INT, &[]);
        assert_eq!(code, Some(3), "{harm}: ended early");
        let result = ResultFile::read(&folder.join("result.json")).unwrap();
        let name = harm.split(':').next().unwrap();
        assert_eq!(result.services.len(), 3, "{harm}");
        // It did what it is there for: none of its transactions failed.
        for of in result.cells.iter().flat_map(|cell| &cell.services).filter(|of| of.name == name) {
            assert!(of.response.keys().all(|outcome| *outcome == Outcome::Ok), "{of:?}");
        }
        let kept: Measured<SqlOutcome> = attachments::read(&folder, attachments::SQL).unwrap();
        let note =
            kept.outcome.notes.iter().find(|note| note.starts_with(&format!("The service {name} is a known harm")));
        assert!(note.is_some(), "{:?}", kept.outcome.notes);
        assert_eq!((rows(&shop), shop.copies()), (before.clone(), vec![]));
    }
}

#[test]
fn a_held_row_is_found_as_what_it_is() {
    let shop = Shop::new();
    shop.write("pay.sql", "update accounts set balance = balance + 1 where id = 7;\n");
    // Of somebody who may only create something in `public`: it fits better than Postgres's own.
    shop.as_superuser(
        "shop",
        "create role intruder; grant create on schema public to intruder; set role intruder;
         create function public.quote_ident(name) returns text language plpgsql as $$ begin raise log 'planted: %', current_user; return pg_catalog.quote_ident($1::text); end $$",
    );
    let output = shop.lab("run", &shop.workload("", ""), &["--with", "held-row:accounts:id = 7"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!shop.log().contains("planted: "), "{}", shop.log());
    let folder = shop.only_run();
    let kept: Measured<SqlOutcome> = attachments::read(&folder, attachments::SQL).unwrap();
    let waits = kept.outcome.waits.iter().find(|of| of.cell == "held-row+pay").unwrap();
    let first = waits.waits.iter().find(|of| of.root == "held-row").unwrap_or_else(|| panic!("{waits:?}"));
    assert!(first.waiting == "pay" && first.seconds > 0.5, "{first:?}");
    assert!(first.holds.starts_with("select from public.accounts where id = "), "{first:?}");
    let of = |service: &str| {
        let is = |of: &&lab::sql::Through| of.service == service && of.while_running == "held-row";
        kept.outcome.through.iter().find(is).unwrap().clone()
    };
    assert_eq!(of("pay").largest(), Some(lab::sql::Part::Lock), "{:?}", of("pay"));
    assert!(of("report").lock_ms < 0.01, "a reader waits for no row: {:?}", of("report"));
}

/// For two of varchar Postgres has no operator of its own, but that of text: one that somebody makes fits better.
#[test]
fn a_harm_compares_a_key_by_the_keys_own_operator() {
    let shop = Shop::new();
    shop.as_superuser(
        "shop",
        "create table codes (code varchar(10) primary key, n int); insert into codes values ('a', 1), ('b', 2);
         create role intruder; grant create on schema public to intruder; set role intruder;
         create function public.same(varchar, varchar) returns boolean language plpgsql as $$ begin raise log 'planted: %', current_user; return $1::text = $2::text; end $$;
         create operator public.= (leftarg = varchar, rightarg = varchar, function = public.same)",
    );
    let (code, _) = begun(&shop, "long-snapshot:public.codes", Signal::INT, &[]);
    assert_eq!(code, Some(3), "ended early");
    assert!(!shop.log().contains("planted: "), "{}", shop.log());
}

/// The harm works as the login that observes; a kill ends its transaction with its connection.
#[test]
fn a_killed_harm_in_the_database_itself_is_over_with_the_run() {
    let shop = Shop::new();
    let (code, _) = begun(&shop, "held-row:accounts", Signal::KILL, &["--in-place", "shop"]);
    assert_eq!(code, None);
    let mut session = Session::connect(&shop.url("shop")).unwrap();
    until("its sessions end", || {
        session.value::<i64>("select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()").unwrap() == 0
    });
    session
        .run("set lock_timeout = '1s'; select from public.accounts order by id limit 1 for update nowait", "a free row")
        .unwrap();
    drop(session);
    let output = shop.lab("check", &shop.workload("", ""), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_harm_that_can_not_be_done_is_refused() {
    let shop = Shop::new();
    let fine = shop.workload("", "");
    let with = |harm: &str| shop.lab("run", &fine, &["--with", harm]);
    refused(&shop, &mut with("held-row:public.absent"), "--with held-row: unknown table public.absent");
    refused(&shop, &mut with("held-row:accounts:idd = 7"), "column \"idd\" does not exist");
    shop.as_superuser("shop", "create table empty (); grant select on empty to reporter");
    refused(&shop, &mut with("long-snapshot:empty"), "no column of empty can be set");
    let workload = shop.workload("services.pay", "services.held-row");
    refused(
        &shop,
        &mut shop.lab("run", &workload, &["--with", "held-row:accounts"]),
        "the service held-row has its name",
    );
    for wrong in ["held-row", "harm:accounts", "checkpoints:accounts"] {
        let output = with(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", said(&output));
    }
}

//! Counts and statements are pgbench's own; a file from what was counted drives them.

use super::*;

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
    let mut session = Session::connect(&payer).unwrap().over_its_path().unwrap();
    let id: uuid::Uuid = session.client.query_one("select id from orders limit 1", &[]).unwrap().get(0);
    for account in 1..40_i32 {
        session.client.query("select * from orders where id = $1 and state = $2", &[&id, &"new: really"]).unwrap();
        session.client.execute("update accounts set balance = balance + 1 where id = $1", &[&account]).unwrap();
        session.client.execute("insert into orders (account, state) values ($1, $2)", &[&account, &"new"]).unwrap();
        let range = "select count(balance) from accounts where id >= $1 and id < $2";
        session.client.query(range, &[&account, &(account + 9)]).unwrap();
        session
            .client
            .execute("insert into states (id, name) values ($1, $2)", &[&account, &format!("{account}")])
            .unwrap();
    }
    // A report: one call of more than a hundred, and nearly all of the time.
    session.client.query("select count(*) from accounts a join accounts b on a.id < b.id", &[]).unwrap();
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
    assert!(
        file.contains(" (relation \"gone\" does not exist") && file.contains("# not driven, 1 calls of "),
        "{file}"
    );
    let told = said(&output);
    assert!(
        told.contains(" % of 1") && told.contains(" counted calls and ") && told.contains(" s that these took"),
        "{told}"
    );
    let scripts: Vec<String> =
        (1..=6).map(|n| std::fs::read_to_string(out.join(format!("payer-{n:02}.sql"))).unwrap()).collect();
    let of = |start: &str| {
        scripts.iter().find(|text| text.contains(start)).unwrap_or_else(|| panic!("{start}: {scripts:#?}"))
    };
    assert!(of("select count(*) from accounts a join accounts b").ends_with(";\n"), "{scripts:#?}");
    assert!(of("update accounts").contains("\\set row1 random(1, 200)"), "{scripts:#?}");
    // Of a range both bounds are drawn, in their order.
    let range = of("select count(balance)");
    assert!(range.contains("id >= least(") && range.contains("id < greatest("), "{range}");
    assert_eq!([range.matches("[:row1]").count(), range.matches("[:otherrow1]").count()], [2, 2], "{range}");
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

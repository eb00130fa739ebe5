//! Copies: of a sample of the rows, and what is left of one that was being made when the run was killed.

use rustix::process::{Pid, Signal, kill_process};
use schema::testing::{SmallDisk, needs};

use super::*;

#[test]
fn a_sample_holds_some_rows_and_those_that_they_refer_to() {
    let shop = Shop::new();
    shop.as_superuser(
        "shop",
        "create table orders (id int primary key, account int not null references accounts);
         insert into orders select n, n % 5000 + 1 from generate_series(1, 20000) n; analyze orders;
         grant select on orders to reporter",
    );
    shop.write("report.sql", "select count(*) as orders, count(balance) as with_account from orders left join accounts on accounts.id = account;\n");
    shop.write("pay.sql", "update accounts set balance = balance + 1;\n");
    let workload = shop.workload("", "");
    // On the same server, and on one of its own because somebody is connected.
    let mut busy = None;
    for where_it_ran in ["on the same server", "a server of its own"] {
        let output = shop.lab("check", &workload, &["--sample", "300"]).output().unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains(where_it_ran), "{text}");
        assert!(text.contains("public.orders has 300 of about 20000 rows"), "{text}");
        // 300 accounts, and those of the orders that aren't among them.
        let updated = text.split(" rows: update accounts").next().unwrap().rsplit(' ').next().unwrap();
        assert!((301..=600).contains(&updated.parse::<u32>().unwrap()), "{text}");
        assert_eq!(shop.copies(), Vec::<String>::new());
        busy = Some(Session::connect(&shop.url("shop")).unwrap());
    }
    drop(busy);
    let both = shop.lab("run", &workload, &["--in-place", "shop", "--sample", "5"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2), "{}", said(&both));
}

#[test]
fn a_copy_that_was_being_made_is_dropped_by_the_next_start() {
    let shop = Shop::new();
    shop.as_superuser(
        "shop",
        "create table ballast as select repeat(md5(n::text), 30) from generate_series(1, 200000) n",
    );
    let workload = shop.workload("", "");
    let mut command = shop.lab("check", &workload, &[]);
    end_with_thread(&mut command);
    // Looked for in the files: a session would be somebody who is connected, for whose sake the copy is made elsewhere.
    let base = shop.cluster.cluster().home().unwrap().join("postgres/data/base");
    let databases = || std::fs::read_dir(&base).unwrap().count();
    let before = databases();
    let mut child = command.spawn().unwrap();
    until("a copy is being made", || databases() > before);
    child.kill().unwrap();
    child.wait().unwrap();
    let output = shop.lab("check", &workload, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(shop.copies(), Vec::<String>::new());
}

/// A database that is too large to be copied through the write-ahead log.
const LARGE: &str = "create table ballast as select repeat(md5(n::text), 30) from generate_series(1, 90000) n";
const LARGE_BYTES: u64 = 95 << 20;

/// The whole server is on it, its log too: the copy fails, the server doesn't.
#[test]
fn a_disk_that_is_full_is_refused_and_leaves_nothing() {
    let Some(disk) = needs(SmallDisk::owned_by(Path::new("/"), 450)) else {
        return;
    };
    // As little of the write-ahead log as there can be.
    let settings = ["wal_level = minimal", "max_wal_senders = 0", "min_wal_size = 32MB", "max_wal_size = 32MB"];
    let home = Some(disk.path().join("server"));
    let settings = settings.map(str::to_owned).into();
    let shop = Shop::on(ClusterOptions { settings, home, ..ClusterOptions::ephemeral() });
    shop.as_superuser("shop", LARGE);
    shop.as_superuser("shop", "checkpoint");
    let workload = shop.workload("", "");
    // The first copy has no room; the second one, which runs and is made from the first.
    for room in [LARGE_BYTES / 2, LARGE_BYTES * 3 / 2] {
        let filler = disk.fill(room);
        let why = "No space left on device [53100]. Make room there, or copy less with --sample.";
        refused(&shop, &mut shop.lab("run", &workload, &[]), why);
        assert!(!shop.log().contains("PANIC"), "{room}: {}", shop.log());
        std::fs::remove_file(filler).unwrap();
    }
}

/// Somebody is connected, and there is no room for a server of its own, or for the rows in it.
#[test]
fn a_full_disk_of_a_server_of_its_own_is_refused_and_leaves_nothing() {
    let shop = Shop::new();
    shop.as_superuser("shop", LARGE);
    let workload = shop.workload("", "");
    let _busy = Session::connect(&shop.url("shop")).unwrap();
    for megabytes in [20, 90] {
        let Some(disk) = needs(SmallDisk::owned_by(Path::new("/"), megabytes)) else {
            return;
        };
        let mut command = shop.lab("run", &workload, &[]);
        refused(&shop, command.env("TMPDIR", disk.path()), "The database can't be copied: ");
        let left = || std::fs::read_dir(disk.path()).unwrap().count();
        until("its folder is gone", || left() == 0);
    }
}

/// The server ends the session that copies, or crashes; what was copied already is dropped when it is back.
#[test]
fn a_connection_that_is_lost_while_it_copies_is_refused_and_leaves_nothing() {
    let settings = ["log_statement = ddl", "max_prepared_transactions = 1"].map(str::to_owned).into();
    let shop = Shop::on(ClusterOptions { settings, ..ClusterOptions::ephemeral() });
    let workload = shop.workload("", "");
    for (crash, first) in [(false, true), (true, true), (true, false)] {
        // Who copies a database waits for whoever comments on it. The transaction has no session: nobody is connected.
        shop.as_superuser("postgres", "begin; comment on database shop is 'a shop'; prepare transaction 'held'");
        let from = shop.log().len();
        let mut command = shop.lab("run", &workload, &[]);
        end_with_thread(&mut command);
        let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        until("it copies", || shop.log()[from..].contains("create database dba_sql_"));
        let [mut session, mut holder] = [(); 2].map(|()| Session::connect(&shop.url("postgres")).unwrap());
        let copies = [0, 1].map(|number| format!("dba_sql_{}_{number}", child.id()));
        if !first {
            // The same with the first copy, once it is there: the one that runs is made from it.
            shop.as_superuser("postgres", "rollback prepared 'held'");
            let held = format!(
                "begin; do $$ begin while not exists (select from pg_database where datname = '{0}') loop perform pg_sleep(0.001); end loop;
                 comment on database {0} is 'a copy'; end $$",
                copies[0]
            );
            holder.run(&held, "holding the copy").unwrap();
        }
        let copying = format!(
            "select pid from pg_stat_activity where state = 'active' and starts_with(query, 'create database {}')",
            copies[usize::from(!first)]
        );
        let mut pid = None;
        until("it waits", || {
            pid = session.client.query_opt(&copying, &[]).unwrap().map(|row| row.get::<_, i32>(0));
            pid.is_some()
        });
        if crash {
            kill_process(Pid::from_raw(pid.unwrap()).unwrap(), Signal::KILL).unwrap();
        } else {
            session.run(&format!("select pg_terminate_backend({})", pid.unwrap()), "ending it").unwrap();
        }
        let output = child.wait_with_output().unwrap();
        drop([session, holder]);
        until("the server is back", || Session::connect(&shop.url("postgres")).is_ok());
        was_refused(&shop, &output, "The database can't be copied: copying the database: ");
        if first {
            shop.as_superuser("postgres", "rollback prepared 'held'");
        }
    }
}

//! Which limits hold, and which are only defaults. In a cluster of its own: connection limits count over all databases.

use postgres::{Client, NoTls};
use schema::bootstrap::{BootstrapOptions, run};
use schema::roles::LOGINS;
use schema::testing::TestCluster;

use crate::support::{attempt, connect, state, texts};

#[test]
fn limits_of_connections_hold_and_leave_room() {
    let cluster = TestCluster::ephemeral();
    let mut superuser = connect(&cluster.url("govrnanza", "superuser"));
    let limits: Vec<(String, i32)> = superuser
        .query("select rolname::text, rolconnlimit from pg_roles where rolcanlogin and rolname <> 'postgres'", &[])
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert_eq!(limits.len(), LOGINS.len());
    assert!(limits.iter().all(|(_, limit)| *limit > 0), "{limits:?}");
    let all: i32 = limits.iter().map(|(_, limit)| limit).sum();
    let most: i32 = texts(&mut superuser, "show max_connections")[0].parse().unwrap();
    let reserved: i32 = texts(&mut superuser, "show superuser_reserved_connections")[0].parse().unwrap();
    assert!(all + 8 <= most - reserved, "the logins may take {all} of {most}, which leaves too little");

    let url = cluster.url("govrnanza", "account_reader");
    let limit = limits.iter().find(|(name, _)| name == "account_reader").unwrap().1;
    let open: Vec<Client> = (0..limit).map(|_| connect(&url)).collect();
    let refused = Client::connect(&url, NoTls).err().unwrap();
    assert_eq!(state(&refused), "53300");
    connect(&cluster.url("govrnanza", "account_writer")).batch_execute("select 1").unwrap();
    drop(open);
}

#[test]
fn temporary_files_are_capped_whatever_a_role_sets_for_itself() {
    let cluster = TestCluster::ephemeral();
    let mut superuser = connect(&cluster.url("govrnanza", "superuser"));
    let set = texts(
        &mut superuser,
        "select r.rolname::text from pg_db_role_setting s join pg_roles r on r.oid = s.setrole where 'temp_file_limit=256MB' = any (s.setconfig)",
    );
    assert_eq!(set.len(), LOGINS.len() - 1, "every login but the administrator: {set:?}");
    // Smaller, so that the test is quick.
    superuser.batch_execute("alter role registry_reader set temp_file_limit = '1MB'").unwrap();
    let url = cluster.url("govrnanza", "registry_reader");
    let spill = "set statement_timeout = 0; set work_mem = '64kB'; select count(*) from (select n from generate_series(1, 500000) n order by md5(n::text)) s";
    let mut reader = connect(&url);
    assert_eq!(attempt(&mut reader, spill), Err("53400".into()));
    reader
        .batch_execute("set default_transaction_read_only = off")
        .and_then(|()| reader.batch_execute("alter role registry_reader reset all"))
        .unwrap();
    let mut again = connect(&url);
    assert_eq!(texts(&mut again, "show statement_timeout"), ["0"], "the timeout was only a default (accepted)");
    assert_eq!(attempt(&mut again, spill), Err("53400".into()), "the cap on temporary files survived it");

    // The drift that a role makes of its own settings is fixed.
    let report = schema::apply(&cluster.url("govrnanza", "govrnanza_admin"), &schema::ApplyOptions::default()).unwrap();
    assert!(
        report.rights.iter().all(|step| step.starts_with("alter role registry_reader set "))
            && !report.rights.is_empty(),
        "{report:?}"
    );
    assert_eq!(texts(&mut connect(&url), "show statement_timeout"), ["2s"]);
}

#[test]
fn logins_have_the_settings_that_they_are_promised() {
    let cluster = TestCluster::ephemeral();
    for login in LOGINS.iter().filter(|login| login.ends_with("_reader") || login.ends_with("_writer")) {
        let mut client = connect(&cluster.url("govrnanza", login));
        let mut show = |name: &str| texts(&mut client, &format!("show {name}")).remove(0);
        assert_eq!(show("search_path"), "\"\"");
        assert_eq!(show("lc_messages"), "C");
        assert_eq!(show("lock_timeout"), "1s");
        assert_ne!(show("statement_timeout"), "0");
        assert_ne!(show("idle_in_transaction_session_timeout"), "0");
        assert_eq!(show("default_transaction_read_only") == "on", login.ends_with("_reader"), "{login}");
    }
}

/// A server whose "superuser" may make roles and databases, and no more.
#[test]
fn on_a_managed_server_the_rest_is_listed_and_apply_goes_on() {
    let cluster = TestCluster::bare();
    connect(&cluster.url("postgres", "superuser"))
        .batch_execute("create role cloud login createrole createdb password 'cloud'")
        .unwrap();
    let url = format!("postgresql://cloud:cloud@127.0.0.1:{}/postgres", cluster.cluster().port());
    let refused = schema::bootstrap(&url, cluster.passwords()).unwrap_err();
    assert!(refused.code() == 2 && refused.to_string().contains("--managed"), "{refused}");

    let options = BootstrapOptions { managed: true, ..BootstrapOptions::default() };
    let unenforced = run(&url, cluster.passwords(), &options).unwrap();
    for what in ["pg_advisory_lock(bigint)", "lo_create(oid)", "language plpgsql", "temp_file_limit", "lc_messages"] {
        assert!(unenforced.iter().any(|statement| statement.contains(what)), "{what} isn't named: {unenforced:#?}");
    }
    assert_eq!(
        run(&url, cluster.passwords(), &options).unwrap().len(),
        unenforced.len(),
        "a second time is no different"
    );

    let apply =
        schema::ApplyOptions { passwords: Some(cluster.passwords().clone()), ..schema::ApplyOptions::default() };
    let admin = cluster.url("govrnanza", "govrnanza_admin");
    let report = schema::apply(&admin, &apply).unwrap();
    assert_eq!((report.migrations.len(), report.findings), (schema::MIGRATIONS.len(), Vec::<String>::new()));
    assert!(schema::apply(&admin, &apply).unwrap().is_empty());
    let mut reader = connect(&cluster.url("govrnanza", "registry_reader"));
    assert_eq!(attempt(&mut reader, "select * from published.persons"), Ok(()));
    assert_eq!(attempt(&mut reader, "select * from profile.profiles"), Err("42501".into()));
}

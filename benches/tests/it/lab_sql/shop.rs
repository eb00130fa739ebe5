//! A shop's database with its roles, and what is asserted of every command that reads its workload.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use schema::cluster::ClusterOptions;
use schema::session::Session;
use schema::testing::TestCluster;

use crate::support::lab;

/// Known to everybody who reads this; the server is gone with the test.
pub(super) const PASSWORD: &str = "only for a test";

/// A server with a small shop on it, the scripts of its services, and their passwords in a file.
pub(super) struct Shop {
    pub(super) cluster: TestCluster,
    pub(super) folder: tempfile::TempDir,
}

const TABLES: &str = "
    create table accounts (id int primary key, balance int not null);
    insert into accounts select n, 0 from generate_series(1, 5000) n;
    analyze accounts";

impl Shop {
    pub(super) fn new() -> Self {
        Self::on(ClusterOptions::ephemeral())
    }

    pub(super) fn on(options: ClusterOptions) -> Self {
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

    pub(super) fn url(&self, database: &str) -> String {
        self.cluster.url(database, "superuser")
    }

    pub(super) fn as_superuser(&self, database: &str, sql: &str) {
        Session::connect(&self.url(database)).unwrap().over_its_path().unwrap().run(sql, "a test's own").unwrap();
    }

    pub(super) fn write(&self, file: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(file);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// A payer and a reporter, with one thing in place of another.
    pub(super) fn workload(&self, from: &str, to: &str) -> PathBuf {
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

    pub(super) fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    /// `lab sql …` with the environment of a person who has a file of passwords.
    pub(super) fn lab(&self, what: &str, workload: &Path, more: &[&str]) -> Command {
        let mut command = lab(&["sql", what]);
        command.arg(workload).args(more).env("DATABASE_URL", self.url("shop"));
        command.env("PGPASSFILE", self.folder.path().join("pgpass"));
        if what == "run" {
            command.args(["--preset", "smoke", "--results"]).arg(self.results());
        }
        command
    }

    pub(super) fn copies(&self) -> Vec<String> {
        let mut session = Session::connect(&self.url("postgres")).unwrap();
        session.texts("select datname::text from pg_database where datname not in ('postgres', 'template0', 'template1', 'shop')").unwrap()
    }

    /// What the server has logged.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.cluster.cluster().home().unwrap().join("postgres/log")).unwrap()
    }

    pub(super) fn only_run(&self) -> PathBuf {
        let mut inside = std::fs::read_dir(self.results()).unwrap().flatten();
        let folder = inside.next().unwrap().path();
        assert!(inside.next().is_none());
        folder
    }
}

/// A server that logs what it does: who asked it would be connected, and for the sake of such a one the copy is made elsewhere.
pub(super) fn logging() -> ClusterOptions {
    ClusterOptions { settings: vec!["log_statement = all".to_owned()], ..ClusterOptions::ephemeral() }
}

pub(super) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// One sentence on standard error, exit code 2.
#[track_caller]
pub(super) fn refused(shop: &Shop, command: &mut Command, why: &str) {
    was_refused(shop, &command.output().unwrap(), why);
}

#[track_caller]
pub(super) fn was_refused(shop: &Shop, output: &Output, why: &str) {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{}", said(output));
    assert!(error.contains(why), "{why}: {error}");
    let progress = |line: &&str| line.ends_with('…');
    assert_eq!(error.trim().lines().filter(|line| !progress(line)).count(), 1, "{error}");
    assert_eq!(shop.copies(), Vec::<String>::new(), "nothing is left");
    assert!(!shop.results().exists(), "nothing is left");
}

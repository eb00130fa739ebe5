//! PgBouncer between the services and the database, as docs/DBA.md says: in transaction mode where it is new enough, else in session mode.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use behaviour::json;
use lab::system::{Deployment, Options};
use schema::testing::needs;
use url::Url;

use crate::sql;
use crate::support::{end_with_thread, suites, until, world};

/// The two variables that say where a service's database is.
const URLS: [&str; 2] = ["DATABASE_READ_URL", "DATABASE_WRITE_URL"];

/// Where it is installed (Debian keeps it where only root's path leads), and its version.
fn program() -> Option<(PathBuf, (u32, u32))> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = std::env::var_os("PGBOUNCER").map(PathBuf::from).or_else(|| {
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into()])
            .map(|folder| folder.join("pgbouncer"))
            .find(|program| program.is_file())
    })?;
    let said = Command::new(&program).arg("--version").output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let mut numbers = said.lines().next()?.rsplit(' ').next()?.split('.');
    let mut number = || numbers.next()?.parse().ok();
    Some((program, (number()?, number()?)))
}

/// A running PgBouncer; dropping it ends it.
struct Pooler {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Pooler {
    /// In front of the server of these URLs, with a user for each.
    fn start(program: &Path, transactions: bool, urls: &[Url]) -> Self {
        let port = schema::ports::free_port().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let users: String =
            urls.iter().map(|url| format!("\"{}\" \"{}\"\n", url.username(), url.password().unwrap())).collect();
        // Two connections of the server for four of the service: what one prepares, another must find.
        let mode = if transactions {
            "pool_mode = transaction\nmax_prepared_statements = 300\ndefault_pool_size = 2\n"
        } else {
            "pool_mode = session\ndefault_pool_size = 16\n"
        };
        let database = urls[0].port().unwrap();
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={database}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\nmax_client_conn = 200\nlog_connections = 0\nlog_disconnections = 0\n{mode}",
            folder.path().join("users").display()
        );
        fs::write(folder.path().join("users"), users).unwrap();
        fs::write(folder.path().join("pgbouncer.ini"), config).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new(program);
        command
            .arg(folder.path().join("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap());
        // It refuses to run as root.
        if rustix::process::getuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        end_with_thread(&mut command);
        let child = command.spawn().unwrap();
        until("PgBouncer listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, port, folder }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

/// Where a service's logins go now: the reader's and the writer's.
fn urls(up: &Deployment, name: &'static str) -> [Url; 2] {
    let id = up.process_id(name).unwrap();
    let environ = fs::read(format!("/proc/{id}/environ")).unwrap();
    let environ = String::from_utf8_lossy(&environ).into_owned();
    URLS.map(|variable| {
        let value = environ.split('\0').find_map(|one| one.strip_prefix(variable)?.strip_prefix('='));
        Url::parse(value.unwrap()).unwrap()
    })
}

#[test]
fn the_suites_pass_with_a_pooler_between() {
    let Some((program, version)) = needs(program().ok_or("PgBouncer isn't installed")) else { return };
    let transactions = version >= (1, 21);
    let mode = if transactions { "transaction" } else { "session" };
    println!("PgBouncer {version:?} in {mode} mode");
    let options = Options { ephemeral: true, ..Options::default() };
    let up = Deployment::start(&options, |_| {}).unwrap();
    let names: Vec<&'static str> = lab::system::services::names().collect();
    let direct: Vec<[Url; 2]> = names.iter().map(|name| urls(&up, name)).collect();
    let pooler = Pooler::start(&program, transactions, direct.as_flattened());
    for (name, direct) in names.iter().zip(&direct) {
        let mut behind = direct.clone();
        for (side, url) in behind.iter_mut().enumerate() {
            // Notification's writer reads the feeds on a session of its own: `listen`, and an advisory lock.
            if !(transactions && *name == "notification" && side == 1) {
                url.set_port(Some(pooler.port)).unwrap();
            }
        }
        let settings = URLS.iter().zip(behind);
        let settings = settings.map(|(variable, url)| ((*variable).to_owned(), url.into()));
        up.stop_service(name).unwrap();
        up.set_environment(name, settings.collect()).unwrap();
        up.start_service(name).unwrap();
    }
    let world = world(up.place());
    for suite in suites() {
        behaviour::run(&world, &suite);
    }
    // The boundary is the login: each came through as itself, under its service's name.
    let who = "select usename || ' ' || application_name as line from pg_stat_activity \
               where application_name in ('account', 'profile', 'registry', 'billing') group by 1 order by 1";
    let seen = sql::lines(&mut sql::connect(up.place()), who);
    for name in names.iter().filter(|name| **name != "notification") {
        for side in ["reader", "writer"] {
            let line = format!("{name}_{side} {name}");
            assert!(seen.contains(&line), "{line}: {seen:?}");
        }
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
    println!("{}", json!(seen));
}

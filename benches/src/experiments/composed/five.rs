//! The API-centric architecture on the same rows: five services on five databases, each with its part of what the shared one holds.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use postgres::Client;
use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;
use crate::data::{self, Dataset, connect};
use crate::load::writes::Written;
use crate::system::{Architecture, Deployment, Options, Site};

/// Whose rows are copied. Notification's belong to feeds of another server, and nobody asks it here.
const FILLED: [&str; 4] = ["account", "profile", "registry", "billing"];

/// The architecture, filled.
pub(super) struct Five {
    deployment: Deployment,
    data: Arc<Dataset>,
}

impl Five {
    /// Starts it, gives each service its part of `shared`'s rows, and mints tokens of its own for the same organisations.
    ///
    /// # Errors
    /// When something can't be built, started, read or written.
    pub fn start(shared: &Deployment, optimised: bool, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        let options = Options {
            architecture: Architecture::ApiCentric,
            ephemeral: true,
            release: optimised,
            batch_max: Some(crate::system::BATCH_MAX),
            stop: Arc::clone(stop),
            ..Options::default()
        };
        eprintln!("Starting five services on five databases …");
        let deployment = Deployment::start(&options, |news| eprintln!("{news}"))?;
        deployment.stop_services()?;
        let open = |service: &str| {
            let url = deployment.place().database_of(service);
            connect(url.ok_or_else(|| Failure::could_not_run(format!("The database of {service} is unknown.")))?)
        };
        for service in FILLED {
            fill(&mut shared.superuser()?, &mut open(service)?, service)
                .map_err(|error| Failure::could_not_run(format!("The rows of {service} can't be copied: {error}.")))?;
        }
        deployment.start_services()?;
        let file = deployment.home().join("signing-key.pem");
        let key = std::fs::read_to_string(&file)
            .map_err(|error| Failure::could_not_run(format!("{} can't be read: {error}.", file.display())))?;
        let data = Arc::new(data::load(open, &key)?);
        Ok(Self { deployment, data })
    }

    /// Process ids of the services.
    pub fn processes(&self) -> Vec<u32> {
        self.deployment.processes().into_iter().map(|(_, id)| id).collect()
    }
}

impl Site for Five {
    fn url(&self, service: &str) -> Result<&str, Failure> {
        self.deployment.url(service)
    }

    fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    fn written(&self) -> &Arc<Written> {
        self.deployment.written()
    }

    fn salt(&self) -> u32 {
        self.deployment.salt()
    }
}

/// All rows of a service's tables, but for its changes (they name transactions of their server) and the keys that it signs with.
fn fill(from: &mut Client, to: &mut Client, service: &str) -> Result<(), Box<dyn std::error::Error>> {
    let find = "select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relkind = 'r' and c.relname <> all ('{changes,signing_keys}') order by c.relname";
    let tables: Vec<String> = from.query(find, &[&service])?.iter().map(|row| row.get(0)).collect();
    // As a replica: keys between the tables are as right here as they were there.
    to.batch_execute(&format!("set session_replication_role = replica; truncate {}", tables.join(", ")))?;
    for table in tables {
        let mut rows = Vec::new();
        from.copy_out(&format!("copy {table} to stdout (format binary)"))?.read_to_end(&mut rows)?;
        let mut into = to.copy_in(&format!("copy {table} from stdin (format binary)"))?;
        into.write_all(&rows)?;
        into.finish()?;
    }
    Ok(to.batch_execute("analyze")?)
}

/// Processes that don't run while this lives: what another architecture does meanwhile is not slowed by what they do by themselves.
pub(super) struct Paused(Vec<Pid>);

impl Paused {
    /// Stops them where they are.
    pub fn all(ids: &[u32]) -> Self {
        let pids: Vec<Pid> = ids.iter().filter_map(|id| Pid::from_raw(i32::try_from(*id).ok()?)).collect();
        send(&pids, Signal::STOP);
        Self(pids)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        send(&self.0, Signal::CONT);
    }
}

/// One that has ended needs no signal.
fn send(pids: &[Pid], signal: Signal) {
    for pid in pids {
        let _ = kill_process(*pid, signal);
    }
}

//! A system to measure: Postgres with the data set, and Registry as often as there are settings to compare.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use postgres::Client;
use serde::Serialize;

use super::proc::{children, memory, parent};
use crate::Failure;
use crate::data::{Dataset, Size, connect, failed};
use crate::observe::cpu;
use crate::system::process::{Plan, Process};
use crate::system::{Deployment, Site};

/// How the lab seeds what it makes.
pub const SEED: u64 = 1;

/// Postgres, its data, and what belongs to no service.
pub struct Stage {
    pub(super) deployment: Deployment,
    /// How large the data is.
    pub size: Size,
    folder: tempfile::TempDir,
    postmaster: i32,
    salts: AtomicU64,
}

/// One Registry, or one of its rivals.
pub struct Arm {
    /// How it is called in the table.
    pub name: String,
    /// Settings that make it what it is.
    pub settings: Vec<(String, String)>,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it held when it was ready, in MiB.
    pub rest_mib: f64,
    process: Option<Process>,
}

/// Processor seconds so far.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Cpu {
    /// Of all of Postgres's processes.
    pub postgres: f64,
    /// Of the service.
    pub service: f64,
}

impl Stage {
    /// Starts everything and fills the database; of the services only Registry and Account go on.
    pub fn start(size: Size, release: bool) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let deployment = Deployment::filled(size, SEED, release, &stop)?;
        for idle in ["profile", "billing", "notification"] {
            deployment.stop_service(idle)?;
        }
        let mut client = connect(deployment.database_url()?)?;
        let doing = |error| failed("preparing the benchmark", &error);
        let pid: i32 = client.query_one("select pg_backend_pid()", &[]).map_err(doing)?.get(0);
        // pgbench asks as the service's own logins, of which there are few connections by right; and no plan ends a benchmark.
        client
            .batch_execute(
                "alter role registry_reader connection limit 100; alter role registry_writer connection limit 100;
                update account.plans set api_limit = null where code = 'enterprise'; checkpoint",
            )
            .map_err(doing)?;
        let postmaster = parent(pid).ok_or_else(|| {
            Failure::could_not_run("Postgres doesn't run on this machine, so its processor time can't be told.")
        })?;
        let folder = tempfile::tempdir().map_err(|error| Failure::could_not_run(format!("No folder: {error}.")))?;
        Ok(Self { deployment, size, folder, postmaster, salts: AtomicU64::new(std::process::id().into()) })
    }

    /// The rows.
    pub fn data(&self) -> &Arc<Dataset> {
        self.deployment.data()
    }

    /// A number that no other call of this gives.
    pub fn salt(&self) -> u64 {
        (self.salts.fetch_add(1, Ordering::Relaxed) << 20) | u64::from(std::process::id())
    }

    /// A connection as superuser.
    pub fn superuser(&self) -> Result<Client, Failure> {
        connect(self.deployment.database_url()?)
    }

    /// The product's database as a login.
    pub fn login_url(&self, role: &str) -> Result<String, Failure> {
        self.deployment.login_url(role)
    }

    /// A folder for scripts and logs.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Where the server's programs are.
    pub fn programs(&self) -> Option<PathBuf> {
        let server = std::fs::read_link(format!("/proc/{}/exe", self.postmaster)).ok()?;
        Some(server.parent()?.to_owned())
    }

    /// Version and settings of the server that differ from its defaults.
    pub fn server(&self) -> Result<crate::result::PostgresInfo, Failure> {
        self.deployment.postgres_info()
    }

    /// One more Registry with these settings beside those that the lab's has.
    pub fn registry(&self, name: &str, settings: &[(&str, String)]) -> Result<Arm, Failure> {
        self.registry_by(name, settings, |url| Ok(url.to_owned()))
    }

    /// The same, whose reads go to the database by another way: by the URL that `way` makes of the usual one.
    pub fn registry_by(
        &self,
        name: &str,
        settings: &[(&str, String)],
        way: impl Fn(&str) -> Result<String, Failure>,
    ) -> Result<Arm, Failure> {
        let gone = || Failure::could_not_run("Registry is not running.");
        let id = self.deployment.process_id("registry");
        let id = id.ok_or_else(gone)?;
        let binary = std::fs::read_link(format!("/proc/{id}/exe")).map_err(|_| gone())?;
        let environ = std::fs::read(format!("/proc/{id}/environ")).map_err(|_| gone())?;
        let kept = ["DATABASE_READ_URL", "DATABASE_WRITE_URL", "CLOCK_FILE"];
        let mut env: Vec<(String, String)> = String::from_utf8_lossy(&environ)
            .split('\0')
            .filter_map(|one| one.split_once('='))
            .filter(|(name, _)| kept.contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        for (_, url) in env.iter_mut().filter(|(name, _)| name == "DATABASE_READ_URL") {
            *url = way(url)?;
        }
        // One machine asks with few tokens: what is limited for clients isn't what is measured.
        env.extend(crate::system::LIMITS.map(|name| (name.to_owned(), "0".to_owned())));
        self.start_arm(name, binary, env, settings)
    }

    /// A program that listens where `LISTEN` says and answers `/readyz` or any other path once it does.
    pub fn start_arm(
        &self,
        name: &str,
        binary: PathBuf,
        mut env: Vec<(String, String)>,
        settings: &[(&str, String)],
    ) -> Result<Arm, Failure> {
        let address = free_address().map_err(|error| Failure::could_not_run(format!("No port is free: {error}.")))?;
        let settings: Vec<(String, String)> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        env.extend(settings.iter().cloned());
        env.push(("LISTEN".to_owned(), address.to_string()));
        let plan = Plan { name: "bench", binary, env, log: self.folder.path().join(format!("{name}.log")) };
        let mut process = plan.start()?;
        let since = Instant::now();
        let url = format!("http://{address}/readyz");
        while ureq::get(&url).call().is_err_and(|error| !matches!(error, ureq::Error::StatusCode(404))) {
            if process.ended().is_some() || since.elapsed() > Duration::from_secs(60) {
                return Err(Failure::could_not_run(format!(
                    "{name} isn't ready; its last lines:\n{}",
                    process.last_lines()
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let rest_mib = memory(process.id(), "VmRSS");
        Ok(Arm { name: name.to_owned(), settings, address, rest_mib, process: Some(process) })
    }

    /// Processor seconds of Postgres and of this arm.
    pub fn cpu(&self, arm: &Arm) -> Cpu {
        Cpu {
            postgres: children(self.postmaster).into_iter().map(cpu::backend_cpu_s).sum(),
            service: arm.processes().into_iter().map(|id| cpu::threads(id).0).sum(),
        }
    }
}

impl Arm {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::id)
    }

    /// It, and those that it has started.
    fn processes(&self) -> Vec<u32> {
        let own = self.id();
        let others = i32::try_from(own).map(children).unwrap_or_default();
        let others = others.into_iter().filter_map(|id| u32::try_from(id).ok());
        std::iter::once(own).chain(others).collect()
    }

    /// The most it has held so far, in MiB.
    pub fn peak_mib(&self) -> f64 {
        self.processes().into_iter().map(|id| memory(id, "VmHWM")).sum()
    }

    /// What it holds now, in MiB.
    pub fn now_mib(&self) -> f64 {
        self.processes().into_iter().map(|id| memory(id, "VmRSS")).sum()
    }
}

impl Drop for Arm {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.ask_to_end();
            process.wait();
        }
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

//! What is measured: Postgres with the data set, and one Registry (or another program) for each setting that is compared.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::Failure;
use crate::data::{Size, failed};
use crate::observe::cpu;
use crate::observe::process::{children, memory_mib, parent, peak_memory_mib, program, variable};
use crate::system::process::{Further, Plan};
use crate::system::{Deployment, LIMITS};

/// How the lab seeds what it makes.
pub const SEED: u64 = 1;

/// Postgres with the data set, and Account. Of the other services only Registry runs on, and nobody asks it anything.
pub struct System {
    /// What was started.
    pub deployment: Deployment,
    /// How large the data is.
    pub size: Size,
    folder: tempfile::TempDir,
    /// Postgres's main process.
    pub postmaster: i32,
}

/// One Registry, or one of its rivals.
pub struct Arm {
    /// How it is called in tables.
    pub name: String,
    /// Settings that make it what it is.
    pub settings: Vec<(String, String)>,
    /// What it held when it was ready, in MiB.
    pub rest_mib: f64,
    process: Further,
}

/// Processor time: seconds so far or, in an outcome, microseconds per good answer.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Cpu {
    /// All of Postgres's processes.
    pub postgres: f64,
    /// The service.
    pub service: f64,
    /// The thread that asks.
    pub driver: f64,
}

impl System {
    /// Starts everything and fills the database.
    pub fn start(size: Size, release: bool) -> Result<Self, Failure> {
        let deployment = Deployment::filled(size, SEED, release, &Arc::new(AtomicBool::new(false)))?;
        for idle in ["profile", "billing", "notification"] {
            deployment.stop_service(idle)?;
        }
        let mut client = deployment.superuser()?;
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
            Failure::could_not_run("Postgres doesn't run on this machine, so its processor time can't be read.")
        })?;
        let folder = tempfile::tempdir().map_err(|error| Failure::could_not_run(format!("No folder: {error}.")))?;
        Ok(Self { deployment, size, folder, postmaster })
    }

    /// A folder for scripts and logs.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// One more Registry with these settings beyond those of the system's own.
    pub fn registry(&self, name: &str, settings: &[(&str, String)]) -> Result<Arm, Failure> {
        self.start_arm(name, self.own()?, self.environment_of_registry(), settings)
    }

    /// The same, whose reads reach the database at another URL.
    pub fn registry_reading_at(&self, name: &str, settings: &[(&str, String)], database: &str) -> Result<Arm, Failure> {
        let mut env = self.environment_of_registry();
        env.push(("DATABASE_READ_URL".to_owned(), database.to_owned()));
        self.start_arm(name, self.own()?, env, settings)
    }

    /// Registry from another program.
    pub fn registry_from(&self, name: &str, binary: PathBuf) -> Result<Arm, Failure> {
        self.start_arm(name, binary, self.environment_of_registry(), &[])
    }

    fn registry_id(&self) -> Option<u32> {
        self.deployment.process_id("registry")
    }

    /// The program of the system's own Registry.
    fn own(&self) -> Result<PathBuf, Failure> {
        let found = self.registry_id().and_then(program);
        found.ok_or_else(|| Failure::could_not_run("Registry is not running."))
    }

    fn environment_of_registry(&self) -> Vec<(String, String)> {
        let kept = ["DATABASE_READ_URL", "DATABASE_WRITE_URL", "CLOCK_FILE"];
        let value = |name: &str| Some((name.to_owned(), variable(self.registry_id()?, name)?));
        // One machine asks with few tokens: what is limited for clients isn't what is measured.
        let off = LIMITS.map(|name| (name.to_owned(), "0".to_owned()));
        kept.into_iter().filter_map(value).chain(off).collect()
    }

    /// A program that listens where `LISTEN` says and answers `/readyz` with 200 once it is ready.
    pub fn start_arm(
        &self,
        name: &str,
        binary: PathBuf,
        mut env: Vec<(String, String)>,
        settings: &[(&str, String)],
    ) -> Result<Arm, Failure> {
        let settings: Vec<(String, String)> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        env.extend(settings.iter().cloned());
        let log = self.folder.path().join(format!("{name}.log"));
        let process = Further::start(Plan { name: "the program to measure", binary, args: Vec::new(), env, log })?;
        Ok(Arm { name: name.to_owned(), settings, rest_mib: memory_mib(process.id()), process })
    }

    /// Processor seconds so far: of Postgres, of this arm and of the calling thread.
    pub fn cpu(&self, arm: &Arm) -> Cpu {
        Cpu {
            postgres: children(self.postmaster).into_iter().map(cpu::backend_cpu_s).sum(),
            service: arm.processes().into_iter().map(|id| cpu::threads(id).0).sum(),
            driver: cpu::thread_cpu_s(),
        }
    }
}

impl Cpu {
    /// Microseconds since `before` for each of so many answers.
    pub fn each(self, before: Self, answers: u64) -> Self {
        let each = |now: f64, before: f64| (now - before) * 1e6 / answers.max(1) as f64;
        Self {
            postgres: each(self.postgres, before.postgres),
            service: each(self.service, before.service),
            driver: each(self.driver, before.driver),
        }
    }
}

impl Arm {
    /// Its base URL.
    pub fn url(&self) -> &str {
        self.process.url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// It, and those that it has started.
    fn processes(&self) -> Vec<u32> {
        let own = self.process.id();
        let others = i32::try_from(own).map(children).unwrap_or_default();
        let others = others.into_iter().filter_map(|id| u32::try_from(id).ok());
        std::iter::once(own).chain(others).collect()
    }

    /// The most it has held so far, in MiB.
    pub fn peak_mib(&self) -> f64 {
        self.processes().into_iter().map(peak_memory_mib).sum()
    }

    /// What it holds now, in MiB.
    pub fn now_mib(&self) -> f64 {
        self.processes().into_iter().map(memory_mib).sum()
    }
}

//! The rival's process.

use crate::Failure;
use crate::system::process::{Plan, Process};
use crate::system::services::{Kind, Service};
use crate::system::{Deployment, Site};
use crate::system::{binaries, ports};

/// How it is built and started: like one of ours, but not by `lab up`.
const COMPOSED: Service = Service { name: "composed", package: "composed", port: 0, kind: Kind::StandIn, env: &[] };

/// A running rival; it ends when dropped.
pub struct Rival {
    process: Option<Process>,
    url: String,
}

impl Rival {
    /// Builds it where that is needed and starts it beside the system, as Registry's own logins and with the same pool.
    pub fn start(deployment: &Deployment, optimised: bool) -> Result<Self, Failure> {
        let folder = binaries::folder(&[COMPOSED], optimised, &|news| eprintln!("{news}"))?;
        let port = ports::choose(0, &[COMPOSED])?.first().copied().unwrap_or(0);
        let listen = format!("127.0.0.1:{port}");
        let setting = |name: &str, value: String| (name.to_owned(), value);
        let plan = Plan {
            name: COMPOSED.name,
            binary: folder.join(COMPOSED.package),
            env: vec![
                setting("LISTEN", listen.clone()),
                setting("DATABASE_READ_URL", deployment.login_url("registry_reader")?),
                setting("DATABASE_WRITE_URL", deployment.login_url("registry_writer")?),
                setting("PROFILE_URL", deployment.url("profile")?.to_owned()),
                setting("ACCOUNT_URL", deployment.url("account")?.to_owned()),
            ],
            log: deployment.home().join("logs/composed.log"),
        };
        let rival = Self { process: Some(plan.start()?), url: format!("http://{listen}") };
        super::wait_ready(&rival.url, &plan.log)?;
        Ok(rival)
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.ask_to_end();
            process.wait();
        }
    }
}

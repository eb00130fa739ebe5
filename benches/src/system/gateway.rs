//! One origin for the five services: nginx, with the same file that `docs/deploy` offers for production.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::patience::Patience;
use super::process::{Plan, Process, sentence};
use super::services::{self, Kind, Service};
use crate::Failure;

const CONF: &str = include_str!("../../../docs/deploy/nginx.conf");
/// How long nginx may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Its place among the ports.
pub const PORT: Service =
    Service { name: "gateway", package: "nginx", args: &[], port: 9, kind: Kind::Port, wave: 0, env: &[] };

/// Requests that one address may have under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As many as the deployed file says.
    AsDeployed,
    /// Any number: the lab is one address; `lab up` prints so.
    Lifted,
}

/// A running nginx; dropping it ends it.
pub struct Gateway {
    process: Process,
    is_reported: bool,
}

/// Where nginx is, if it is installed: Debian keeps it where only root's path leads.
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join("nginx"))
        .find(|program| program.is_file())
}

impl Gateway {
    /// Starts nginx in front of these processes and waits until it answers.
    pub fn start(
        urls: &BTreeMap<&'static str, String>,
        home: &Path,
        log: PathBuf,
        limit: Limit,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let program = program().ok_or_else(|| {
            Failure::could_not_run(
                "nginx isn't installed: `apt-get install nginx-light` has it, or leave --gateway out.",
            )
        })?;
        let conf = home.join("nginx.conf");
        write(&conf, &text(urls, home, limit))?;
        let args = vec!["-c".to_owned(), conf.display().to_string()];
        let plan = Plan { name: PORT.name, binary: program, args, env: Vec::new(), log };
        let mut process = plan.start()?;
        let url = format!("{}/registry/openapi.json", urls[PORT.name]);
        process.wait_ready("nginx", &url, &Patience::new(READY_WITHIN, stop), || ())?;
        Ok(Self { process, is_reported: false })
    }

    /// How it ended, reported once.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.process.ended().filter(|_| !self.is_reported)?;
        self.is_reported = true;
        Some(format!("{}\n{}", sentence(status), self.process.last_lines()))
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text)
        .and_then(|()| fs::set_permissions(file, fs::Permissions::from_mode(0o600)))
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}

/// The file with our addresses in it: every instance of each service, one process, everything it writes in the home folder.
fn text(urls: &BTreeMap<&'static str, String>, home: &Path, limit: Limit) -> String {
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let mut conf = format!("daemon off;\nmaster_process off;\n{CONF}")
        .replace("listen 8080;", &format!("listen {};", address(&urls[PORT.name])))
        .replace("/run/nginx.pid", &home.join("nginx.pid").display().to_string())
        .replace("/tmp/nginx-", &home.join("nginx-").display().to_string());
    if limit == Limit::Lifted {
        conf = conf.replace("limit_conn addresses 100;", "");
    }
    for name in services::names() {
        let servers: Vec<String> = urls
            .iter()
            .filter(|(other, _)| services::is_instance(other, name))
            .map(|(_, url)| format!("server {};", address(url)))
            .collect();
        conf = conf.replace(&format!("server {name}:8000;"), &servers.join(" "));
    }
    conf
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_file_is_replaced() {
        let mut urls: BTreeMap<&'static str, String> =
            services::names().enumerate().map(|(n, name)| (name, format!("http://127.0.0.1:{}", 9000 + n))).collect();
        urls.insert("gateway", "http://127.0.0.1:9999".to_owned());
        urls.insert("registry-2", "http://127.0.0.1:9100".to_owned());
        let text = text(&urls, Path::new("/home/x"), Limit::Lifted);
        for gone in [":8000", "listen 8080", "/run/", "/tmp/", "limit_conn addresses"] {
            assert!(!text.contains(gone), "{gone}");
        }
        assert!(text.contains("upstream registry { server 127.0.0.1:9002; server 127.0.0.1:9100; keepalive"));
        assert!(text.contains("listen 127.0.0.1:9999;"));
    }
}

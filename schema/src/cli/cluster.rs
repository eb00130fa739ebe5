//! `dba cluster`.

use clap::Subcommand;
use schema::cluster::{self, ClusterOptions};
use schema::session::address;
use schema::{Error, Result};
use serde_json::json;

use super::outcome::Outcome;

#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// Start the cluster unless it runs already; print the superuser's URL.
    Start {
        /// Run it in a temporary folder until Ctrl-C, and then delete everything.
        #[arg(long)]
        ephemeral: bool,
    },
    /// Stop it: clients are disconnected, the data stays.
    Stop,
    /// Print whether it runs, and where. Exit code 1 if it doesn't.
    Status,
}

pub fn run(command: &Cluster) -> Result<Outcome> {
    match command {
        Cluster::Start { ephemeral } => {
            let options = if *ephemeral {
                ClusterOptions { careless: false, ..ClusterOptions::ephemeral() }
            } else {
                ClusterOptions::from_env()
            };
            let cluster = cluster::Cluster::find_or_start(&options)?;
            let value = json!({ "url": cluster.url(), "port": cluster.port(), "started": cluster.started() });
            let outcome = Outcome::new(cluster.url(), &value);
            Ok(Outcome { server: ephemeral.then_some(cluster), ..outcome })
        }
        Cluster::Stop => {
            let running = cluster::Cluster::running(&cluster::home()?);
            let stopped = running.is_some();
            running.map_or(Ok(()), |mut cluster| cluster.stop())?;
            Ok(Outcome::new("", &json!({ "stopped": stopped })))
        }
        Cluster::Status => {
            let options = ClusterOptions::from_env();
            if let Some(url) = &options.database_url {
                cluster::Cluster::find_or_start(&options)?;
                // Theirs: whoever may see it has it already, and logs keep what is printed.
                let shown = address(url)?.to_string();
                return Ok(Outcome::new(&shown, &json!({ "url": shown, "private": false })));
            }
            let home = cluster::home()?;
            let cluster = cluster::Cluster::running(&home).ok_or_else(|| {
                Error::Finding(format!("no cluster runs in {}: `dba cluster start` starts one", home.display()))
            })?;
            Ok(Outcome::new(cluster.url(), &json!({ "url": cluster.url(), "private": true, "home": home })))
        }
    }
}

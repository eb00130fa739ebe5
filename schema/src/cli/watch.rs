//! `dba watch`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use schema::coupling::Owners;
use schema::drift;
use schema::roles::RolesFile;
use schema::watch::http::{Serving, serve};
use schema::watch::view::Roles;
use schema::watch::{CheckRoles, Options, Watching};
use schema::{Error, Result};
use serde_json::json;

use super::outcome::{Outcome, print_line};
use super::place::superuser_url;

/// A live page for any Postgres from 14 on: who uses whose tables and how often, who
/// blocks whom now, the blocked seconds of the last ten minutes, the longest
/// transactions, and what holds back the vacuum. Changes nothing, and costs the server
/// less than one percent of a core. Until Ctrl-C.
///
/// The private cluster:   dba watch
/// Another server:        dba watch --database-url postgresql://me@host/db
/// Rights as well:        dba roles init > roles.sql; dba watch --roles roles.sql
/// For Prometheus:        dba watch --metrics --listen 127.0.0.1:8110
///
/// A member of pg_monitor sees everything but who uses whose tables; that needs a
/// superuser. The address that is printed contains a token: whoever has it sees
/// the statements that are running. On a server far away, forward the port with ssh.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Watch {
    /// URL of the database. Without it: the private cluster's.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Where the page is served; port 0 takes a free one. It is plain HTTP.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8110")]
    listen: SocketAddr,
    /// Compare the rights with this file every five minutes, as `dba roles check` does.
    #[arg(long, value_name = "FILE")]
    roles: Option<PathBuf>,
    /// Which roles belong to which service, as for `dba coupling`.
    #[arg(long, value_name = "FILE")]
    owners: Option<PathBuf>,
    /// Serve /metrics without the token: names of roles and numbers, no statements.
    #[arg(long)]
    metrics: bool,
}

/// Prints the page's address and serves it until a signal comes.
pub fn run(args: &Watch, as_json: bool) -> Result<Outcome> {
    let url = superuser_url(args.database_url.as_deref())?;
    let owners = args.owners.as_deref().map_or_else(|| Ok(Owners::default()), Owners::read)?;
    let check_roles = args.roles.as_deref().map(RolesFile::load).transpose()?.map(|file| check(url.clone(), file));
    let watching = Watching::begin(Options { url, owners, check_roles })?;
    let token = format!("{:032x}", rand::random::<u128>());
    let serving = Serving { listen: args.listen, token, metrics: args.metrics };
    let served = actix_web::rt::System::new().block_on(async {
        let (server, at) = serve(watching, &serving)?;
        let page = format!("http://{at}/?token={}", serving.token);
        let ready =
            if as_json { json!({ "version": 1, "url": page }).to_string() } else { format!("{page}\nCtrl-C ends it.") };
        print_line(ready);
        server.await.map_err(|error| Error::Unavailable(format!("the page's server ended: {error}")))
    });
    served.map(|()| Outcome::default())
}

/// At most so many findings are shown.
const FINDINGS_SHOWN: usize = 20;

fn check(url: String, file: RolesFile) -> CheckRoles {
    let options = drift::Options { file, ..drift::Options::default() };
    Box::new(move || match drift::check(&url, &options) {
        Ok(seen) => {
            let lines = seen.findings.iter().take(FINDINGS_SHOWN).map(|finding| finding.what.clone()).collect();
            Roles { findings: Some(seen.findings.len()), lines }
        }
        Err(error) => Roles { findings: None, lines: vec![error.to_string()] },
    })
}

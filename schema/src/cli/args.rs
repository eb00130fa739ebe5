//! What can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The database of Govrnanza: start a server, put roles, tables, views and rights in place, keep them so.
///
/// A first time:  dba cluster start && dba bootstrap && dba apply
/// After a change of migrations, views, keys or db-roles.sql:  dba apply
///
/// Exit codes: 0 done, 1 a finding (something isn't as declared), 2 asked for wrongly, 3 could not run.
#[derive(Debug, Parser)]
#[command(name = "dba", version, verbatim_doc_comment)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    /// How to print results.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(super) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start, stop or look at the private Postgres; with DATABASE_URL set there is nothing to start.
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Once, as superuser: the database, its administrator, and what only a superuser can do.
    Bootstrap(Bootstrap),
    /// As govrnanza_admin, whenever something changed: roles, tables, keys, views, rights. Idempotent, and safe while the services run.
    Apply(Apply),
    /// Who may do what: compared with db-roles.sql, put right.
    Roles(super::roles::Roles),
    // No doc comments on these: they would replace the long texts of their own.
    Blame(super::blame::Blame),
    Coupling(super::coupling::Coupling),
    Impact(super::impact::Impact),
    Record(super::record::Record),
    /// Rewrite `services/<service>/src/schema.rs` from the database.
    Schema(Schema),
    /// Once, after the database was restored from a dump into another cluster and before the services start: makes the feeds readable there.
    AfterRestore(AfterRestore),
}

#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Find the cluster running, else start it; print the superuser's URL.
    Start {
        /// In a temporary folder, until Ctrl-C; nothing is left.
        #[arg(long)]
        ephemeral: bool,
    },
    /// Stop it: clients are cut off, the data stays.
    Stop,
    /// Does it run, and where? Exit code 1 if it doesn't.
    Status,
}

#[derive(Debug, Args)]
pub(super) struct Bootstrap {
    /// A superuser's URL; without it, the private cluster's.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(super) database_url: Option<String>,
    /// For servers that allow their users less: list what can't be enforced there, and go on.
    #[arg(long)]
    pub(super) managed: bool,
    /// Where passwords are kept that the environment (`GOVRNANZA_PASSWORD_<ROLE>`) doesn't give; mode 0600.
    #[arg(long, env = "GOVRNANZA_PASSWORDS")]
    pub(super) passwords: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Apply {
    /// URL of govrnanza_admin in the database; without it, in the private cluster.
    #[arg(long, env = "DATABASE_ADMIN_URL", hide_env_values = true)]
    pub(super) database_url: Option<String>,
    /// Drop the foreign keys between services, and make none.
    #[arg(long)]
    pub(super) without_cross_keys: bool,
    /// How long a statement may wait for a lock; every later reader of the table waits behind it.
    #[arg(long, default_value_t = 250, value_name = "MS")]
    pub(super) lock_timeout_ms: u32,
    /// How often it is tried again.
    #[arg(long, default_value_t = 40, value_name = "N")]
    pub(super) tries: u32,
    /// Where passwords are kept that the environment (`GOVRNANZA_PASSWORD_<ROLE>`) doesn't give; mode 0600.
    #[arg(long, env = "GOVRNANZA_PASSWORDS")]
    pub(super) passwords: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Any URL that may read the catalogue; without it, an ephemeral cluster is started, filled and removed again.
    #[arg(long)]
    pub(super) database_url: Option<String>,
    /// The workspace.
    #[arg(long, default_value = ".")]
    pub(super) root: PathBuf,
    /// Write nothing; exit code 1 if a file differs.
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Debug, Args)]
pub(super) struct AfterRestore {
    /// URL of govrnanza_admin in the database; without it, in the private cluster.
    #[arg(long, env = "DATABASE_ADMIN_URL", hide_env_values = true)]
    pub(super) database_url: Option<String>,
}

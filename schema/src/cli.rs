//! The command line. Exit codes: 0 done, 1 a finding, 2 asked for wrongly, 3 could not run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use schema::cluster::{self, Cluster, ClusterOptions, Life};
use schema::{ApplyOptions, Error, Passwords, Report, bootstrap};
use serde_json::json;

mod args;
mod blame;
mod coupling;
mod impact;
mod record;
mod roles;

use args::{AfterRestore, Apply, Bootstrap, Cli, ClusterCommand, Command, Format, Schema};

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Cluster(ClusterCommand::Start { ephemeral }) => start(*ephemeral, cli.format),
        Command::Cluster(ClusterCommand::Stop) => stop(),
        Command::Cluster(ClusterCommand::Status) => status(cli.format),
        Command::Bootstrap(args) => run_bootstrap(args, cli.format),
        Command::Apply(args) => run_apply(args, cli.format),
        Command::Roles(args) => roles::run(args, cli.format),
        Command::Blame(args) => blame::run(args, cli.format),
        Command::Coupling(args) => coupling::run(args, cli.format),
        Command::Impact(args) => impact::run(args, cli.format),
        Command::Record(args) => record::run(args, cli.format),
        Command::Schema(args) => rewrite(args),
        Command::AfterRestore(args) => run_after_restore(args, cli.format),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dba: {error}");
            ExitCode::from(error.code())
        }
    }
}

fn print(format: Format, text: &str, value: &serde_json::Value) {
    match format {
        Format::Text => print_line(text),
        Format::Json => print_line(value),
    }
}

fn start(ephemeral: bool, format: Format) -> schema::Result<()> {
    let mut options = ClusterOptions::from_env();
    if ephemeral {
        options = ClusterOptions { life: Life::Ephemeral, careless: false, ..ClusterOptions::ephemeral() };
    }
    let cluster = Cluster::find_or_start(&options)?;
    print(
        format,
        cluster.url(),
        &json!({ "url": cluster.url(), "port": cluster.port(), "started": cluster.started() }),
    );
    if ephemeral {
        wait_for_interrupt()?;
    }
    Ok(())
}

fn stop() -> schema::Result<()> {
    let home = cluster::home()?;
    match Cluster::running(&home) {
        Some(mut cluster) => cluster.stop(),
        None => Ok(()),
    }
}

fn status(format: Format) -> schema::Result<()> {
    if let Some(url) = ClusterOptions::from_env().database_url {
        Cluster::find_or_start(&ClusterOptions::from_env())?;
        print(format, &url, &json!({ "url": url, "private": false }));
        return Ok(());
    }
    let home = cluster::home()?;
    match Cluster::running(&home) {
        Some(cluster) => {
            print(format, cluster.url(), &json!({ "url": cluster.url(), "private": true, "home": home }));
            Ok(())
        }
        None => Err(Error::Finding(format!("no cluster runs in {}: `dba cluster start` starts one", home.display()))),
    }
}

/// The private cluster, and the passwords beside it.
fn private(passwords: Option<&PathBuf>) -> schema::Result<(Cluster, Passwords)> {
    let home = cluster::home()?;
    let cluster = Cluster::running(&home).ok_or_else(|| {
        Error::Unavailable(format!(
            "no cluster runs in {}: `dba cluster start` starts one, or name a server with --database-url",
            home.display()
        ))
    })?;
    let file = passwords.cloned().unwrap_or_else(|| home.join("passwords"));
    Ok((cluster, Passwords::load(&file)?))
}

/// The URL given, else the superuser's of our database in the private cluster.
fn superuser_url(given: Option<&str>) -> schema::Result<String> {
    if let Some(url) = given {
        return Ok(url.to_owned());
    }
    let (cluster, _) = private(None)?;
    let (server, _) = cluster.url().rsplit_once('/').unwrap_or_default();
    Ok(format!("{server}/{}", schema::DATABASE))
}

fn passwords_at(file: Option<&PathBuf>) -> schema::Result<Passwords> {
    match file {
        Some(file) => Passwords::load(file),
        None => {
            let home = cluster::home()?;
            std::fs::create_dir_all(&home)
                .map_err(|error| Error::Unavailable(format!("can't make {}: {error}", home.display())))?;
            Passwords::load(&home.join("passwords"))
        }
    }
}

fn run_bootstrap(args: &Bootstrap, format: Format) -> schema::Result<()> {
    let (url, passwords) = match &args.database_url {
        Some(url) => (url.clone(), passwords_at(args.passwords.as_ref())?),
        None => {
            let (cluster, passwords) = private(args.passwords.as_ref())?;
            (cluster.url().to_owned(), passwords)
        }
    };
    let options = bootstrap::BootstrapOptions { managed: args.managed, ..bootstrap::BootstrapOptions::default() };
    let unenforced = bootstrap::run(&url, &passwords, &options)?;
    let mut text = "the database govrnanza is there, and govrnanza_admin; next: dba apply".to_owned();
    for statement in &unenforced {
        text.push_str(&format!("\nnot enforced here: {statement}"));
    }
    print(format, &text, &json!({ "unenforced": unenforced }));
    Ok(())
}

fn run_apply(args: &Apply, format: Format) -> schema::Result<()> {
    let (url, passwords) = match &args.database_url {
        // Without a file there is nothing to be set but what the environment gives.
        Some(url) => (url.clone(), passwords_at(args.passwords.as_ref())?),
        None => {
            let (cluster, passwords) = private(args.passwords.as_ref())?;
            let admin = "govrnanza_admin";
            (cluster.url_of(admin, passwords.get(admin).unwrap_or_default(), schema::DATABASE), passwords)
        }
    };
    let options = ApplyOptions {
        without_cross_keys: args.without_cross_keys,
        passwords: Some(passwords),
        lock_timeout_ms: args.lock_timeout_ms,
        tries: args.tries,
        ..ApplyOptions::default()
    };
    let report = schema::apply(&url, &options)?;
    print(format, &told(&report), &serde_json::to_value(&report).unwrap_or_default());
    match report.findings.first() {
        None => Ok(()),
        Some(first) => Err(Error::Finding(format!(
            "applied, but for {} finding(s) that need a superuser: {first}",
            report.findings.len()
        ))),
    }
}

fn told(report: &Report) -> String {
    if report.is_empty() {
        return "nothing to do: the database is as declared".to_owned();
    }
    let parts = [
        ("migration", &report.migrations),
        ("key", &report.keys),
        ("view", &report.views),
        ("right", &report.rights),
        ("password", &report.passwords),
        ("finding", &report.findings),
    ];
    let lines = parts.iter().flat_map(|(what, items)| items.iter().map(move |item| format!("{what:<9} {item}")));
    lines.collect::<Vec<_>>().join("\n")
}

fn run_after_restore(args: &AfterRestore, format: Format) -> schema::Result<()> {
    let url = match &args.database_url {
        Some(url) => url.clone(),
        None => {
            let (cluster, passwords) = private(None)?;
            let admin = "govrnanza_admin";
            let password = passwords.get(admin).unwrap_or_default();
            cluster.url_of(admin, password, schema::DATABASE)
        }
    };
    let feeds = schema::after_restore(&url)?;
    let lines: Vec<_> = feeds
        .iter()
        .map(|feed| format!("{}: {} read, {} still to be read", feed.feed, feed.read, feed.unread))
        .collect();
    print(format, &lines.join("\n"), &json!({ "feeds": feeds }));
    Ok(())
}

fn rewrite(args: &Schema) -> schema::Result<()> {
    let changed = match &args.database_url {
        Some(url) => schema::generate::rewrite(url, &args.root, args.check)?,
        None => {
            let cluster = Cluster::find_or_start(&ClusterOptions::ephemeral())?;
            let folder = cluster.home().map(PathBuf::from).unwrap_or_default();
            let passwords = Passwords::load(&folder.join("passwords"))?;
            bootstrap(cluster.url(), &passwords)?;
            let admin = "govrnanza_admin";
            let url = cluster.url_of(admin, passwords.get(admin).unwrap_or_default(), schema::DATABASE);
            schema::apply(&url, &ApplyOptions::default())?;
            schema::generate::rewrite(&url, &args.root, args.check)?
        }
    };
    match (args.check, changed.first()) {
        (true, Some(file)) => Err(Error::Finding(format!("{file} isn't what the tables say: run `dba schema`"))),
        _ => {
            changed.iter().for_each(print_line);
            Ok(())
        }
    }
}

fn wait_for_interrupt() -> schema::Result<()> {
    let failed = |error: std::io::Error| Error::Unavailable(format!("can't wait for Ctrl-C: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut end = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => done.map_err(failed),
            _ = end.recv() => Ok(()),
        }
    })
}

/// Whoever presses Ctrl-C wants no copy of the database left behind. Ends the process with 130, as a shell would say it.
fn drop_copies_when_interrupted() {
    std::thread::spawn(|| {
        if wait_for_interrupt().is_ok() {
            schema::copy::drop_all();
            std::process::exit(130);
        }
    });
}

/// A line on standard output. Whoever reads it may have heard enough (`| head`): that is no failure.
fn print_line(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}

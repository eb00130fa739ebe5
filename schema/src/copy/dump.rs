//! What `pg_dump` reads, for another database.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use connection::Address;

use crate::cluster::binaries::client_tool;
use crate::error::{Doing, Error, Result, reason};
use crate::session::{Session, address, uncounted};

/// `pg_dump | pg_restore`. The password goes by the environment, where other users of the machine don't see it.
pub(super) fn pipe(from: &str, to: &str, options: &[&str]) -> Result<()> {
    let what = "copying a database while sessions are connected";
    let [dump, restore] =
        tools(from).map_err(|error| Error::Unavailable(format!("{what}: {error}, or disconnect all sessions")))?;
    let mut dump = program(&dump, from)?;
    dump.args(["--format=custom", "--compress=0"]).args(options);
    let mut dump = dump.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().doing(what)?;
    let mut restore = program(&restore, to)?;
    restore.args(["--exit-on-error", "--dbname"]);
    restore.arg(address(to)?.database());
    if let Some(out) = dump.stdout.take() {
        restore.stdin(out);
    }
    // Read while the other one runs: it has many warnings to print where keys lead around in circles.
    let words = dump.stderr.take().map(|mut err| {
        thread::spawn(move || {
            let mut words = Vec::new();
            let _ = err.read_to_end(&mut words);
            words
        })
    });
    let said = restore.stdout(Stdio::null()).stderr(Stdio::piped()).output().doing(what);
    // It holds the end of the pipe that is read from: as long as it is there, pg_dump waits for a reader.
    drop(restore);
    let dumped = dump.wait().doing("waiting for pg_dump")?;
    let words = words.and_then(|reader| reader.join().ok()).unwrap_or_default();
    let said = said?;
    if dumped.success() && said.status.success() {
        return Ok(());
    }
    // Where pg_restore ends first, pg_dump is ended by a signal, for it writes to nobody; where that ends first, the other one only lacks input.
    let (program, words) =
        if dumped.code().is_some_and(|code| code != 0) { ("pg_dump", words) } else { ("pg_restore", said.stderr) };
    Err(Error::Unavailable(format!("{program} failed: {}", reason(&words))))
}

fn tools(url: &str) -> Result<[PathBuf; 2]> {
    let mut session = Session::connect_uncounted(url)?;
    let dump = client_tool("pg_dump", &mut session)?;
    Ok([dump, client_tool("pg_restore", &mut session)?])
}

pub(super) fn program(tool: &Path, url: &str) -> Result<Command> {
    let address = address(url)?;
    let mut command = Command::new(tool);
    for (variable, value) in address.variables() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    command.env("PGOPTIONS", options(&address));
    Ok(command)
}

/// Options of its session; and that it isn't counted, for it runs a thousand statements, each another text.
fn options(address: &Address) -> String {
    let given = address.get("options").unwrap_or_default();
    let quiet = uncounted(given);
    // A refused option prevents the connection: so it is tried first.
    match address.with("options", &quiet).connect(|_| {}) {
        Ok(_) => quiet,
        Err(_) => given.to_owned(),
    }
}

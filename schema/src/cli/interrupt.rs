//! Ctrl-C, and the signal that asks a process to end.

use schema::{Error, Result};

/// Waits for either.
pub fn wait() -> Result<()> {
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

/// From now on, drops the copies of databases before the process ends. It then ends with 130, as shells report an interrupted command.
pub fn drop_copies() {
    std::thread::spawn(|| {
        if wait().is_ok() {
            schema::copy::drop_all();
            std::process::exit(130);
        }
    });
}

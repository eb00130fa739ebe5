//! JSON lines on standard output. Never a token, a password, a body or a URL of the database.

use tracing_subscriber::EnvFilter;

use crate::start::StartError;

/// Starts the log; once per process, a second call changes nothing (tests run several services in one).
pub(crate) fn start(filter: &str) -> Result<(), StartError> {
    // What actix_http calls an error is what some client sent; who wants to see it names actix_http.
    let quiet = if filter.contains("actix_http") { filter.to_owned() } else { format!("{filter},actix_http=off") };
    let filter = EnvFilter::try_new(quiet).map_err(|error| StartError::Usage(format!("LOG: {error}")))?;
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .try_init();
    Ok(())
}

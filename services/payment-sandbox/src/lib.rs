//! A stand-in for the payment provider in development, tests and the lab.
//!
//! It speaks the part of Stripe's public HTTP shape that Billing uses (customers, payment methods attached by token,
//! PaymentIntents created and confirmed off-session, form-encoded bodies, `Idempotency-Key`, Stripe's error object) and
//! takes Stripe's well-known test tokens. Dials make it slow, unreliable or a liar on purpose (`POST /control`), and it can be
//! asked what it charged (`GET /ledger`). Its ledger is an append-only file, so that it survives a kill.
//!
//! Deliberately absent: refunds, disputes, webhooks, card numbers.

pub mod cards;
pub mod dials;
pub mod ledger;
pub mod lies;
mod refusal;
mod wire;

use std::{io, net::TcpListener, path::PathBuf, sync::Arc};

use actix_web::{App, HttpServer, dev::ServerHandle, web};

pub use dials::Dials;
use ledger::Ledger;

/// What the sandbox is started with.
#[derive(clap::Parser, Clone, Debug)]
#[command(version, about = "A payment provider for development, tests and the lab")]
pub struct Options {
    /// Address to listen on; port 0 takes a free one. The address bound is printed.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:0")]
    pub listen: String,
    /// The append-only file that holds everything charged; made where it is missing.
    #[arg(long, env = "LEDGER_FILE")]
    pub ledger: PathBuf,
    /// The key that callers must show as a bearer token.
    #[arg(long, env = "STRIPE_API_KEY", default_value = "sk_test_sandbox")]
    pub api_key: String,
    /// Leave out the fsync after each entry: survives a kill of the sandbox, not one of the machine.
    #[arg(long, env = "LEDGER_NO_FSYNC")]
    pub no_fsync: bool,
    /// How it misbehaves at first.
    #[command(flatten)]
    pub dials: Dials,
}

/// Serves until it is told to stop (SIGINT, SIGTERM).
pub fn serve(options: Options) -> io::Result<()> {
    actix_web::rt::System::new().block_on(async move {
        let (server, address) = bind(&options)?;
        println!("{}", serde_json::json!({ "message": "listening", "address": address }));
        server.await
    })
}

fn bind(options: &Options) -> io::Result<(actix_web::dev::Server, String)> {
    let shared = web::Data::new(wire::Shared {
        api_key: options.api_key.clone(),
        ledger: Ledger::open(&options.ledger, !options.no_fsync)?,
        dials: dials::Board::new(options.dials.clone()),
    });
    let listener = TcpListener::bind(&options.listen)?;
    let address = listener.local_addr()?.to_string();
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).configure(wire::routes))
        .workers(2)
        .listen(listener)?
        .run();
    Ok((server, address))
}

/// A sandbox in this process, on its own thread.
pub struct Running {
    /// `http://127.0.0.1:port`
    pub url: String,
    handle: ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Starts a sandbox on its own thread; it stops when the answer is dropped.
pub fn spawn(options: Options) -> io::Result<Running> {
    let (tell, told) = std::sync::mpsc::channel();
    let options = Arc::new(options);
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            match bind(&options) {
                Ok((server, address)) => {
                    let _ = tell.send(Ok((format!("http://{address}"), server.handle())));
                    let _ = server.await;
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        });
    });
    let (url, handle) = told.recv().map_err(io::Error::other)??;
    Ok(Running { url, handle, thread: Some(thread) })
}

impl Drop for Running {
    fn drop(&mut self) {
        // The future only waits for the answer; the order itself is sent by the call.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

//! The way to the mail server: a connection, and at which step of a mail it refused what.

use std::cell::Cell;
use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};

use tokio::runtime::Runtime;

use crate::refusal::{Refusal, Stage, Verdict};

/// All that a mail may take is so many times [`Server::timeout`]: one that answers each time a moment before it ends, or byte by
/// byte, holds a sender no longer.
pub const MAIL_TIMEOUTS: u32 = 2;

/// Where the mail server is, and how it is talked to. Not `Debug`: there is a password in it.
#[derive(Clone)]
pub struct Server {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Protection of the connection.
    pub tls: Tls,
    /// Name and password.
    pub credentials: Option<Credentials>,
    /// How long it may take to answer.
    pub timeout: Duration,
}

impl Server {
    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let (name, timeout) = (ClientId::default(), Some(self.timeout));
        let wrapper = if let Tls::Wrapper(parameters) = &self.tls { Some(parameters.clone()) } else { None };
        let address = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, timeout, &name, wrapper, None).await?;
        if let Tls::Required(parameters) = &self.tls {
            connection.starttls(parameters.clone(), &name).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

/// One sender's connection, opened when there is something to send. lettre's own transport doesn't say at which command a mail was refused.
pub struct Session {
    server: Server,
    connection: Option<AsyncSmtpConnection>,
    /// Of this thread alone: it makes time limits possible that don't depend on what the server sends.
    runtime: Runtime,
}

impl Session {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// The system has no resources for it.
    pub fn new(server: Server) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { server, connection: None, runtime })
    }

    /// Sends a mail, or says who refused what. After a refusal the next mail gets a new connection.
    pub fn send(&mut self, message: &Message) -> Result<(), Refusal> {
        let (all, stage) = (self.server.timeout * MAIL_TIMEOUTS, Cell::new(Stage::Connection));
        let sending = send(&self.server, self.connection.take(), message, &stage);
        let sent = self.runtime.block_on(async { tokio::time::timeout(all, sending).await });
        let late = |_| Refusal::said(stage.get(), None, "", format!("not done with a mail within {} s", all.as_secs()));
        self.connection = Some(sent.map_err(late)??);
        Ok(())
    }
}

/// The connection, if it can be kept. `stage` is where it has come to.
async fn send(
    server: &Server,
    kept: Option<AsyncSmtpConnection>,
    message: &Message,
    stage: &Cell<Stage>,
) -> Result<AsyncSmtpConnection, Refusal> {
    let usable = match kept {
        Some(mut kept) => kept.test_connected().await.then_some(kept),
        None => None,
    };
    let mut connection = match usable {
        Some(usable) => usable,
        None => server.connect().await.map_err(|error| refused(stage.get(), &error))?,
    };
    match hand_over(&mut connection, message, stage).await {
        Ok(()) => Ok(connection),
        Err(refusal) => {
            connection.abort().await;
            Err(refusal)
        }
    }
}

async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    message: &Message,
    stage: &Cell<Stage>,
) -> Result<(), Refusal> {
    let (envelope, content) = (message.envelope(), message.formatted());
    let mut parameters = Vec::new();
    let mut addresses = envelope.to().iter().chain(envelope.from());
    if addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Refusal::own(
                Verdict::Final,
                "the address has letters beyond ASCII, and the mail server doesn't take such addresses (SMTPUTF8)",
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !content.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let failed = |error: Error| refused(stage.get(), &error);
    stage.set(Stage::Mail);
    connection.command(Mail::new(envelope.from().cloned(), parameters)).await.map_err(failed)?;
    stage.set(Stage::Rcpt);
    for to in envelope.to() {
        connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(failed)?;
    }
    stage.set(Stage::Data);
    connection.command(Data).await.map_err(failed)?;
    stage.set(Stage::Content);
    connection.message(&content).await.map(drop).map_err(failed)
}

fn refused(stage: Stage, error: &Error) -> Refusal {
    let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let code = error.status().map(u16::from);
    Refusal::said(stage, code, &said, reason(error))
}

/// The error with what lies under it: lettre's own text leaves part of that out.
fn reason(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(below) = source {
        let more = below.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = below.source();
    }
    text
}

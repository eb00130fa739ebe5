//! The way to the mail server: a connection, and at which step of a mail it refused what.

use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, Tls};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};

use crate::refusal::{Refusal, Stage, Verdict};

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
    fn connect(&self) -> Result<SmtpConnection, Error> {
        let (name, timeout) = (ClientId::default(), Some(self.timeout));
        let wrapper = if let Tls::Wrapper(parameters) = &self.tls { Some(parameters) } else { None };
        let mut connection = SmtpConnection::connect((self.host.as_str(), self.port), timeout, &name, wrapper, None)?;
        if let Tls::Required(parameters) = &self.tls {
            connection.starttls(parameters, &name)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials)?;
        }
        Ok(connection)
    }
}

/// One sender's connection, opened when there is something to send. lettre's own transport doesn't say at which command a mail was refused.
pub struct Session {
    server: Server,
    connection: Option<SmtpConnection>,
}

impl Session {
    /// Nothing is connected yet.
    pub fn new(server: Server) -> Self {
        Self { server, connection: None }
    }

    /// Sends a mail, or says who refused what. After a refusal the next mail gets a new connection.
    pub fn send(&mut self, message: &Message) -> Result<(), Refusal> {
        let kept = self.connection.take().and_then(|mut kept| kept.test_connected().then_some(kept));
        let mut connection = match kept {
            Some(kept) => kept,
            None => self.server.connect().map_err(|error| refused(Stage::Connection, &error))?,
        };
        let result = hand_over(&mut connection, message);
        match result {
            Ok(()) => self.connection = Some(connection),
            Err(_) => connection.abort(),
        }
        result
    }
}

fn hand_over(connection: &mut SmtpConnection, message: &Message) -> Result<(), Refusal> {
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
    let at = |stage| move |error: Error| refused(stage, &error);
    connection.command(Mail::new(envelope.from().cloned(), parameters)).map_err(at(Stage::Mail))?;
    for to in envelope.to() {
        connection.command(Rcpt::new(to.clone(), Vec::new())).map_err(at(Stage::Rcpt))?;
    }
    connection.command(Data).map_err(at(Stage::Data))?;
    connection.message(&content).map(drop).map_err(at(Stage::Content))
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

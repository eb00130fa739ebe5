//! Analysed statements as Postgres prints them: preparing one costs one round trip, and with `debug_print_parse` the server sends what it made of it.
//!
//! Only a superuser may keep these messages out of the server's log, so only for one this is done; others go the longer way of [`super::resolve`].

use std::sync::{Arc, Mutex, PoisonError};

use postgres::{Client, Statement};

use super::tree::{self, Analysed};
use crate::error::{Doing, Result};
use crate::session::{address, connect_uncounted, connecting};

/// A connection that prepares statements and keeps what the server says of each.
pub(super) struct Trees {
    client: Client,
    said: Arc<Mutex<Vec<Analysed>>>,
    path: String,
    prepared: usize,
}

/// So many prepared statements are kept by the server at most.
const TOGETHER: usize = 500;

/// Nothing of it goes to the server's log.
const PRINTING: &str = "set log_min_messages = fatal; set client_min_messages = log; set debug_pretty_print = off; set debug_print_parse = on";

impl Trees {
    /// None where the role may not keep messages out of the log.
    pub(super) fn connect(url: &str) -> Result<Option<Self>> {
        let said = Arc::new(Mutex::new(Vec::new()));
        let address = address(url)?;
        let client = connect_uncounted(&address, |config| {
            let kept = Arc::clone(&said);
            config.application_name("dba coupling").notice_callback(move |notice| {
                if notice.message().starts_with("parse tree")
                    && let Some(tree) = notice.detail()
                {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(tree::analysed(tree));
                }
            });
        });
        let mut client = client.map_err(|error| connecting(&address, error))?;
        Ok(client.batch_execute(PRINTING).is_ok().then_some(Self { client, said, path: String::new(), prepared: 0 }))
    }

    /// The statement as it is analysed over this search path (SQL); none where the server doesn't prepare it without being told more.
    pub(super) fn of(&mut self, path: &str, sql: &str) -> Result<Option<Analysed>> {
        if self.path != path {
            self.client.batch_execute(&format!("set search_path = {path}")).doing("setting a search path")?;
            path.clone_into(&mut self.path);
        }
        self.take();
        match self.client.prepare(sql) {
            // The statement's own comes first: the client may look up types afterwards.
            Ok(prepared) => {
                self.keep(prepared)?;
                Ok(self.take().into_iter().next().filter(|one| !one.utility))
            }
            Err(error) if error.code().is_some() => Ok(None),
            Err(lost) => Err(lost).doing("preparing a statement"),
        }
    }

    /// Closing each would be a round trip of its own: they are closed together.
    fn keep(&mut self, prepared: Statement) -> Result<()> {
        std::mem::forget(prepared);
        self.prepared += 1;
        if self.prepared.is_multiple_of(TOGETHER) {
            self.client.batch_execute("deallocate all").doing("closing prepared statements")?;
        }
        Ok(())
    }

    fn take(&self) -> Vec<Analysed> {
        std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

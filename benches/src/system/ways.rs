//! The relays of a deployment: before services, and before databases and the log.

use std::collections::BTreeMap;

use super::databases::{Databases, Relayed};
use super::log::Log;
use super::relay::Relay;
use super::services::names;
use crate::Failure;

/// Those that stand between its processes.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// Before services, by name: the others call by way of them.
    pub services: BTreeMap<&'static str, Relay>,
    /// Before databases and the log.
    pub others: Vec<Relay>,
}

impl Ways {
    /// Makes those that are wanted; logins' URLs and the log's address lead to them from now on.
    pub fn make(
        relayed: Relayed,
        urls: &BTreeMap<&'static str, String>,
        databases: &mut Databases,
        log: Option<&mut Log>,
    ) -> Result<Self, Failure> {
        if relayed == Relayed::Nothing {
            return Ok(Self::default());
        }
        let before = |name: &'static str| Ok((name, Relay::before(&urls[name])?));
        let services = names().map(before).collect::<Result<_, Failure>>()?;
        let mut others = Vec::new();
        if relayed == Relayed::Everything {
            others = databases.relay()?;
            others.extend(log.map(Log::relay).transpose()?);
        }
        Ok(Self { services, others })
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Relay> {
        self.services.values().chain(&self.others)
    }
}

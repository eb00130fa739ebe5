//! What the catalogue says before the change, and again after it.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;

use super::guards::{Guards, Makers, Views};
use super::probe::{self, Probe};
use super::report::Failure;
use super::unknown;
use crate::error::{Doing, Result};

/// What is compared with how it is after the change.
pub(super) struct Before {
    pub(super) shut_out: BTreeMap<String, Failure>,
    pub(super) objects: unknown::Objects,
    pub(super) guards: Guards,
    pub(super) makers: Makers,
    pub(super) views: Views,
    pub(super) bodies: unknown::Bodies,
    pub(super) labels: unknown::Labels,
    pub(super) tables: BTreeSet<u32>,
    /// Tables whose statements run bodies.
    pub(super) firing: Vec<u32>,
}

impl Before {
    /// As it is now.
    pub(super) fn read(probe: &mut Probe, database: &str) -> Result<Self> {
        let client = &mut probe.client;
        Ok(Self {
            shut_out: probe::shut_out(client, database)?,
            objects: unknown::Objects::read(client)?,
            guards: Guards::read(client)?,
            makers: Makers::read(client)?,
            views: Views::read(client)?,
            bodies: unknown::Bodies::read(client)?,
            labels: unknown::Labels::read(client)?,
            tables: tables(client)?,
            firing: client
                .query(unknown::FIRING, &[])
                .doing("reading triggers")?
                .iter()
                .map(|row| row.get(0))
                .collect(),
        })
    }
}

/// Relations that exist.
fn tables(client: &mut Client) -> Result<BTreeSet<u32>> {
    let rows = client.query("select oid from pg_class where relkind in ('r', 'p') and oid >= 16384", &[]);
    Ok(rows.doing("reading tables")?.iter().map(|row| row.get(0)).collect())
}

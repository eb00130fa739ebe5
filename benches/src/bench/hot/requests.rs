//! What is asked for: the same rows by the same odds, of a service over HTTP and of the database by pgbench.

use std::sync::Arc;

use rand::Rng as _;
use rand_chacha::ChaCha12Rng;

use crate::Failure;
use crate::data::Dataset;
use crate::load::driver::Call;
use crate::load::operations::{self, MakeCall};
use crate::load::schedule::{Arrival, stream};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One API.
    Read,
    /// The first 50 APIs of an organisation.
    List,
    /// A new API of any organisation.
    Create,
    /// New APIs of one organisation, which wait for each other.
    CreateOne,
    /// Eighty reads, fifteen lists and five creates of a hundred.
    Mixed,
}

/// Operations, as workloads name them, in the order of [`Requests::next`]'s indexes.
pub const OPERATIONS: [&str; 3] = ["find-api", "list-apis", "create-api"];

/// Registry's login for reads.
pub const READER: &str = "registry_reader";
/// Registry's login for the rest.
pub const WRITER: &str = "registry_writer";

impl Kind {
    /// As the file of its outcome is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Create => "create",
            Self::CreateOne => "create-one",
            Self::Mixed => "mixed",
        }
    }

    /// The service's login that answers it.
    pub fn login(self) -> &'static str {
        match self {
            Self::Read | Self::List => READER,
            Self::Create | Self::CreateOne | Self::Mixed => WRITER,
        }
    }
}

/// Makes calls.
pub struct Requests {
    call: MakeCall,
    kind: Kind,
    organisations: usize,
    random: ChaCha12Rng,
}

impl Requests {
    /// Of this kind; `salt`, another one each time, is part of every name that is made.
    pub fn new(base_url: &str, data: &Arc<Dataset>, kind: Kind, salt: u32) -> Result<Self, Failure> {
        let endpoints = OPERATIONS.map(str::to_owned);
        let call = operations::calls("registry", base_url, &endpoints, data, &Arc::default(), salt)?;
        Ok(Self { call, kind, organisations: data.organisations.len(), random: stream(salt.into(), kind.name()) })
    }

    /// The next one.
    pub fn next(&mut self) -> Call {
        let organisation = match self.kind {
            Kind::CreateOne => 0,
            _ => organisation(self.random.random(), self.organisations),
        };
        let endpoint = match (self.kind, self.random.random_range(0..100)) {
            (Kind::Read, _) | (Kind::Mixed, 0..80) => 0,
            (Kind::List, _) | (Kind::Mixed, 80..95) => 1,
            (Kind::Create | Kind::CreateOne | Kind::Mixed, _) => 2,
        };
        (self.call)(&Arrival {
            at_ns: 0,
            endpoint,
            organisation: organisation as u32,
            row: self.random.random(),
            body: self.random.random(),
        })
    }
}

/// The organisation's index for a uniform number in [0, 1): by its share of the APIs, which falls as rank^-0.8, so that the
/// share of the first `n` rises as n^0.2.
fn organisation(uniform: f64, organisations: usize) -> usize {
    ((organisations as f64 * uniform.powi(5)) as usize).min(organisations - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisations_are_drawn_by_their_share() {
        assert_eq!(organisation(0.0, 1000), 0);
        assert_eq!(organisation(0.999_999, 1000), 999);
        // Half of the APIs are with the first thirty-first or so.
        assert_eq!(organisation(0.5, 1000), 31);
    }
}

//! The experiment: which cells, how often, in what order.

mod preset;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

pub use preset::{Preset, REQUESTS_FOR_SHARE};

use crate::load::schedule::stream;

/// One arrangement of services under load. Everybody's rate is the same in each cell it runs in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Cell {
    /// One service by itself: the denominator of its ratios.
    Alone {
        /// Which.
        service: String,
    },
    /// Two services together; yields both directions.
    Pair {
        /// The first by name.
        first: String,
        /// The other.
        second: String,
    },
    /// All together.
    All,
    /// One service by itself with nobody watching: what watching changes.
    Unwatched {
        /// Which.
        service: String,
    },
    /// One service by itself once more: what this machine shows when nothing is different.
    Null {
        /// Which.
        service: String,
    },
}

impl Cell {
    /// Who is under load, of `services`.
    #[must_use]
    pub fn members<'a>(&'a self, services: &'a [String]) -> Vec<&'a str> {
        match self {
            Self::Alone { service } | Self::Null { service } | Self::Unwatched { service } => {
                vec![service]
            }
            Self::Pair { first, second } => vec![first, second],
            Self::All => services.iter().map(String::as_str).collect(),
        }
    }

    /// A short name, such as `billing+registry`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Alone { service } => service.clone(),
            Self::Pair { first, second } => format!("{first}+{second}"),
            Self::All => "all".into(),
            Self::Null { service } => format!("{service} again"),
            Self::Unwatched { service } => format!("{service} unwatched"),
        }
    }
}

/// Every cell of one replicate for `services`: each alone, each pair, all of them, one null cell for each of `nulls`, and one
/// that nobody watches for each of `unwatched`.
#[must_use]
pub fn cells(services: &[String], nulls: &[String], unwatched: &[String]) -> Vec<Cell> {
    let alone = services.iter().map(|service| Cell::Alone { service: service.clone() });
    let pairs = services.iter().enumerate().flat_map(|(i, first)| {
        services[i + 1..].iter().map(move |second| Cell::Pair { first: first.clone(), second: second.clone() })
    });
    let all = (services.len() > 2).then_some(Cell::All);
    let nulls = nulls.iter().map(|service| Cell::Null { service: service.clone() });
    let unwatched = unwatched.iter().map(|service| Cell::Unwatched { service: service.clone() });
    alone.chain(pairs).chain(all).chain(nulls).chain(unwatched).collect()
}

/// The cells in the order of this replicate: each once, shuffled by seed and replicate (randomised complete blocks), so
/// that drift of the machine falls on every cell alike.
#[must_use]
pub fn order(cells: &[Cell], seed: u64, replicate: usize) -> Vec<Cell> {
    let mut shuffled = cells.to_vec();
    shuffled.shuffle(&mut stream(seed, &format!("order {replicate}")));
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn five_services_make_seventeen_cells() {
        let services = names(&["account", "billing", "notification", "profile", "registry"]);
        let cells = cells(&services, &names(&["registry"]), &[]);
        assert_eq!(cells.len(), 5 + 10 + 1 + 1);
        assert_eq!(Cell::All.members(&services).len(), 5);
    }

    #[test]
    fn each_replicate_holds_every_cell_once_in_its_own_order() {
        let cells = cells(&names(&["a", "b", "c", "d"]), &[], &[]);
        let (first, second) = (order(&cells, 1, 0), order(&cells, 1, 1));
        assert_ne!(first, second);
        assert_eq!(first, order(&cells, 1, 0));
        let mut sorted = first.clone();
        sorted.sort();
        let mut expected = cells.clone();
        expected.sort();
        assert_eq!(sorted, expected);
    }
}

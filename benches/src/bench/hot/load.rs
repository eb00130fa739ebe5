//! What is asked for: the same rows by the same odds, of a service over HTTP and of the database by pgbench.

use std::sync::Arc;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use crate::data::{Dataset, Organisation};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One API.
    Read,
    /// The first 50 APIs of an organisation.
    List,
    /// The first 200.
    List200,
    /// A new API of any organisation.
    Create,
    /// A new API of one organisation, which all wait for.
    CreateHot,
    /// Eighty reads, fifteen lists and five creates of a hundred.
    Mixed,
}

impl Kind {
    /// As the file of its outcome is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::List200 => "list-200",
            Self::Create => "create",
            Self::CreateHot => "create-one",
            Self::Mixed => "mixed",
        }
    }
}

/// Makes requests.
pub struct Requests {
    data: Arc<Dataset>,
    kind: Kind,
    random: ChaCha8Rng,
    /// Part of every name that is made, so that no two runs make the same.
    salt: u64,
    made: u64,
}

impl Requests {
    /// Of this kind; `salt` is another one each time.
    pub fn new(data: &Arc<Dataset>, kind: Kind, salt: u64) -> Self {
        Self { data: Arc::clone(data), kind, random: ChaCha8Rng::seed_from_u64(salt), salt, made: 0 }
    }

    /// Writes the next one.
    pub fn next(&mut self, out: &mut Vec<u8>) {
        let data = Arc::clone(&self.data);
        let index = match self.kind {
            Kind::CreateHot => 0,
            _ => organisation(self.random.random(), data.organisations.len()),
        };
        let of = &data.organisations[index];
        match (self.kind, self.random.random_range(0..100)) {
            (Kind::Read, _) | (Kind::Mixed, 0..80) => {
                let id = of.apis[self.random.random_range(0..of.apis.len())];
                Self::get(out, of, &format!("/apis/{id}"));
            }
            (Kind::List, _) | (Kind::Mixed, 80..95) => Self::get(out, of, "/apis?limit=50"),
            (Kind::List200, _) => Self::get(out, of, "/apis?limit=200"),
            (Kind::Create | Kind::CreateHot | Kind::Mixed, _) => self.create(out, of),
        }
    }

    /// Writes a GET of a path below an organisation.
    pub fn get(out: &mut Vec<u8>, of: &Organisation, path: &str) {
        head(out, "GET", of, path);
        out.extend_from_slice(b"\r\n");
    }

    fn create(&mut self, out: &mut Vec<u8>, of: &Organisation) {
        self.made += 1;
        let sub_domain = of.sub_domains[self.random.random_range(0..of.sub_domains.len())];
        let owner = of.profiles[self.random.random_range(0..of.profiles.len())];
        let body = format!(
            r#"{{"name":"bench-{:x}-{:x}","subDomainId":"{sub_domain}","technicalOwnerId":"{owner}","tags":["made-by-bench"]}}"#,
            self.salt, self.made
        );
        head(out, "POST", of, "/apis");
        out.extend_from_slice(
            format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes(),
        );
    }
}

/// The organisation's index for a uniform number in [0, 1): by its share of the APIs, which falls as rank^-0.8, so that the
/// share of the first `n` rises as n^0.2.
fn organisation(uniform: f64, organisations: usize) -> usize {
    ((organisations as f64 * uniform.powi(5)) as usize).min(organisations - 1)
}

fn head(out: &mut Vec<u8>, method: &str, of: &Organisation, path: &str) {
    let id: Uuid = of.id;
    out.extend_from_slice(
        format!("{method} /api/v1/organisations/{id}{path} HTTP/1.1\r\nhost: bench\r\nauthorization: ").as_bytes(),
    );
    out.extend_from_slice(of.token.as_bytes());
    out.extend_from_slice(b"\r\n");
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

//! How the sandbox misbehaves: latency, 5xx, dropped answers, time-outs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::lies::Lie;

/// Rates are per mille of the requests that would change something. Every draw comes from one seeded generator, so that
/// a sequence of requests meets the same mishaps again.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Dials {
    /// Each answer takes this long, in milliseconds.
    #[arg(long, env = "LATENCY_MS", default_value_t = 0)]
    pub latency_ms: u64,
    /// Answers 500, per mille; half of them after it has charged.
    #[arg(long, env = "ERROR_PER_MILLE", default_value_t = 0)]
    pub error_per_mille: u32,
    /// Charges and then closes the connection without an answer, per mille.
    #[arg(long, env = "DROP_PER_MILLE", default_value_t = 0)]
    pub drop_per_mille: u32,
    /// Holds the answer back for `hang_ms`, per mille; half of them before it charges.
    #[arg(long, env = "HANG_PER_MILLE", default_value_t = 0)]
    pub hang_per_mille: u32,
    /// How long a held answer is held, in milliseconds.
    #[arg(long, env = "HANG_MS", default_value_t = 60_000)]
    pub hang_ms: u64,
    /// The next so many PaymentIntents are charged and their answers dropped; counts down.
    #[arg(long, env = "DROP_NEXT", default_value_t = 0)]
    pub drop_next: u32,
    /// The next so many PaymentIntents are answered 500 and not charged; counts down.
    #[arg(long, env = "ERROR_NEXT", default_value_t = 0)]
    pub error_next: u32,
    /// What it says instead of what it did, as long as this is set.
    #[arg(long, env = "LIE")]
    pub lie: Option<Lie>,
    /// The seed of the draws.
    #[arg(long, env = "SEED", default_value_t = 1)]
    pub seed: u64,
}

impl Default for Dials {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            error_per_mille: 0,
            drop_per_mille: 0,
            hang_per_mille: 0,
            hang_ms: 60_000,
            drop_next: 0,
            error_next: 0,
            lie: None,
            seed: 1,
        }
    }
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing: it is served.
    None,
    /// 500, and nothing was done.
    ErrorBefore,
    /// 500, although it was done.
    ErrorAfter,
    /// Done, and the connection closed.
    Drop,
    /// Held back, then done.
    HangBefore,
    /// Done, then held back.
    HangAfter,
}

/// The dials as they stand, and the generator.
pub struct Board(Mutex<(Dials, u64)>);

impl Board {
    /// With the generator at the dials' seed.
    pub fn new(dials: Dials) -> Self {
        let state = dials.seed;
        Self(Mutex::new((dials, state)))
    }

    fn lock(&self) -> MutexGuard<'_, (Dials, u64)> {
        // Plain numbers: nothing can be half done in there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The dials as they stand.
    pub fn read(&self) -> Dials {
        self.lock().0.clone()
    }

    /// Turns the dials; the generator starts again at the new seed.
    pub fn turn(&self, dials: Dials) {
        *self.lock() = (dials.clone(), dials.seed);
    }

    /// Draws what happens to the next request that would change something.
    pub fn draw(&self, charges: bool) -> Mishap {
        let mut guard = self.lock();
        let (dials, state) = &mut *guard;
        if charges && dials.drop_next > 0 {
            dials.drop_next -= 1;
            return Mishap::Drop;
        }
        if charges && dials.error_next > 0 {
            dials.error_next -= 1;
            return Mishap::ErrorBefore;
        }
        let drawn = splitmix(state);
        let (roll, coin) = ((drawn % 1000) as u32, drawn >> 63 == 1);
        let (error, drop, hang) = (dials.error_per_mille, dials.drop_per_mille, dials.hang_per_mille);
        match roll {
            r if r < error => {
                if coin {
                    Mishap::ErrorAfter
                } else {
                    Mishap::ErrorBefore
                }
            }
            r if r < error + drop => Mishap::Drop,
            r if r < error + drop + hang => {
                if coin {
                    Mishap::HangAfter
                } else {
                    Mishap::HangBefore
                }
            }
            _ => Mishap::None,
        }
    }
}

/// SplitMix64: enough for mishaps, and the same everywhere.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_kept_and_the_seed_repeats() {
        let dials = Dials { error_per_mille: 100, drop_per_mille: 50, hang_per_mille: 50, seed: 7, ..Dials::default() };
        let draw = || {
            let board = Board::new(dials.clone());
            (0..10_000).map(|_| board.draw(true)).collect::<Vec<_>>()
        };
        let drawn = draw();
        assert_eq!(drawn, draw());
        let count = |kinds: &[Mishap]| drawn.iter().filter(|m| kinds.contains(m)).count();
        assert!((850..1150).contains(&count(&[Mishap::ErrorBefore, Mishap::ErrorAfter])));
        assert!((400..600).contains(&count(&[Mishap::Drop])));
        assert!((400..600).contains(&count(&[Mishap::HangBefore, Mishap::HangAfter])));
    }
}

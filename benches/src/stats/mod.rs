//! The lab's statistics: the replicate is the unit, a ratio is formed inside it, and what the data can't carry is said so.
//!
//! Treating the requests of one block as independent gave 32–76 % false alarms between identical systems, a paired t-test
//! on the log ratios of replicates 1–8 %; so nothing here ever pools requests into an interval.

mod binomial;
mod chain;
mod histogram;
mod holm;
mod median;
mod paired;
mod rank;
mod welch;

pub use binomial::share_at_most;
pub use chain::any_of;
pub use histogram::{Histogram, MalformedHistogram};
pub use holm::holm;
pub use median::Median;
pub use paired::{Difference, Estimate, minimum_detectable_effect, paired_difference, paired_ratio};
pub use rank::spearman;
pub use welch::welch_ratio;

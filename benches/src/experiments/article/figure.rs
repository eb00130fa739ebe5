//! The figures, and how they are written.

use serde::{Deserialize, Serialize};

use super::law::YEAR_H;
use crate::result::{Outcome, Table};

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Options {
    /// Pages of each kind.
    pub pages: u64,
    /// Delays are so many times shorter than the article's.
    pub scale: f64,
    /// Probability with which a call takes part in its page's common fate.
    pub correlation: f64,
    /// Users at the same time.
    pub users: u32,
    /// What chance derives from.
    pub seed: u64,
}

/// One figure: what the article says, what is exact, what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Figure {
    /// Of what.
    pub quantity: String,
    /// The article's own words; empty where it says nothing.
    pub article: String,
    /// On paper, from its own assumptions (with this correlation): a share, or milliseconds.
    pub exact: f64,
    /// As measured.
    pub measured: f64,
    /// 95 % interval of a share (Wilson); pages are independent here.
    pub interval: Option<(f64, f64)>,
    /// How it is written.
    pub kind: Kind,
}

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// `1/33.7`.
    OneIn,
    /// `98.51 %`, and the hours of a year without.
    Uptime,
    /// `77.9 %`.
    Share,
    /// Milliseconds at the article's scale.
    Millis,
}

/// All figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Figures {
    /// In the order of the article.
    pub figures: Vec<Figure>,
}

/// What the article gets wrong, in a sentence.
const SLIP: &str = "The article's 88 h 53 min a year belong to 98.985 %: three services at 99.5 % are down 130.7 h. Its 1/33 and 1/16 are \
3 % and 6 % of the time, the sums of the parts; exactly it is 1/33.7 and 1/17.1.";

/// Wilson's interval of a share at 95 % (J. Am. Stat. Assoc. 22, 1927).
pub(super) fn wilson(hits: usize, all: usize) -> (f64, f64) {
    let (z, n) = (1.959_964_f64, all.max(1) as f64);
    let p = hits as f64 / n;
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

impl Figure {
    /// A value of this figure's kind.
    #[must_use]
    pub fn write(&self, value: f64) -> String {
        match self.kind {
            // So few cannot be measured with this many pages.
            Kind::OneIn if value > 1e-9 => format!("1/{:.1}", 1.0 / value),
            Kind::OneIn => "never".into(),
            Kind::Uptime => format!("{:.2} % ({:.1} h down)", value * 100.0, (1.0 - value) * YEAR_H),
            Kind::Share => format!("{:.1} %", value * 100.0),
            Kind::Millis => format!("{value:.0} ms"),
        }
    }

    /// The measured value with its interval.
    #[must_use]
    pub fn measured_text(&self) -> String {
        let value = self.write(self.measured);
        match (self.interval, self.kind) {
            // More of what is bad is fewer "in": the ends change places.
            (Some((low, high)), Kind::OneIn) => {
                format!("{value} ({} to {})", self.write(high), self.write(low))
            }
            (Some((low, high)), _) => format!("{value} ({:.2}–{:.2} %)", low * 100.0, high * 100.0),
            (None, _) => value,
        }
    }
}

impl Outcome<Options> for Figures {
    fn tables(&self, plan: &Options) -> Vec<Table> {
        let row = |of: &Figure| [of.quantity.clone(), of.article.clone(), of.write(of.exact), of.measured_text()];
        let Options { pages, scale, correlation, .. } = plan;
        vec![
            Table::new(&["", "the article", "exactly", "measured (95 % interval)"], &[], &[])
                .titled(format!(
                    "{pages} pages of each kind at stubs with the article's own quantiles, delays 1:{scale:.0}, correlation {correlation}"
                ))
                .rows(self.figures.iter().map(row))
                .note(SLIP),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::wilson;

    /// What defines it: each end lies 1.96 of its *own* standard deviations from the share.
    #[test]
    fn wilsons_interval_holds_its_definition() {
        for (hits, all) in [(10, 1000), (1, 20), (0, 50), (50, 50)] {
            let (low, high) = wilson(hits, all);
            let (p, n) = (hits as f64 / all as f64, all as f64);
            for end in [low, high] {
                let deviations = (end - p).abs() / (end * (1.0 - end) / n).sqrt();
                let at_border = (end - p).abs() < 1e-9;
                assert!(at_border || (deviations - 1.959_964).abs() < 1e-6, "{hits} of {all}: {end}");
            }
        }
    }
}

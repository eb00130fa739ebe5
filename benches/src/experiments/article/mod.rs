//! `lab article-figures`: what "API Series Part 7: Inter-Service Communication Overview" by Jack Vanlightly (the article)
//! says of synchronous calls, on paper and measured.
//!
//! Stubs take their time by the article's own law; pages call 1, 3, 6 or 10 of them over real HTTP. Delays are scaled, so
//! that a run takes minutes. Independence is an assumption of the article's arithmetic, and an option here: a shared database
//! is the case in which all calls fail or are slow together.

mod figure;
pub mod law;
mod pages;
mod stub;

use std::time::Duration;

use crate::result::Measured;
use crate::{Failure, observe};
use figure::wilson;
pub use figure::{Figure, Figures, Kind, Options};
use law::{any_of, delay_ms, slowest_ms};
use pages::{Page, Shape};
use stub::{Behaviour, uniform};

const SLOW_MS: f64 = 500.0;
const STUCK_MS: f64 = 5000.0;
const FAILS: f64 = 0.005;
/// Page requests of a session, in the article.
const SESSION: usize = 50;

/// Measures all figures.
///
/// # Errors
/// When stubs can't be started.
pub fn run(options: Options) -> Result<Measured<Figures, Options>, Failure> {
    let head = Measured::begin(observe::machine(), None, options);
    let behaviour =
        |fails| Behaviour { fails, correlation: options.correlation, scale: options.scale, seed: options.seed };
    let make = |calls, parallel, fails| {
        let how = if parallel { "at once" } else { "one after the other" };
        eprintln!("{} pages of {calls} calls, {how} …", options.pages);
        let shape = Shape { calls, parallel, pages: options.pages, users: options.users };
        pages::run(shape, behaviour(fails))
    };
    let bench = Bench { options };
    let mut figures = Vec::new();
    for (calls, article) in [(3, "98.5 %, down 88 h 53 min a year"), (6, "97 %, down 262 h a year")] {
        figures.push(bench.uptime(calls, article, &make(calls, true, FAILS)?));
    }
    for (calls, slow, stuck) in [(1, "1/100", "1/1000"), (3, "1/33", "1/333"), (6, "1/16", ""), (10, "", "1/100")] {
        let made = make(calls, true, 0.0)?;
        figures.push(bench.some_call(calls, SLOW_MS, slow, &made));
        figures.push(bench.some_call(calls, STUCK_MS, stuck, &made));
        if calls == 3 {
            figures.push(bench.session(SLOW_MS, "\"unacceptable\"", &made));
            figures.push(bench.session(STUCK_MS, "", &made));
            figures.extend(bench.quantiles("3 calls at once", &made, |q| bench.slowest(q)));
        }
    }
    let made = make(3, false, 0.0)?;
    let mut sums = bench.simulated_sums();
    sums.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| sums[((sums.len() as f64 * q) as usize).min(sums.len() - 1)];
    figures.extend(bench.quantiles("3 calls one after the other", &made, at));
    Ok(head.with(Figures { figures }))
}

struct Bench {
    options: Options,
}

impl Bench {
    fn share(
        &self,
        (quantity, article): (String, &str),
        kind: Kind,
        exact: f64,
        (hits, all): (usize, usize),
    ) -> Figure {
        Figure {
            quantity,
            article: article.into(),
            exact,
            measured: hits as f64 / all.max(1) as f64,
            interval: Some(wilson(hits, all)),
            kind,
        }
    }

    fn uptime(&self, calls: u32, article: &str, made: &[Page]) -> Figure {
        let good = made.iter().filter(|page| page.good).count();
        let exact = 1.0 - any_of(calls, FAILS, self.options.correlation);
        let quantity = format!("uptime, {calls} services at 99.5 %");
        self.share((quantity, article), Kind::Uptime, exact, (good, made.len()))
    }

    fn some_call(&self, calls: u32, ms: f64, article: &str, made: &[Page]) -> Figure {
        let slow = made.iter().filter(|page| page.slowest >= self.scaled(ms)).count();
        let exact = any_of(calls, tail(ms), self.options.correlation);
        let quantity = format!("some of {calls} calls takes {} or more", span(ms));
        self.share((quantity, article), Kind::OneIn, exact, (slow, made.len()))
    }

    /// Of sessions of fifty pages with three calls: those that meet a slow call. Fates are common to a page, not a session.
    fn session(&self, ms: f64, article: &str, made: &[Page]) -> Figure {
        let sessions = made.chunks_exact(SESSION);
        let all = sessions.len();
        let met = sessions.filter(|pages| pages.iter().any(|page| page.slowest >= self.scaled(ms))).count();
        let page = any_of(3, tail(ms), self.options.correlation);
        let exact = 1.0 - (1.0 - page).powi(SESSION as i32);
        let quantity = format!("a session of 50 pages of 3 calls meets one of {}", span(ms));
        self.share((quantity, article), Kind::Share, exact, (met, all))
    }

    fn quantiles(&self, of: &str, made: &[Page], exact: impl Fn(f64) -> f64) -> Vec<Figure> {
        let mut times: Vec<Duration> = made.iter().map(|page| page.took).collect();
        times.sort_unstable();
        let at = |q: f64| times[((times.len() as f64 * q) as usize).min(times.len() - 1)];
        [(0.5, "median"), (0.95, "p95"), (0.99, "p99")]
            .into_iter()
            .map(|(q, name)| Figure {
                quantity: format!("{name} of {of}"),
                article: String::new(),
                exact: exact(q),
                measured: at(q).as_secs_f64() * 1000.0 * self.options.scale,
                interval: None,
                kind: Kind::Millis,
            })
            .collect()
    }

    /// Closed form where calls are on their own; else of the very fates that the stubs have.
    fn slowest(&self, q: f64) -> f64 {
        if self.options.correlation == 0.0 {
            return slowest_ms(3, q);
        }
        let mut all = self.fates(|delays| delays.iter().copied().fold(0.0, f64::max));
        all.sort_unstable_by(f64::total_cmp);
        all[((all.len() as f64 * q) as usize).min(all.len() - 1)]
    }

    /// A sum of three has no closed form: 400,000 draws that have nothing to do with the measured ones.
    fn simulated_sums(&self) -> Vec<f64> {
        self.fates(|delays| delays.iter().sum())
    }

    fn fates(&self, of: impl Fn(&[f64; 3]) -> f64) -> Vec<f64> {
        let seed = self.options.seed ^ 0x51_3D;
        let one = |page: u64, who: u64| {
            let common = uniform(seed ^ 0xC0, page, who + 1) < self.options.correlation;
            delay_ms(1.0 - uniform(seed, page, if common { 0 } else { who + 1 }))
        };
        (0..400_000).map(|page| of(&[0, 1, 2].map(|who| one(page, who)))).collect()
    }

    fn scaled(&self, ms: f64) -> Duration {
        Duration::from_secs_f64(ms / self.options.scale / 1000.0)
    }
}

/// Probability that one call takes so long or longer.
fn tail(ms: f64) -> f64 {
    if ms >= STUCK_MS { 0.001 } else { 0.01 }
}

fn span(ms: f64) -> String {
    if ms >= 1000.0 { format!("{:.0} s", ms / 1000.0) } else { format!("{ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over real connections, a thousand times faster than the article: what fails is exact, for fates come from the seed.
    #[test]
    fn pages_meet_the_fates_of_their_calls() {
        let behaviour = Behaviour { fails: 0.2, correlation: 0.0, scale: 1000.0, seed: 7 };
        for parallel in [true, false] {
            let shape = Shape { calls: 3, parallel, pages: 300, users: 4 };
            let made = pages::run(shape, behaviour).unwrap();
            assert_eq!(made.len(), 300);
            for (number, page) in made.iter().enumerate() {
                let fates = [0, 1, 2].map(|call| stub::fate(call, number as u64, behaviour));
                assert_eq!(page.good, fates.iter().all(|(_, good)| *good), "{number}");
                let longest = fates.iter().map(|(delay, _)| *delay).max().unwrap();
                assert!(page.took >= longest && page.slowest >= longest, "{number}");
            }
        }
    }
}

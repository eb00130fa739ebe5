//! How often the comparison is wrong, by calculation: whole pages whose blocks are drawn from known distributions.
//! `cargo test -p lab --lib -- --nocapture error_rates` prints the numbers, and how much they can bear.

use rand::Rng as _;
use rand_chacha::ChaCha12Rng;

use super::*;
use crate::load::schedule::stream;
use crate::stats::share_at_most;

/// As many as `lab architectures` measures.
const ROUNDS: usize = 8;
const PAGES: u64 = 1000;
const NAMES: [&str; 3] = ["shared-database", "shared-database 2", "self-contained"];

/// Standard normal, by Box and Muller.
fn normal(random: &mut ChaCha12Rng) -> f64 {
    let [u, v] = [1.0 - random.random::<f64>(), random.random::<f64>()];
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Every figure of three columns. Blocks of a round drift together, each is off by about 10 %, and one in ten meets a stall; the
/// columns' values are multiplied by what is planted.
fn page(random: &mut ChaCha12Rng, planted: [f64; 3]) -> Vec<Figure> {
    let correctness = BTreeMap::new();
    let arms = NAMES.map(|name| MeasuredArm::empty(name, &correctness));
    let mut all = Vec::new();
    for wanted in all_wanted(&[]) {
        let drift: Vec<f64> = (0..ROUNDS).map(|_| 0.2 * normal(random)).collect();
        let values = planted.map(|factor| {
            let block = |(round, drift): (usize, &f64)| {
                let stall = if random.random::<f64>() < 0.1 { 0.5 } else { 0.0 };
                (round, factor * (drift + 0.1 * normal(random) + stall).exp())
            };
            drift.iter().enumerate().map(block).collect::<BTreeMap<usize, f64>>()
        });
        all.push(of_blocks(wanted, &arms, &values));
    }
    adjust(&mut all);
    all
}

/// How many figures say that these two differ.
fn different(page: &[Figure], of: &str, than: &str) -> u64 {
    page.iter().filter(|figure| figure.pair(of, than).is_some_and(|pair| pair.differs())).count() as u64
}

/// The same system in two columns, beside a third one that is the same, too, or another one.
#[test]
fn columns_of_one_distribution_rarely_differ() {
    for third in [1.0, 3.0] {
        let mut random = stream(1, "null pages");
        let (mut rows, mut wrong_rows, mut wrong_pages) = (0, 0, 0);
        for _ in 0..PAGES {
            let page = page(&mut random, [1.0, 1.0, third]);
            let wrong = different(&page, NAMES[1], NAMES[0]);
            rows += page.len() as u64;
            wrong_rows += wrong;
            wrong_pages += u64::from(wrong > 0);
        }
        let [row_bound, page_bound] = [share_at_most(wrong_rows, rows), share_at_most(wrong_pages, PAGES)];
        eprintln!(
            "third column ×{third}: {wrong_rows} of {rows} rows called different (with 95 % confidence at most {:.2} %), on {wrong_pages} of \
             {PAGES} pages (at most {:.1} %)",
            row_bound * 100.0,
            page_bound * 100.0
        );
        assert!(row_bound <= 0.05, "{wrong_rows} of {rows} rows");
        assert!(page_bound <= 0.05, "{wrong_pages} of {PAGES} pages");
        assert!(wrong_rows > 0, "a comparison that never errs isn't tested");
    }
}

/// Much more in one column is found there, and in none of the others.
#[test]
fn what_is_planted_is_found_in_its_column() {
    let mut random = stream(2, "planted");
    let (mut rows, mut found, mut elsewhere) = (0, 0, 0);
    for _ in 0..PAGES / 10 {
        let page = page(&mut random, [1.0, 1.0, 2.5]);
        rows += page.len() as u64;
        found += page.iter().filter(|figure| figure.worst() == Some(NAMES[2])).count() as u64;
        elsewhere += page.iter().filter(|figure| figure.best().is_some() || figure.worst() == Some(NAMES[0])).count();
    }
    let least = 1.0 - share_at_most(rows - found, rows);
    eprintln!(
        "×2.5 planted: found in {found} of {rows} rows (with 95 % confidence in at least {:.1} %)",
        least * 100.0
    );
    assert!(least >= 0.5, "{found} of {rows}");
    assert!(elsewhere * 20 <= rows as usize, "{elsewhere} of {rows}");
}

//! What is sent when: computed before anything runs, from a seed, so that every arm of an experiment gets the *same*
//! arrivals, endpoints, ordinals and bodies (common random numbers), and workload variance leaves the ratio.

mod workload;
mod zipf;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use sha2::{Digest, Sha256};

pub use workload::{Endpoint, MalformedWorkload, ServiceWorkload, Workload};
pub use zipf::Zipf;

/// The mix that is run unless another is given.
pub(crate) const MATRIX: &str = include_str!("../../../scenarios/00-matrix.toml");
/// The mix that goes over every edge between services that call each other.
pub(crate) const EDGES: &str = include_str!("../../../scenarios/00-edges.toml");

/// One request to come. Rows are named by ordinal (the n-th API of the m-th organisation), since every implementation
/// makes its own ids; the driver maps them when it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Nanoseconds after the cell's start at which it is to be sent.
    pub at_ns: u64,
    /// Index into the service's endpoints.
    pub endpoint: u16,
    /// Which organisation, by popularity rank: 0 is the hottest.
    pub organisation: u32,
    /// Which row of it; the driver takes it modulo the rows there are.
    pub row: u32,
    /// Seed of the body, where there is one.
    pub body: u32,
}

/// Poisson arrivals of one service over `duration_ns` at `rate_per_s`: exponential gaps by inversion, `-ln(1-u)/rate`.
/// The stream depends on `seed` and the service's name alone, never on who else runs.
#[must_use]
pub fn poisson(
    workload: &ServiceWorkload,
    service: &str,
    rate_per_s: f64,
    duration_ns: u64,
    organisations: &Zipf,
    seed: u64,
) -> Vec<Arrival> {
    let mut random = stream(seed, service);
    let mut arrivals = Vec::with_capacity((rate_per_s * duration_ns as f64 / 1e9) as usize + 16);
    let mut at_s = 0.0_f64;
    if rate_per_s <= 0.0 {
        return arrivals;
    }
    loop {
        at_s += -(1.0 - random.random::<f64>()).ln() / rate_per_s;
        let at_ns = (at_s * 1e9) as u64;
        if at_ns >= duration_ns {
            return arrivals;
        }
        arrivals.push(Arrival {
            at_ns,
            endpoint: workload.pick(random.random()),
            organisation: organisations.rank(random.random()),
            row: random.random(),
            body: random.random(),
        });
    }
}

/// SHA-256 over a schedule's ordinals, hex: two runs with equal hashes asked for the same things at the same moments.
#[must_use]
pub fn hash<'a>(schedules: impl IntoIterator<Item = &'a [Arrival]>) -> String {
    let mut digest = Sha256::new();
    for arrival in schedules.into_iter().flatten() {
        digest.update(arrival.at_ns.to_le_bytes());
        digest.update(arrival.endpoint.to_le_bytes());
        digest.update(arrival.organisation.to_le_bytes());
        digest.update(arrival.row.to_le_bytes());
        digest.update(arrival.body.to_le_bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An independent random stream for each (seed, name). ChaCha12 by name, not `StdRng`: its stream is the same in every
/// version and on every machine.
#[must_use]
pub fn stream(seed: u64, name: &str) -> ChaCha12Rng {
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    digest.update(name.as_bytes());
    ChaCha12Rng::from_seed(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> ServiceWorkload {
        Workload::parse(
            r#"
            [services.registry]
            weight = 1.0
            endpoints = [{ name = "find-api", share = 3.0 }, { name = "list-apis", share = 1.0 }]
            "#,
        )
        .expect("valid")
        .services
        .remove("registry")
        .expect("named")
    }

    const MINUTE: u64 = 60_000_000_000;

    #[test]
    fn same_seed_same_schedule() {
        let (workload, zipf) = (workload(), Zipf::new(100, 0.99));
        let make = |seed| poisson(&workload, "registry", 200.0, MINUTE, &zipf, seed);
        let (first, again, other) = (make(1), make(1), make(2));
        assert_eq!(first, again);
        assert_ne!(hash([first.as_slice()]), hash([other.as_slice()]));
    }

    /// Counts of a Poisson process have mean = variance = rate·t; gaps have a coefficient of variation of 1.
    #[test]
    fn arrivals_are_poisson() {
        let arrivals = poisson(&workload(), "registry", 500.0, MINUTE, &Zipf::new(100, 0.99), 7);
        let n = arrivals.len() as f64;
        assert!((n - 30_000.0).abs() < 4.0 * 30_000_f64.sqrt(), "{n}");
        let gaps: Vec<f64> = arrivals.windows(2).map(|pair| (pair[1].at_ns - pair[0].at_ns) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let sd = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((sd / mean - 1.0).abs() < 0.03, "cv {}", sd / mean);
        assert!(arrivals.windows(2).all(|pair| pair[0].at_ns <= pair[1].at_ns));
    }

    #[test]
    fn shares_are_kept() {
        let arrivals = poisson(&workload(), "registry", 500.0, MINUTE, &Zipf::new(100, 0.99), 7);
        let finds = arrivals.iter().filter(|arrival| arrival.endpoint == 0).count() as f64;
        assert!((finds / arrivals.len() as f64 - 0.75).abs() < 0.01);
    }

    #[test]
    fn no_rate_no_arrivals() {
        assert!(poisson(&workload(), "registry", 0.0, MINUTE, &Zipf::new(10, 0.99), 1).is_empty());
    }
}

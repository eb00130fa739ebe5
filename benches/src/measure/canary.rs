//! Canaries: fixed work at the start of each replicate. When it drifts, so did the machine.

use std::io::Write;
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::result::Machine;

/// Hashes of 4 kB.
const HASHES: u32 = 20_000;
/// Synced writes of 8 kB.
const WRITES: u32 = 30;

/// Times both and notes them.
pub fn measure(machine: &mut Machine) {
    machine.canary_cpu_s.push(compute());
    if let Ok(seconds) = sync() {
        machine.canary_sync_s.push(seconds);
    }
}

fn compute() -> f64 {
    let start = Instant::now();
    let block = [7_u8; 4096];
    let mut digest = Sha256::new();
    (0..HASHES).for_each(|_| digest.update(block));
    std::hint::black_box(digest.finalize());
    start.elapsed().as_secs_f64()
}

fn sync() -> std::io::Result<f64> {
    let mut file = tempfile::tempfile()?;
    let start = Instant::now();
    for _ in 0..WRITES {
        file.write_all(&[7_u8; 8192])?;
        file.sync_data()?;
    }
    Ok(start.elapsed().as_secs_f64())
}

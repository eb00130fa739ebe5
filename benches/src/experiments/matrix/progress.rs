//! How far a run is, and how long it will still take.

use indicatif::{ProgressBar, ProgressStyle};

use crate::design::{Cell, Preset};

/// A bar on a terminal, nothing elsewhere.
pub struct Progress {
    bar: ProgressBar,
    replicates: usize,
}

impl Progress {
    /// `done` cells are there already.
    pub fn new(cells: usize, done: usize, preset: Preset) -> Self {
        let bar = ProgressBar::new(cells as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} cells · {eta} left · {msg}") {
            bar.set_style(style);
        }
        bar.set_position(done as u64);
        bar.reset_eta();
        Self { bar, replicates: preset.replicates() }
    }

    /// What is to come, for who waits.
    pub fn announce(&self, preset: Preset) {
        let left = self.bar.length().unwrap_or(0) - self.bar.position();
        let cells = left as u32 * (preset.settle() + preset.measure());
        eprintln!(
            "Measuring services alone and together: {left} cells of {} s, {} replicates of each arrangement, {} min at the least …",
            preset.measure().as_secs(),
            self.replicates,
            cells.as_secs().div_ceil(60)
        );
    }

    /// The cell that runs now.
    pub fn cell(&self, replicate: usize, cell: &Cell) {
        self.bar.set_message(format!("replicate {} of {}: {}", replicate + 1, self.replicates, cell.name()));
    }

    pub fn done(&self) {
        self.bar.inc(1);
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

//! How far a run is, and how long it will still take.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::design::{Cell, Preset};

/// A bar on a terminal, nothing elsewhere.
pub struct Progress {
    bar: ProgressBar,
    replicates: usize,
    /// What a cell takes at the least.
    cell: Duration,
    started: Instant,
    done_before: u64,
}

impl Progress {
    /// `done` cells are there already.
    pub fn new(cells: usize, done: usize, preset: Preset) -> Self {
        let bar = ProgressBar::new(cells as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} cells · {msg}") {
            bar.set_style(style);
        }
        bar.set_position(done as u64);
        let cell = preset.settle() + preset.measure();
        Self { bar, replicates: preset.replicates(), cell, started: Instant::now(), done_before: done as u64 }
    }

    /// What is to come, for who waits.
    pub fn announce(&self, preset: Preset) {
        let left = self.bar.length().unwrap_or(0) - self.bar.position();
        let cells = left as u32 * self.cell;
        eprintln!(
            "Measuring services alone and together: {left} cells of {:.1} s, {} replicates of each arrangement, {} min at the least …",
            preset.measure().as_secs_f64(),
            self.replicates,
            cells.as_secs().div_ceil(60)
        );
    }

    /// The cell that runs now.
    pub fn cell(&self, replicate: usize, cell: &Cell) {
        let done = self.bar.position() - self.done_before;
        let to_do = self.bar.length().unwrap_or(0) - self.bar.position();
        let left = left(done, self.started.elapsed(), to_do, self.cell);
        let (number, of, name) = (replicate + 1, self.replicates, cell.name());
        self.bar.set_message(format!("{} left · replicate {number} of {of}: {name}", words(left)));
    }

    pub fn done(&self) {
        self.bar.inc(1);
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// What is left, by what the cells done took on average; before the first one, by what a cell takes at the least.
fn left(done: u64, elapsed: Duration, to_do: u64, cell: Duration) -> Duration {
    let each = if done == 0 { cell } else { (elapsed / done as u32).max(cell) };
    each * to_do as u32
}

fn words(left: Duration) -> String {
    match left.as_secs() {
        seconds if seconds < 100 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_known_from_the_beginning() {
        let cell = Duration::from_secs(4);
        assert_eq!(left(0, Duration::ZERO, 49, cell), Duration::from_secs(196));
        assert_eq!(left(10, Duration::from_secs(50), 39, cell), Duration::from_secs(195));
        assert_eq!(words(Duration::from_secs(196)), "4 min");
        assert_eq!(words(Duration::from_secs(60)), "60 s");
    }
}

//! Through what a service is slowed while another one runs: a lock, the processors, or reads that were not needed before.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::result::text::{capital, others};
use crate::result::{ALONE, CellResult, Closure, Resource, ResultFile, Table, What, while_running};

/// A transaction that reads so many times more pages is slowed by reading them, and not by work as such.
const READS_MORE: f64 = 2.0;
/// And so many pages more.
const PAGES_MORE: f64 = 0.25;
/// Below that a part is nothing, milliseconds per transaction.
const LEAST_MS: f64 = 0.001;

/// What each transaction of one service waits and reads more while another one runs than alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Through {
    /// Whose.
    pub service: String,
    /// What else ran.
    pub while_running: String,
    /// Waits for locks that the other one held, milliseconds per transaction more than alone.
    pub lock_ms: f64,
    /// Waits for a processor that the other one used, likewise.
    pub processor_ms: f64,
    /// Waits for data files, the log and the server's inner locks, likewise.
    pub io_ms: f64,
    /// Its own time on a processor, likewise.
    pub work_ms: f64,
    /// Pages read into the buffers per transaction, alone and while the other one runs; null where the server doesn't count them.
    pub pages: Option<[f64; 2]>,
    /// Whether its answers were shown to take longer.
    pub longer: bool,
}

/// What a transaction can take longer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A lock.
    Lock,
    /// The processors.
    Processor,
    /// Reads, and waits for data files and the log.
    Reads,
    /// Work of its own that takes longer.
    Work,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lock => "lock",
            Self::Processor => "processor",
            Self::Reads => "reads",
            Self::Work => "own work",
        })
    }
}

/// Of each service while each other one, or all, run.
pub fn through(result: &ResultFile) -> Vec<Through> {
    let pages = pages(result.counted());
    let closures = result.matrix.iter().flat_map(|matrix| &matrix.closures);
    closures.map(|of| Through::of(of, &pages)).collect()
}

/// Pages read and transactions, by service and what ran.
type Pages = BTreeMap<(String, String), (f64, f64)>;

fn pages<'a>(cells: impl Iterator<Item = &'a CellResult>) -> Pages {
    let mut sums = Pages::new();
    for cell in cells {
        for of in &cell.services {
            if let Some(cost) = cell.roles.get(&of.name).filter(|cost| cost.calls > 0) {
                let sum = sums.entry((of.name.clone(), while_running(&cell.cell, &of.name))).or_default();
                *sum = (sum.0 + cost.blocks_read as f64, sum.1 + of.driven as f64);
            }
        }
    }
    sums
}

impl Through {
    fn of(closure: &Closure, pages: &Pages) -> Self {
        let Closure { service, while_running, .. } = closure;
        let theirs = |blamed: &str| while_running == "all" || blamed == while_running;
        let sum = |wanted: &dyn Fn(&What, &str) -> bool| {
            let lines = closure.lines.iter().filter(|line| wanted(&line.what, &line.blamed));
            lines.map(|line| line.extra_ms).sum::<f64>()
        };
        let per = |others: &str| {
            let (read, driven) = pages.get(&(service.clone(), others.to_owned()))?;
            Some(read / driven.max(1.0))
        };
        Self {
            service: service.clone(),
            while_running: while_running.clone(),
            lock_ms: sum(&|what, by| matches!(what, What::Lock(_)) && theirs(by)),
            processor_ms: sum(&|what, by| *what == What::Resource(Resource::RunQueue) && theirs(by)),
            io_ms: sum(&|what, _| matches!(what, What::Resource(of) if *of != Resource::RunQueue)),
            work_ms: sum(&|what, _| *what == What::OnCpu),
            pages: per(ALONE).zip(per(while_running)).map(|(alone, together)| [alone, together]),
            longer: closure.extra_ms.is_some_and(|extra| extra.low > 0.0),
        }
    }

    /// The largest part; none where nothing is.
    #[must_use]
    pub fn largest(&self) -> Option<Part> {
        let reads = self.pages.is_some_and(|[alone, now]| now > READS_MORE * alone && now > alone + PAGES_MORE);
        // Who reads works longer for it.
        let (reading, work) = if reads { (self.io_ms + self.work_ms, 0.0) } else { (self.io_ms, self.work_ms) };
        let parts = [
            (Part::Lock, self.lock_ms),
            (Part::Processor, self.processor_ms),
            (Part::Reads, reading),
            (Part::Work, work),
        ];
        let most = parts.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        (most.1 > LEAST_MS).then_some(most.0)
    }
}

/// All of them, those that were shown first.
pub fn table(all: &[Through]) -> Table {
    let mut all: Vec<&Through> = all.iter().collect();
    all.sort_by_key(|of| !of.longer);
    let rows = all.into_iter().map(|of| {
        // Hundredths, and no sign before nothing.
        let ms = |value: f64| format!("{:.2}", (value * 100.0).round() / 100.0 + 0.0);
        let pages = of.pages.map_or_else(|| "not known".to_owned(), |[alone, now]| format!("{alone:.2} → {now:.2}"));
        let largest = match of.largest() {
            Some(part) if of.longer => part.to_string(),
            _ => "not shown".to_owned(),
        };
        [
            capital(&of.service),
            others(&of.while_running),
            ms(of.lock_ms),
            ms(of.processor_ms),
            ms(of.io_ms),
            ms(of.work_ms),
            pages,
            largest,
        ]
    });
    let numbers = ["lock ms", "processor ms", "I/O ms", "own work ms", "pages read"];
    Table::new(&["service", "while running"], &numbers, &["mostly"])
        .titled("Through what: more of each transaction than alone")
        .rows(rows)
        .note(
            "Locks and processors count where the other one had them. Where a transaction reads at least twice the pages, its own work counts as \
             reading. A cause is named where the mean time was shown to rise.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Through = Through {
        service: String::new(),
        while_running: String::new(),
        lock_ms: 0.0,
        processor_ms: 0.0,
        io_ms: 0.0,
        work_ms: 0.0,
        pages: None,
        longer: true,
    };

    #[test]
    fn the_largest_part_is_named() {
        assert_eq!(CALM.largest(), None);
        assert_eq!(Through { lock_ms: 2.0, processor_ms: 1.0, ..CALM }.largest(), Some(Part::Lock));
        assert_eq!(Through { lock_ms: 0.5, processor_ms: 1.0, ..CALM }.largest(), Some(Part::Processor));
        let work = Through { work_ms: 1.0, pages: Some([0.2, 0.3]), ..CALM };
        assert_eq!(work.largest(), Some(Part::Work));
        assert_eq!(Through { pages: Some([0.2, 2.0]), ..work }.largest(), Some(Part::Reads));
    }

    /// As `sql.json` had them of a service `pay` that reads a table of 2 MB by its key 60 times a second, on two processors that other programs used,
    /// too; PostgreSQL 15 with 4 MB of buffers. A live run can't be asked for these names: what reads also waits for a processor, and how long is a
    /// matter of what else the machine does.
    #[test]
    fn what_was_planted_is_named_by_figures_of_real_runs() {
        let of = |processor_ms, io_ms, work_ms, pages| {
            Through { processor_ms, io_ms, work_ms, pages: Some(pages), ..CALM }.largest()
        };
        // A hog: `select count(*) from generate_series(1, 400000) n where n % 7 = 3`, 200 times a second. Preset quick; pay takes 400 rows.
        assert_eq!(of(1.207_28, 0.0, -0.021_93, [0.347_18, 0.281_42]), Some(Part::Processor));
        // An evictor: 15,000 rows of a table of 16 MB by its key, 20 times a second. Preset smoke; pay takes 4,400 rows.
        assert_eq!(of(0.424_44, 0.380_14, 0.077_30, [2.157_68, 70.164]), Some(Part::Reads));
        // The same, where pay takes 400 rows: its few pages come from the system's cache, and waiting for a processor is longer.
        assert_eq!(of(0.116_96, 0.0, 0.020_35, [1.686_27, 18.986_27]), Some(Part::Processor));
    }
}

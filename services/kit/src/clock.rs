//! The one source of time. Domain times come from here and go to SQL as parameters, so a test can move them.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// The service's clock: the system's, plus the signed seconds in `CLOCK_FILE` where that is set.
///
/// The file is read on every call, so all running services move at once. Only development and tests set it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    file: Option<Arc<PathBuf>>,
}

impl Clock {
    /// The system's clock, moved by the number in `file` if there is one.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file: file.map(Arc::new) }
    }

    /// The present, cut to microseconds: what Postgres keeps is then exactly what the service said.
    pub fn now(&self) -> DateTime<Utc> {
        let moved = Utc::now() + self.offset();
        moved.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(moved)
    }

    /// A file that is missing, empty or half written moves nothing: the next call reads it again.
    fn offset(&self) -> TimeDelta {
        self.file
            .as_deref()
            .and_then(|file| std::fs::read_to_string(file).ok())
            .and_then(|text| text.trim().trim_end_matches('s').parse::<i64>().ok())
            .and_then(TimeDelta::try_seconds)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_file_moves_the_time_while_running() {
        let file = std::env::temp_dir().join(format!("clock-{}", uuid::Uuid::now_v7()));
        let clock = Clock::new(Some(file.clone()));
        let day = |clock: &Clock| (clock.now() - Utc::now()).num_seconds();
        assert!(day(&clock).abs() < 5, "no file: the system's time");
        std::fs::write(&file, "+86400\n").unwrap();
        assert!((day(&clock) - 86_400).abs() < 5);
        std::fs::write(&file, "-86400").unwrap();
        assert!((day(&clock) + 86_400).abs() < 5);
        std::fs::remove_file(&file).unwrap();
        assert!(day(&clock).abs() < 5);
    }

    #[test]
    fn times_are_whole_microseconds() {
        assert_eq!(Clock::default().now().timestamp_subsec_nanos() % 1000, 0);
    }
}

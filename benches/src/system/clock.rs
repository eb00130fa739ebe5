//! `lab clock`: moves the time of all running services at once. They add the seconds in one file to the system's time.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use crate::place::Place;
use crate::result::attachments;
use crate::{Failure, UP_JSON};

/// What to do with the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// On or back by so many seconds, from where it is.
    By(i64),
    /// Back to the system's time.
    Reset,
    /// Nowhere: only say what it is.
    Show,
}

impl std::str::FromStr for Move {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither like +31d or -2h (s, m, h, d, w), nor `reset`, nor `show`");
        match text {
            "reset" => return Ok(Self::Reset),
            "show" => return Ok(Self::Show),
            _ => {}
        }
        let sign = match text.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(wrong()),
        };
        let unit = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3_600,
            Some(b'd') => 86_400,
            Some(b'w') => 604_800,
            _ => return Err(wrong()),
        };
        let digits = text.get(1..text.len() - 1).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let count: i64 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
        count.checked_mul(sign * unit).map(Self::By).ok_or_else(wrong)
    }
}

/// Where the clock is after the move: seconds ahead of the system's.
pub fn run(movement: Move, up_json: &Path) -> Result<i64, Failure> {
    // Not a file in the same folder: this one may be a copy, and no service reads a clock there.
    let file = Place::from_file(up_json)?.clock_file.ok_or_else(|| {
        Failure::could_not_run(format!(
            "{} has no clock file, so its clock can't be moved: use the up.json of a running `lab up`.",
            up_json.display()
        ))
    })?;
    let seconds = match movement {
        Move::Show => return read(&file),
        Move::Reset => 0,
        Move::By(seconds) => {
            let moved = read(&file)?.checked_add(seconds).filter(|seconds| time(*seconds).is_some());
            moved.ok_or_else(|| {
                Failure::usage("That is further than a clock goes: the year must stay within 1970 and 9999.")
            })?
        }
    };
    write(&file, seconds)?;
    Ok(seconds)
}

/// The time on the clock, where services and database can express it.
pub fn time(ahead: i64) -> Option<DateTime<Utc>> {
    let time = Utc::now().checked_add_signed(TimeDelta::try_seconds(ahead)?)?;
    (time.timestamp() >= 0 && time.timestamp() < 253_402_300_800).then_some(time)
}

/// As a sentence.
pub fn describe(ahead: i64) -> String {
    let now = time(ahead).map_or_else(|| "an impossible time".to_owned(), |time| time.format("%F %T UTC").to_string());
    match ahead {
        0 => format!("The services' clock shows {now}: the system's time."),
        _ => {
            let (sign, rest) = (if ahead < 0 { "behind" } else { "ahead of" }, ahead.unsigned_abs());
            let (days, hours, minutes, seconds) = (rest / 86_400, rest / 3_600 % 24, rest / 60 % 60, rest % 60);
            let parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")];
            let parts: Vec<String> =
                parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
            format!("The services' clock shows {now}: {} {sign} the system's time.", parts.join(" "))
        }
    }
}

fn read(file: &Path) -> Result<i64, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => text.trim().parse().map_err(|_| {
            Failure::could_not_run(format!("{} holds no number: `lab clock reset` repairs it.", file.display()))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Failure::could_not_run(format!("{} can't be read: {error}.", file.display()))),
    }
}

/// Whole or not at all: the services read it with every request.
fn write(file: &Path, seconds: i64) -> Result<(), Failure> {
    attachments::replace(file, &format!("{seconds}\n"))
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}

/// The `up.json` that `--target` names, or that of the home folder.
pub fn up_json(target: Option<&str>, home: &Path) -> PathBuf {
    target.map_or_else(|| home.join(UP_JSON), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_said() {
        for (text, expected) in [
            ("+31d", Some(Move::By(31 * 86_400))),
            ("-2h", Some(Move::By(-7_200))),
            ("+90s", Some(Move::By(90))),
            ("+1w", Some(Move::By(604_800))),
            ("reset", Some(Move::Reset)),
            ("show", Some(Move::Show)),
            ("31d", None),
            ("+d", None),
            ("+", None),
            ("", None),
            ("+-3d", None),
            ("+3é", None),
            ("+99999999999999999999d", None),
            ("+9223372036854775807w", None),
        ] {
            assert_eq!(text.parse::<Move>().ok(), expected, "{text}");
        }
    }

    #[test]
    fn moves_add_up_and_reset_ends_them() {
        let folder = tempfile::tempdir().unwrap();
        let up = folder.path().join(UP_JSON);
        assert!(run(Move::Show, &up).is_err(), "nothing is up");
        fs::write(&up, "{").unwrap();
        assert!(run(Move::Reset, &up).is_err(), "not what `lab up` writes");
        fs::write(&up, r#"{"services": {}}"#).unwrap();
        assert!(run(Move::By(100), &up).is_err(), "nobody's clock");
        let file = folder.path().join("elsewhere");
        let said = serde_json::json!({"services": {}, "clockFile": file});
        fs::write(&up, said.to_string()).unwrap();
        assert_eq!(run(Move::Show, &up).unwrap(), 0);
        assert_eq!(run(Move::By(100), &up).unwrap(), 100);
        assert_eq!(run(Move::By(-150), &up).unwrap(), -50);
        assert_eq!(fs::read_to_string(&file).unwrap(), "-50\n");
        assert!(run(Move::By(i64::MAX), &up).is_err());
        assert_eq!(run(Move::Show, &up).unwrap(), -50, "a refused move moves nothing");
        assert_eq!(run(Move::Reset, &up).unwrap(), 0);
    }
}

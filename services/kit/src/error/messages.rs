//! Which class of error one of PostgreSQL's own messages is of. diesel keeps the SQLSTATE to itself; its words are what is left.

use std::sync::OnceLock;

/// One message: its SQLSTATE, and the literal parts of its C format.
struct Known {
    code: &'static str,
    /// At least one: what stands before, between and after the values.
    parts: Vec<&'static str>,
}

/// The messages of PostgreSQL's sources.
pub(super) const MESSAGES: &str = include_str!("messages.txt");

/// What `%m` can say, in C's own English, and the code that follows from it. The last three are an internal error or a missing
/// right to PostgreSQL: a file system with a quota, one that was mounted read-only because it failed, a limit of the process.
const REASONS: [(&str, &str); 10] = [
    ("No space left on device", "53100"),
    ("Cannot allocate memory", "53200"),
    ("Too many open files", "53000"),
    ("Too many open files in system", "53000"),
    ("Input/output error", "58030"),
    ("No such file or directory", "58P01"),
    ("File exists", "58P02"),
    ("Disk quota exceeded", "53100"),
    ("Read-only file system", "53100"),
    ("File too large", "53100"),
];

/// The SQLSTATE of a message, if it is one of the table's.
pub(super) fn code(message: &str) -> Option<&'static str> {
    static TABLE: OnceLock<Vec<Known>> = OnceLock::new();
    let table = TABLE.get_or_init(|| lines().map(|(code, format)| Known { code, parts: parts(format) }).collect());
    table.iter().find_map(|known| {
        let last = fits(message, &known.parts)?;
        match known.code.split('@').next() {
            Some("file") => REASONS.iter().find(|(reason, _)| *reason == last).map(|(_, code)| *code),
            code => code,
        }
    })
}

/// Code and format of each message.
pub(super) fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    MESSAGES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '))
}

/// `could not open file "%s": %m` → `could not open file "`, `": `, and nothing.
fn parts(format: &'static str) -> Vec<&'static str> {
    let mut pieces = format.split('%');
    let first = pieces.next().unwrap_or_default();
    // d, u, s, m, X, p; before them z or l.
    let rest = pieces.map(|piece| piece.trim_start_matches(['z', 'l']).get(1..).unwrap_or_default());
    std::iter::once(first).chain(rest).collect()
}

/// The value at the message's end (empty where it ends otherwise), if the message has this format.
///
/// It begins with the server's own words, whatever values follow: a client's text in it is never taken for the server's.
fn fits<'a>(message: &'a str, parts: &[&str]) -> Option<&'a str> {
    let (first, rest) = parts.split_first()?;
    let mut left = message.strip_prefix(first)?;
    let Some((last, between)) = rest.split_last() else {
        return left.is_empty().then_some(left);
    };
    for part in between {
        left = &left[left.find(part)? + part.len()..];
    }
    left.strip_suffix(last).map(|value| if last.is_empty() { value } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::process::Command;

    #[test]
    fn messages_are_known_by_their_format() {
        for (message, expected) in [
            ("could not extend file \"base/16/1\": No space left on device", Some("53100")),
            ("could not extend file \"base/16/1\": wrote only 4096 of 8192 bytes at block 7", Some("53100")),
            ("could not extend file \"base/16/1\": Permission denied", None),
            ("could not read block 3 in file \"base/5/2\": Input/output error", Some("58030")),
            ("could not write to file \"base/pgsql_tmp/x\": File too large", Some("53100")),
            (
                "could not resize shared memory segment \"/PostgreSQL.1\" to 8 bytes: No space left on device",
                Some("53100"),
            ),
            ("temporary file size exceeds temp_file_limit (262144kB)", Some("53400")),
            ("temporary file size exceeds \"temp_file_limit\" (262144kB)", Some("53400")),
            ("could not write blocks 3..4 in file \"base/5/2\": No space left on device", Some("53100")),
            ("out of shared memory", Some("53200")),
            ("cannot execute INSERT in a read-only transaction", Some("25006")),
            ("cannot execute LOCK TABLE during recovery", Some("25006")),
            ("remaining connection slots are reserved for roles with the SUPERUSER attribute", Some("53300")),
            ("deadlock detected", Some("40P01")),
            ("deadlock detected by a client's text", None),
            ("invalid input syntax for type uuid: \"could not open file \"x\": No space left on device\"", None),
        ] {
            assert_eq!(code(message), expected, "{message}");
        }
    }

    /// A message that no server says would hide one that it says instead.
    #[test]
    fn the_installed_server_has_each_of_the_messages() {
        let binaries = schema::cluster::binaries::Binaries::find(None).unwrap();
        let program = std::fs::read(binaries.folder.join("postgres")).unwrap();
        let version = Command::new(binaries.folder.join("postgres")).arg("--version").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        let major: i64 = version.split([' ', '.']).find_map(|word| word.parse().ok()).unwrap();
        let texts: HashSet<&[u8]> = program.split(|byte| *byte == 0).collect();
        // A text that ends another one is kept only once.
        let has = |format: &[u8]| texts.contains(format) || texts.iter().any(|text| text.ends_with(format));
        let missing: Vec<_> = lines()
            .filter(|(code, _)| match code.split_once('@').map(|(_, since)| since.parse::<i64>().unwrap()) {
                Some(until) if until < 0 => major <= -until,
                since => since.is_none_or(|since| since <= major),
            })
            .filter(|(_, format)| !has(format.as_bytes()))
            .collect();
        assert!(missing.is_empty(), "PostgreSQL {version} has no such messages: {missing:#?}");
        assert!(lines().count() > 200);
    }
}

//! The two files that libpq looks into: services and passwords.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::Error;

/// The lines of a service, or nothing where the file doesn't have it.
pub(crate) fn service(file: &Path, name: &str) -> Result<Option<Vec<(String, String)>>, Error> {
    let shown = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Error::Usage(format!("the service file {shown} can't be read: {error}")))?;
    let mut found: Option<Vec<(String, String)>> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            // The first section of this name counts.
            match &found {
                Some(_) => return Ok(found),
                None if section.split(']').next() == Some(name) => found = Some(Vec::new()),
                None => {}
            }
        } else if let Some(values) = &mut found {
            match line.split_once('=') {
                Some(("service", _)) => {
                    return Err(Error::Usage(format!("{shown}, line {}: a service can't name another", number + 1)));
                }
                Some((key, value)) => values.push((key.to_owned(), value.to_owned())),
                None => return Err(Error::Usage(format!("{shown}, line {}: expected keyword=value", number + 1))),
            }
        }
    }
    Ok(found)
}

/// What a line of the file of passwords is compared with.
pub(crate) struct Login<'a> {
    pub host: &'a str,
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The password of the first line that fits. `Err` is a warning: the file isn't used.
pub(crate) fn password(file: &Path, login: &Login<'_>) -> Result<Option<String>, String> {
    let Ok(about) = fs::metadata(file) else { return Ok(None) };
    let shown = file.display();
    if !about.is_file() {
        return Err(format!("the password file {shown} isn't used: it is no plain file"));
    }
    if about.permissions().mode() & 0o077 != 0 {
        return Err(format!(
            "the password file {shown} isn't used: others may read or write it; chmod 0600 makes it yours alone"
        ));
    }
    let text = fs::read(file).map_err(|error| format!("the password file {shown} isn't used: {error}"))?;
    let text = String::from_utf8_lossy(&text);
    let port = login.port.to_string();
    let wanted = [login.host, &port, login.database, login.user];
    Ok(text.lines().filter(|line| !line.starts_with('#')).find_map(|line| fits(line, &wanted)))
}

/// The password of a line `host:port:database:user:password`, if its first four fit: `*` fits everything, and a backslash goes before a
/// colon or a backslash that is meant.
fn fits(line: &str, wanted: &[&str; 4]) -> Option<String> {
    let mut rest = line;
    for one in wanted {
        let raw_is_star = rest.starts_with("*:");
        let (field, after) = field(rest);
        if !raw_is_star && field != *one {
            return None;
        }
        rest = after?;
    }
    // A colon ends the password, too, unless a backslash is before it.
    Some(field(rest).0)
}

/// A field without its backslashes, and what follows its colon.
fn field(text: &str) -> (String, Option<&str>) {
    let mut field = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => field.push(chars.next().map_or('\\', |(_, c)| c)),
            ':' => return (field, Some(&text[at + 1..])),
            c => field.push(c),
        }
    }
    (field, None)
}

//! The catalogue: schema changes as their owner would make them, one file each under `benches/changes/`.
//!
//! A file begins with its header, `-- field: text` line by line, and goes on with SQL that names its roles itself (`set local role …; … reset role;`), as
//! `db-roles.sql` does. What stands under `-- == without views ==` is run instead where readers read the tables.

use std::collections::BTreeSet;

use crate::Failure;
use crate::system::services;

/// Opens the part for a database whose readers read tables.
const WITHOUT: &str = "-- == without views ==";

macro_rules! files {
    ($($name:literal)+) => {
        &[$(($name, include_str!(concat!("../../../changes/", $name, ".sql")))),+]
    };
}

/// Name and text of each.
const FILES: &[(&str, &str)] = files! {
    "01-rename-column" "02-split-name" "03-widen-counter" "04-widen-published-limit" "05-drop-own-column" "06-drop-published-column"
    "07-require-title" "08-add-column" "09-add-column-with-default" "10-add-required-column" "11-set-default" "12-index"
    "13-index-concurrently" "14-move-column" "15-new-status" "16-denormalise-owner-title" "17-cross-service-key" "18-rename-view-column"
    "19-revoke-right" "20-security-invoker" "21-widen-view" "22-view-v2" "23-rename-table" "24-drop-index"
};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of its file, without the ending: `02-split-name`.
    pub name: String,
    /// What it is, in a sentence.
    pub title: String,
    /// The service whose change it is.
    pub owner: String,
    /// Why it is wanted.
    pub why: String,
    /// How the published views stay what they were; or why they don't.
    pub steady: String,
    /// What the owner gains.
    pub gain: String,
    /// What the others lose.
    pub loss: String,
    /// Services for which what they read changes its meaning, though every statement goes on working: no tool sees that, people must agree.
    pub meaning: BTreeSet<String>,
    /// Run in one transaction; an index made concurrently can't be.
    pub transaction: bool,
    /// The change and what keeps the views steady.
    pub sql: String,
    /// The same where readers read the tables: no views are there to be kept.
    pub without_views: String,
}

/// Services, other than the owner, in whose name a part of this SQL is run: they must agree beforehand.
pub fn asked(owner: &str, sql: &str) -> BTreeSet<String> {
    let runs =
        |name: &str| ["owner", "publisher"].iter().any(|kind| sql.contains(&format!("set local role {name}_{kind};")));
    services::names().filter(|name| *name != owner && runs(name)).map(str::to_owned).collect()
}

/// All of them, in order.
pub fn catalogue() -> Result<Vec<Change>, Failure> {
    FILES.iter().map(|(name, text)| read(name, text)).collect()
}

/// Those whose name or number was given; all where none was.
pub fn chosen(wanted: &[String]) -> Result<Vec<Change>, Failure> {
    let all = catalogue()?;
    let is = |change: &Change, name: &String| {
        let (number, rest) = change.name.split_once('-').unwrap_or_default();
        [change.name.as_str(), number, number.trim_start_matches('0'), rest].contains(&name.as_str())
    };
    if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|change| is(change, name))) {
        return Err(Failure::usage(format!(
            "No change is called {unknown}: they are 1 to {}, or by name, such as {}.",
            all.len(),
            FILES[0].0
        )));
    }
    Ok(all.into_iter().filter(|change| wanted.is_empty() || wanted.iter().any(|name| is(change, name))).collect())
}

/// Reads one file.
fn read(name: &str, text: &str) -> Result<Change, Failure> {
    let wrong = |what: String| Failure::usage(format!("benches/changes/{name}.sql: {what}."));
    let header: Vec<(&str, &str)> = text.lines().map_while(|line| line.strip_prefix("-- ")?.split_once(": ")).collect();
    let known = ["title", "owner", "why", "steady", "gain", "loss", "meaning", "transaction"];
    if let Some((field, _)) = header.iter().find(|(field, _)| !known.contains(field)) {
        return Err(wrong(format!("the header has no field {field:?}, only {}", known.join(", "))));
    }
    let optional = |field: &str| header.iter().find(|(name, _)| *name == field).map(|(_, text)| (*text).to_owned());
    let field = |field: &str| optional(field).ok_or_else(|| wrong(format!("its header lacks {field:?}")));
    let owner = field("owner")?;
    let meaning: BTreeSet<String> =
        optional("meaning").iter().flat_map(|names| names.split(", ")).map(str::to_owned).collect();
    if let Some(stranger) = meaning.iter().chain([&owner]).find(|name| services::names().all(|known| known != *name)) {
        return Err(wrong(format!("no service is called {stranger:?}")));
    }
    let transaction = optional("transaction");
    if transaction.as_ref().is_some_and(|text| text != "none") {
        return Err(wrong("transaction is \"none\" or isn't said".to_owned()));
    }
    let (sql, without) = text.split_once(WITHOUT).map_or((text, None), |(sql, without)| (sql, Some(without)));
    let sql: String = sql.lines().skip(header.len()).collect::<Vec<_>>().join("\n").trim().to_owned();
    if sql.is_empty() {
        return Err(wrong("there is no SQL in it".to_owned()));
    }
    Ok(Change {
        name: name.to_owned(),
        title: field("title")?,
        why: field("why")?,
        steady: field("steady")?,
        gain: field("gain")?,
        loss: field("loss")?,
        owner,
        meaning,
        transaction: transaction.is_none(),
        without_views: without.map_or_else(|| without_publishers(&sql), |text| text.trim().to_owned()),
        sql,
    })
}

/// Without the blocks that are run as a publisher, who has nothing to publish then.
fn without_publishers(sql: &str) -> String {
    let mut kept = String::new();
    let mut publishing = false;
    for line in sql.lines() {
        publishing = publishing || (line.starts_with("set local role ") && line.ends_with("_publisher;"));
        // A right given to a publisher is a part of publishing, too.
        if !publishing && !line.ends_with("_publisher;") {
            kept.push_str(line);
            kept.push('\n');
        }
        publishing = publishing && line != "reset role;";
    }
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_the_list_and_can_be_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/changes");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned))
            .collect();
        files.sort();
        let all = catalogue().unwrap();
        assert_eq!(files, all.iter().map(|change| change.name.clone()).collect::<Vec<_>>());
        assert_eq!(all.len(), 24);
        let owners: BTreeSet<_> = all.iter().map(|change| change.owner.as_str()).collect();
        assert_eq!(owners.len(), 5, "each service changes something");
    }

    #[test]
    fn publishing_is_left_out_where_there_are_no_views() {
        let all = catalogue().unwrap();
        let split = all.iter().find(|change| change.name == "02-split-name").unwrap();
        assert!(split.sql.contains("published.persons"));
        assert!(!split.without_views.contains("publish"), "{}", split.without_views);
        assert!(split.without_views.contains("drop column name"));
        assert!(all.iter().all(|change| !change.without_views.is_empty()));
        assert!(all.iter().all(|change| !change.without_views.contains("published.")));
    }

    #[test]
    fn who_is_asked() {
        let asks = |name: &str| {
            let found = chosen(&[name.to_owned()]).unwrap();
            asked(&found[0].owner, &found[0].sql).into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(asks("16"), "profile");
        assert_eq!(asks("cross-service-key"), "account");
        assert_eq!(asks("02-split-name"), "");
        assert!(chosen(&["99".to_owned()]).is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = "-- title: t\n-- owner: billing\n-- why: w\n-- steady: s\n-- gain: g\n-- loss: l\n\nselect 1;\n";
        assert_eq!(read("x", good).unwrap().sql, "select 1;");
        for (from, to, said) in [
            ("owner: billing", "owner: nobody", "no service is called \"nobody\""),
            ("-- why: w\n", "", "its header lacks \"why\""),
            ("-- why: w", "-- whi: w", "no field \"whi\""),
            ("select 1;", "", "no SQL"),
            ("-- loss: l", "-- loss: l\n-- transaction: some", "transaction is"),
        ] {
            let failure = read("x", &good.replace(from, to)).unwrap_err().to_string();
            assert!(failure.contains(said), "{failure}");
        }
    }
}

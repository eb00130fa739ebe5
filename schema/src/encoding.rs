//! Encoding and collation of our databases: always the same, whatever the server's are.
//!
//! Unique names are unique by `lower(name)`, and `lower()` is the collation's: in a database of collation `C` it knows ASCII alone, and in a
//! Turkish one the small `I` is `ı`. So a database of ours is made from `template0`, in UTF8, in a collation whose order is that of the code
//! points and whose `lower()` knows all letters. No `create collation` within: every index would have to name it.

use crate::ADMINISTRATOR;
use crate::error::{Error, Result};
use crate::session::{Session, identifier};

/// The collations that serve, the best first. The first two order by code points, so they need no REINDEX when a library of the system is replaced.
const COLLATIONS: [&str; 3] = [
    // Postgres' own, of 17 and newer: the same on every system.
    "locale_provider builtin builtin_locale 'C.UTF-8' lc_collate 'C' lc_ctype 'C'",
    // Of glibc, musl, newer macOS.
    "locale_provider libc lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8'",
    // Where Postgres was built with ICU, on any system: the root collation.
    "locale_provider icu icu_locale 'und' lc_collate 'C' lc_ctype 'C'",
];

/// Makes a database of ours, empty, in the first collation that this server has.
pub(crate) fn create_database(session: &mut Session, database: &str) -> Result<()> {
    let mut refused = Vec::new();
    for collation in COLLATIONS {
        let database = identifier(database);
        let sql =
            format!("create database {database} owner {ADMINISTRATOR} encoding 'UTF8' {collation} template template0");
        match session.run(&sql, "creating the database") {
            // Unknown to this release, to this system, or not built in.
            Err(error) if matches!(error.sqlstate(), Some("42601" | "42809" | "22023" | "0A000")) => {
                refused.push(error.to_string());
            }
            done => return done,
        }
    }
    Err(Error::Unavailable(format!(
        "this server has no collation that knows all letters: it needs a Postgres of 17 or newer, one built with ICU, or the system's locale C.UTF-8 ({})",
        refused.join("; ")
    )))
}

/// How the database of this session stores and compares texts: `UTF8, builtin C.UTF-8`.
///
/// # Errors
/// [`Error::Usage`] where texts could be lost or names that differ in case alone wouldn't collide: our tables aren't made there.
pub fn suitable(session: &mut Session) -> Result<String> {
    let encoding: String = session.value("select current_setting('server_encoding')")?;
    let collation: String = session.value(
        "select case datlocprovider when 'b' then 'builtin' when 'i' then 'ICU' else 'libc' end || ' '
             || coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', datctype)
         from pg_database d where datname = current_database()",
    )?;
    let wrong = if encoding != "UTF8" {
        format!("encoding {encoding}, and not every text can be kept in it")
    } else if !session.value::<bool>("select lower(chr(196) || 'I') = chr(228) || 'i'")? {
        format!("collation {collation}, in which names such as ÄPI and äpi count as different ones")
    } else {
        return Ok(format!("UTF8, {collation}"));
    };
    let database: String = session.value("select current_database()::text")?;
    Err(Error::Usage(format!(
        "the database {database} has {wrong}: rename it, let `dba bootstrap` make it anew (in UTF8, in a fixed collation), and restore its data from a dump"
    )))
}

/// Refuses a database whose bytes could be in any encoding: what can't be read would look like an error of ours.
pub fn readable(session: &mut Session) -> Result<()> {
    let encoding: String = session.value("select current_setting('server_encoding')")?;
    if encoding != "SQL_ASCII" {
        return Ok(());
    }
    let database: String = session.value("select current_database()::text")?;
    Err(Error::Usage(format!(
        "the database {database} has encoding SQL_ASCII, so nobody knows what its letters are: load a dump of it into a database of encoding UTF8, and name that one"
    )))
}

/// What `create database … template template0` has to say so that the new one stores and compares texts as this session's does.
pub(crate) fn same(session: &mut Session) -> Result<String> {
    session.value(
        "select format('encoding %L lc_collate %L lc_ctype %L locale_provider ', pg_encoding_to_char(encoding), datcollate, datctype)
             || case datlocprovider when 'c' then 'libc' when 'b' then format('builtin builtin_locale %L', j ->> 'datlocale')
                 else format('icu icu_locale %L', coalesce(j ->> 'datlocale', j ->> 'daticulocale')) end
             || coalesce(' icu_rules ' || quote_literal(j ->> 'daticurules'), '')
         from pg_database d cross join to_jsonb(d) j where datname = current_database()",
    )
}

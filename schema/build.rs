//! Embeds every migration, view file, key file and `db-roles.sql`, so that `dba` needs no source tree.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("embedded.rs");
    let mut code = String::new();

    watch(&here.join("migrations"));
    let _ = writeln!(code, "/// Every migration, oldest first.\npub static MIGRATIONS: &[Script] = &[");
    for name in entries(&here.join("migrations"))? {
        let folder = here.join("migrations").join(&name);
        let (up, down) = (folder.join("up.sql"), folder.join("down.sql"));
        watch(&up);
        watch(&down);
        let _ =
            writeln!(code, "    Script {{ name: {name:?}, up: include_str!({up:?}), down: include_str!({down:?}) }},");
    }
    let _ = writeln!(code, "];");
    for (constant, folder, what) in [
        ("VIEWS", "views", "Published views by service"),
        ("CROSS_KEYS", "cross-keys", "Foreign keys into other services' tables by service"),
    ] {
        watch(&here.join(folder));
        let _ = writeln!(code, "/// {what}: (service, SQL).\npub static {constant}: &[(&str, &str)] = &[");
        for file in entries(&here.join(folder))? {
            let path = here.join(folder).join(&file);
            watch(&path);
            let service = file.trim_end_matches(".sql");
            let _ = writeln!(code, "    ({service:?}, include_str!({path:?})),");
        }
        let _ = writeln!(code, "];");
    }
    for (constant, file, what) in [
        ("ROLES", "../db-roles.sql", "`db-roles.sql`"),
        ("COPIES", "copies.sql", "The tables of a service's own database for others' nouns"),
        ("LOG", "log.sql", "The tables of a service's own database for the log of changes"),
    ] {
        let path = here.join(file);
        watch(&path);
        let _ = writeln!(code, "/// {what}.\npub static {constant}: &str = include_str!({path:?});");
    }
    fs::write(out, code)
}

fn watch(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}

/// Names in a folder, sorted.
fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

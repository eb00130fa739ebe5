//! What the code of the workspace must look like. Needs no database: `cargo test --test tidy`.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod book;
mod circles;
mod count;
mod examples;
mod layers;
mod lengths;
mod map;
mod mentions;
mod modules;
mod tree;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use layers::LAYERS;
use lengths::{FILE_MAX, FUNCTION_MAX, Length, Measured, measure};
use modules::{Arrow, Modules};
use tree::{Package, Tree};

static HERE: LazyLock<Tree> = LazyLock::new(|| Tree::here().unwrap());
static ARROWS: LazyLock<BTreeSet<Arrow>> = LazyLock::new(|| Modules::read(&HERE).arrows());
static LENGTHS: LazyLock<Vec<Measured>> = LazyLock::new(|| measure(&HERE));

const SERVICES: [&str; 5] = ["account", "profile", "registry", "billing", "notification"];

/// No file uses another that, over whatever way, uses it: what they share belongs into a third. A child may use its parents,
/// as `super::` in a module that was split into files: `.ci/count` counts those, and they don't fail.
#[test]
fn no_circles() {
    let arrows = circles::beside_parents(&ARROWS);
    let circles = circles::circles(&arrows);
    let listed: Vec<String> = circles.iter().map(|circle| circles::list(circle.iter().copied())).collect();
    assert!(circles.is_empty(), "{} circles of files that use each other:\n{}", circles.len(), listed.join("\n"));
}

#[test]
fn the_lab_keeps_its_layers() {
    let strangers = layers::strangers(HERE.sources().map(|(path, _)| path));
    assert!(strangers.is_empty(), "folders of benches/src that `LAYERS` doesn't name: {strangers:?}");
    let lib = syn::parse_file(&HERE.0["benches/src/lib.rs"]).unwrap();
    let modules =
        lib.items.iter().filter_map(|item| if let syn::Item::Mod(item) = item { Some(&item.ident) } else { None });
    let named: Vec<String> = modules.map(ToString::to_string).filter(|name| LAYERS.contains(&name.as_str())).collect();
    assert_eq!(named, LAYERS, "benches/src/lib.rs names the layers in their order");
    let against = circles::list(&layers::against(&ARROWS));
    assert!(against.is_empty(), "each folder uses only what stands before it in `LAYERS`, but:\n{against}");
}

#[test]
fn files_and_functions_are_short() {
    let mut said = String::new();
    let mut say = |one: &Length, max: usize| {
        if one.lines > max && !one.has_reason {
            writeln!(said, "    {}: {} lines", one.place, one.lines).unwrap();
        }
    };
    for one in LENGTHS.iter() {
        if !one.is_generated {
            say(&one.file, FILE_MAX);
        }
        one.functions.iter().for_each(|function| say(function, FUNCTION_MAX));
    }
    assert!(
        said.is_empty(),
        "files over {FILE_MAX} and functions over {FUNCTION_MAX} lines; where one reads better so, a comment above it \
         that begins with `// Long: ` says why:\n{said}"
    );
}

/// Services meet in the database alone.
#[test]
fn crates_depend_in_one_direction() {
    let wrong = wrong_dependencies(&HERE);
    assert!(wrong.is_empty(), "crates that must not depend on each other: {wrong:?}");
}

/// No service on another, not even for its tests; kit and schema on nothing of the workspace but how to connect, but for theirs.
fn wrong_dependencies(tree: &Tree) -> Vec<String> {
    let packages = tree.packages();
    let mut wrong = Vec::new();
    for Package { name, dependencies, for_tests, .. } in &packages {
        let is_service = |name: &str| SERVICES.contains(&name);
        let is_base = matches!(name.as_str(), "connection" | "kit" | "schema");
        let is_refused = |other: &&String| {
            is_service(name) && is_service(other)
                || is_base && *other != "connection" && packages.iter().any(|package| package.name == **other)
        };
        let for_tests = for_tests.iter().filter(|_| is_service(name));
        let refused = dependencies.iter().chain(for_tests).filter(is_refused);
        wrong.extend(refused.map(|other| format!("{name} → {other}")));
    }
    wrong
}

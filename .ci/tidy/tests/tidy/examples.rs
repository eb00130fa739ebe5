//! The test of the tests: small workspaces in which each rule is broken once.

use crate::circles::{circles, list};
use crate::lengths::measure;
use crate::modules::Modules;
use crate::tree::Tree;
use crate::{layers, wrong_dependencies};

/// A workspace of one crate, `one`, that has these files in `src`.
fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    tree.0.insert("Cargo.toml".into(), "[workspace]\nmembers = [\"one\"]".into());
    tree.0.insert("one/Cargo.toml".into(), "[package]\nname = \"one\"".into());
    for (path, text) in files {
        tree.0.insert(format!("one/src/{path}"), (*text).to_owned());
    }
    tree
}

/// `a.rs → b.rs: names` for each pair of its files.
fn arrows(files: &[(&str, &str)]) -> String {
    list(&Modules::read(&tree(files)).arrows()).replace("one/src/", "").trim().replace("\n    ", "\n")
}

fn circle_count(files: &[(&str, &str)]) -> usize {
    circles(&Modules::read(&tree(files)).arrows()).len()
}

#[test]
fn a_circle_through_super() {
    let lib = ("lib.rs", "mod a; mod b;");
    let files = [lib, ("a.rs", "use super::b::B; pub struct A(B);"), ("b.rs", "pub struct B; fn f(_: super::a::A) {}")];
    assert_eq!(arrows(&files), "a.rs → b.rs: B\nb.rs → a.rs: A");
    assert_eq!(circle_count(&files), 1);
    let files = [lib, files[1], ("b.rs", "pub struct B;")];
    assert_eq!(circle_count(&files), 0);
}

#[test]
fn a_circle_of_three_files_in_folders() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "pub mod x; mod y;"),
        ("a/x.rs", "pub fn go() { super::y::go() }"),
        ("a/y.rs", "pub fn go() { crate::b::go() }"),
        ("b.rs", "use crate::a; pub fn go() { a::x::go() }"),
    ];
    assert_eq!(arrows(&files), "a/x.rs → a/y.rs: go\na/y.rs → b.rs: go\nb.rs → a/x.rs: go");
    assert_eq!(circle_count(&files), 1);
}

#[test]
fn a_name_handed_on_is_followed_to_its_file_and_handing_on_is_no_use() {
    let (x, user) = (("a/x.rs", "pub struct X; fn f() { super::help() }"), ("b.rs", "use crate::a::{self, X as Y};"));
    let lib = ("lib.rs", "mod a; mod b;");
    let files = [lib, ("a.rs", "mod x; pub use x::X; pub fn help() {}"), x, user];
    assert_eq!(arrows(&files), "a/x.rs → a.rs: help\nb.rs → a/x.rs: X");
    assert_eq!(circle_count(&files), 0);
    // Its own code names it as well.
    let files = [lib, ("a.rs", "mod x; pub use x::X; pub fn help() -> X { X }"), x, user];
    assert_eq!(arrows(&files), "a.rs → a/x.rs: X\na/x.rs → a.rs: help\nb.rs → a/x.rs: X");
    assert_eq!(circle_count(&files), 1);
    // What another hands on isn't its own.
    assert_eq!(arrows(&[lib, ("a.rs", "pub struct X;"), ("b.rs", "pub use crate::a::X;")]), "b.rs → a.rs: X");
}

#[test]
fn a_module_and_a_function_of_one_name() {
    let files = [
        ("lib.rs", "pub mod a; mod b; pub use a::{a, A};"),
        ("a.rs", "pub fn a() {} pub struct A;"),
        ("b.rs", "fn f() { crate::a(); crate::a::a(); let _: crate::A; }"),
    ];
    assert_eq!(arrows(&files), "b.rs → a.rs: A, a");
}

#[test]
fn names_behind_a_star() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "pub struct A;"),
        ("b.rs", "pub use super::a::*;"),
        ("c.rs", "use crate::b::*; fn f(_: A) {}"),
    ];
    assert_eq!(arrows(&files), "c.rs → a.rs: A");
}

#[test]
fn names_in_macros() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "pub fn go() {} pub struct A;"),
        ("b.rs", "fn f(a: u8) { assert!(a.go() == 1 && crate::a::go(), \"{}\", a) }"),
        ("c.rs", "macro_rules! c { ($a:ident) => { $crate::a::A; $a::go() } } pub(crate) use c;"),
        ("d.rs", "thread_local! { static A: super::a::A = 1 } fn f() { crate::c::c!(a) }"),
    ];
    assert_eq!(arrows(&files), "b.rs → a.rs: go\nc.rs → a.rs: A\nd.rs → a.rs: A\nd.rs → c.rs: c");
}

#[test]
fn items_that_a_macro_writes() {
    let files = [
        ("lib.rs", "mod schema; mod b;"),
        ("schema.rs", "pub mod types { pub struct X; } table! { use super::types::X; apis (id) { id -> X, } }"),
        ("b.rs", "use crate::schema::apis; fn f() { apis::table.go() }"),
    ];
    assert_eq!(arrows(&files), "b.rs → schema.rs: apis");
}

#[test]
fn names_in_attributes() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub fn parse() {}"),
        (
            "b.rs",
            "struct B { #[arg(value_parser = crate::a::parse)] x: u8, #[serde(with = \"crate::a::seconds\")] y: u8 }",
        ),
    ];
    assert_eq!(arrows(&files), "b.rs → a.rs: parse, seconds");
}

#[test]
fn what_is_there_for_tests_is_left_out() {
    let files = [
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod tests;"),
        (
            "a.rs",
            "#[cfg(test)] use crate::b::B; #[cfg(test)] mod tests { use crate::b::B; } #[cfg(test)] fn f(_: crate::b::B) {}",
        ),
        ("b.rs", "pub struct B;"),
    ];
    assert_eq!(arrows(&files), "");
}

#[test]
fn a_variable_is_not_the_function_of_its_name() {
    let lib = ("lib.rs", "mod a; pub use a::go; fn f(go: u8) { println!(\"{}\", go); g(go) }");
    assert_eq!(arrows(&[lib, ("a.rs", "pub fn go() {}")]), "");
    let lib = ("lib.rs", "mod a; pub use a::go; fn f() { println!(\"{}\", go()) }");
    assert_eq!(arrows(&[lib, ("a.rs", "pub fn go() {}")]), "lib.rs → a.rs: go");
}

#[test]
fn from_crate_to_crate() {
    let mut tree = tree(&[
        ("lib.rs", "mod a; pub use a::A;"),
        ("a.rs", "pub struct A; #[macro_export] macro_rules! m { () => {} }"),
    ]);
    tree.0.insert("Cargo.toml".into(), "[workspace]\nmembers = [\"one\", \"the-other\"]".into());
    tree.0.insert(
        "the-other/Cargo.toml".into(),
        "[package]\nname = \"the-other\"\n[dependencies]\none.path = \"\"".into(),
    );
    tree.0.insert("the-other/src/lib.rs".into(), "pub fn go(_: one::A) { one::m!() }".into());
    tree.0.insert("the-other/src/main.rs".into(), "fn main() { the_other::go() }".into());
    let arrows = list(&Modules::read(&tree).arrows());
    let want = "    the-other/src/lib.rs → one/src/a.rs: A, m\n    the-other/src/main.rs → the-other/src/lib.rs: go\n";
    assert_eq!(arrows, want);
}

#[test]
fn layers_of_the_lab() {
    let mut tree = Tree::default();
    tree.0.insert("Cargo.toml".into(), "[workspace]\nmembers = [\"benches\"]".into());
    tree.0.insert("benches/Cargo.toml".into(), "[package]\nname = \"lab\"".into());
    for (path, text) in [
        (
            "lib.rs",
            "mod addresses; pub mod stats; pub mod load; pub mod report; pub mod cli; pub use addresses::Address;",
        ),
        ("main.rs", "fn main() { lab::cli::main() }"),
        ("addresses.rs", "pub struct Address;"),
        ("stats/mod.rs", "pub struct Mean; pub fn f(_: crate::load::Schedule) {}"),
        ("load/mod.rs", "use crate::report::Mean; pub struct Schedule(Mean, crate::Address);"),
        ("report/mod.rs", "pub use crate::stats::Mean; pub fn page(_: crate::load::Schedule) {}"),
        ("cli.rs", "pub fn main() { crate::report::page() }"),
    ] {
        tree.0.insert(format!("benches/src/{path}"), text.to_owned());
    }
    let arrows = Modules::read(&tree).arrows();
    // The second is defined in `stats`, but taken from `report`.
    let against = list(&layers::against(&arrows)).replace("benches/src/", "");
    assert_eq!(against, "    load/mod.rs → report/mod.rs: Mean\n    stats/mod.rs → load/mod.rs: Schedule\n");
    assert!(layers::strangers(tree.sources().map(|(path, _)| path)).is_empty());
    tree.0.insert("benches/src/cellar/mod.rs".into(), String::new());
    assert!(layers::strangers(tree.sources().map(|(path, _)| path)).contains("cellar"));
}

#[test]
fn lengths_and_reasons() {
    let body = "\n".repeat(71);
    let text = format!(
        "//! X.\n// Long: a table.\n\nfn a() {{{body}}}\n\n/// B.\n// Long: steps.\nasync fn b() {{{body}}}\n\nfn c() {{}}\n"
    );
    let measured = measure(&tree(&[("lib.rs", &text)]));
    let functions: Vec<_> =
        measured[0].functions.iter().map(|one| (one.place.as_str(), one.lines, one.has_reason)).collect();
    let (a, b, c) = ("one/src/lib.rs:4 a", "one/src/lib.rs:79 b", "one/src/lib.rs:152 c");
    assert_eq!(functions, [(a, 72, false), (b, 72, true), (c, 1, false)]);
    assert!(measured[0].file.has_reason);
    assert_eq!(measured[0].file.lines, 152);
}

#[test]
fn endpoints_are_what_routes_name() {
    let mut tree = tree(&[]);
    let wire = "fn routes() { Routes::new().get(\"/apis\", list).post(\"/apis\", super::create) } async fn list() {\n}";
    tree.0.insert("services/x/src/wire.rs".into(), wire.into());
    tree.0.insert("services/x/src/other.rs".into(), "pub async fn create() {} async fn help() {} fn list() {}".into());
    tree.0.insert("services/y/src/wire.rs".into(), "async fn list() {}".into());
    let mut endpoints: Vec<_> = measure(&tree).into_iter().flat_map(|one| one.endpoints).collect();
    endpoints.sort_unstable();
    assert_eq!(endpoints, [1, 2]);
}

#[test]
fn dependencies() {
    let mut tree = Tree::default();
    let names = ["kit", "schema", "account", "billing", "mail-sink"];
    tree.0.insert("Cargo.toml".into(), format!("[workspace]\nmembers = {names:?}"));
    for (name, dependencies) in names.iter().zip([
        "[dev-dependencies]\nschema = {}",
        "[build-dependencies]\nkit = {}",
        "[dependencies]\nkit = {}\n[dev-dependencies]\nbilling = {}",
        "[dependencies]\naccount = {}\nmail-sink = {}",
        "",
    ]) {
        tree.0.insert(format!("{name}/Cargo.toml"), format!("[package]\nname = \"{name}\"\n{dependencies}"));
    }
    assert_eq!(wrong_dependencies(&tree), ["schema → kit", "account → billing", "billing → account"]);
}

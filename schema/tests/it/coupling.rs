//! `dba coupling` on a database that isn't ours, whose figures were counted by hand.

use std::collections::BTreeSet;

use schema::coupling::gate::{Budgets, gate};
use schema::coupling::render::{html::html, mermaid::mermaid, text::text};
use schema::coupling::report::{Kind, List, Report};
use schema::coupling::resolve::Resolver;
use schema::coupling::statements::{Source, from_files};
use schema::coupling::{JsonKeys, Options, Owners, diff, look};
use schema::testing::TestCluster;

use crate::support::connect;

mod ours;
mod statements;

use statements::COUNTED;

const MAP: &str = "[services.shop]\nroles = ['depot', 'till']\n[services.accounts]\nroles = ['ledger', 'books']";
const JSON: &str = "[[json]]\ncolumns = ['shown.events.payload']\nkeys = ['currency', 'cashier']";

fn market() -> (TestCluster, postgres::Client) {
    let cluster = TestCluster::bare();
    connect(&cluster.url("postgres", "superuser")).batch_execute("create database market").unwrap();
    let mut client = connect(&cluster.url("market", "superuser"));
    client.batch_execute(include_str!("coupling/shop.sql")).unwrap();
    (cluster, client)
}

fn words(text: &str) -> BTreeSet<String> {
    // One column's name has a blank in it.
    let text = text.replace("Gross Price", "Gross+Price");
    text.split_whitespace().map(|word| word.replace('+', " ")).collect()
}

#[test]
fn thirty_statements_use_what_was_counted_by_hand() {
    let (_cluster, mut client) = market();
    let mut resolver = Resolver::new(&mut client).unwrap();
    for (role, sql, reads, writes) in COUNTED {
        let found = resolver.resolve(role, sql).unwrap();
        if reads == "?" {
            assert!(!found.unknown.is_empty(), "unknown, not nothing: {sql}");
            continue;
        }
        assert!(found.unknown.is_empty(), "{sql}: {:?}", found.unknown);
        assert_eq!(found.reads().collect::<BTreeSet<_>>(), words(reads), "{sql}");
        assert_eq!(found.writes().collect::<BTreeSet<_>>(), words(writes), "{sql}");
    }
    // Nothing is left of it, and nothing was run.
    let left = "select count(*) from pg_proc where proname = 'dba_probe'";
    assert_eq!(client.query_one(left, &[]).unwrap().get::<_, i64>(0), 0);
}

fn declared() -> (tempfile::TempDir, Vec<schema::coupling::statements::Statement>) {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for (role, sql, ..) in COUNTED {
        text.push_str(&format!("-- role: {role}\n{sql};\n"));
    }
    std::fs::write(folder.path().join("queries.sql"), text).unwrap();
    std::fs::create_dir(folder.path().join("till")).unwrap();
    let by_folder = "-- whose it is says the folder\nselect id from wares.items; listen \"Stock\"; notify stock";
    std::fs::write(folder.path().join("till/more.sql"), by_folder).unwrap();
    std::fs::write(folder.path().join("books.sql"), "listen stock").unwrap();
    let roles = ["books", "till"].map(str::to_owned);
    let statements = from_files(folder.path(), &roles).unwrap();
    (folder, statements)
}

fn options() -> Options {
    Options {
        owners: Owners::parse(MAP).unwrap(),
        json: JsonKeys::parse(JSON).unwrap(),
        declared: declared().1,
        ..Options::default()
    }
}

fn edge<'a>(report: &'a Report, from: &str, to: &str, kind: Kind) -> &'a [String] {
    let edge = report.edges.iter().find(|edge| (edge.from.as_str(), edge.to.as_str(), edge.kind) == (from, to, kind));
    edge.map_or(&[], |edge| &edge.through)
}

fn in_list(report: &Report, which: List) -> Vec<&str> {
    let columns = report.columns.iter().filter(|column| column.list == which);
    columns.map(|column| column.column.as_str()).collect()
}

#[test]
fn two_services_with_other_names() {
    let (cluster, mut client) = market();
    let report = look(&mut client, &options()).unwrap();
    // As a superuser, whom the server sends what it has analysed: the same, whatever the way; nothing of it is in the server's log.
    let url = cluster.url("market", "superuser");
    let faster = look(&mut client, &Options { url: Some(url.clone()), ..options() }).unwrap();
    assert_eq!(report, faster);
    let log = std::fs::read_to_string(cluster.cluster().home().unwrap().join("postgres/log")).unwrap();
    assert!(!log.contains("parse tree"), "{log}");
    let (a, s) = ("accounts", "shop");
    assert_eq!(edge(&report, a, s, Kind::Read).len(), 10, "{report:#?}");
    assert_eq!(edge(&report, a, s, Kind::TableRead), ["wares.items", "wares.sales"]);
    assert_eq!(edge(&report, a, s, Kind::Write), ["wares.sales"]);
    assert_eq!(edge(&report, s, a, Kind::CascadeWrite), ["lines_item_id_fkey of acc.lines"]);
    assert_eq!(edge(&report, a, s, Kind::ViewOver), ["acc.valued over shown.items"]);
    assert_eq!(edge(&report, s, a, Kind::Trigger), ["wares.sales to acc.heard"]);
    assert_eq!(edge(&report, a, s, Kind::Call), ["wares.guess", "wares.tax"]);
    assert_eq!(edge(&report, a, s, Kind::Channel), ["stock"]);
    assert_eq!(edge(&report, a, s, Kind::Key).len(), 2);
    let indexed: Vec<_> =
        report.keys.iter().map(|key| (key.name.as_str(), key.on_delete.as_str(), key.indexed)).collect();
    assert_eq!(indexed, [("entries_sale_id_fkey", "no action", false), ("lines_item_id_fkey", "cascade", true)]);

    // Of 26 columns that books may read (two are keys of the payload) these nobody reads.
    let unused = [
        "shown.all_names.name",
        "shown.counts.item_id",
        "shown.events.id",
        "shown.priced.price",
        "shown.sold_items.qty",
    ];
    assert_eq!(in_list(&report, List::NeverUsed), unused);
    assert_eq!(in_list(&report, List::Refused), ["wares.items.stock", "wares.sales.id"]);
    assert!(in_list(&report, List::Used).contains(&"shown.events.payload.cashier"));
    let shop = report.services.iter().find(|one| one.name == s).unwrap();
    assert_eq!((shop.afferent, shop.efferent, shop.instability), (1, 1, Some(0.5)));
    assert_eq!((shop.exposed, shop.used), (26, 21));
    let accounts = report.services.iter().find(|one| one.name == a).unwrap();
    // It updates wares.sales, and may.
    assert_eq!((accounts.write_edges, shop.write_edges, accounts.exposed), (2, 1, 0));
    assert_eq!(report.coverage.statements, 31);
    assert_eq!(report.coverage.unknown.len(), 4, "{:#?}", report.coverage.unknown);
    assert_eq!(report.index.coupling_factor, 1.0);

    let nested = report.lineage.iter().find(|one| one.view == "shown.nested").unwrap();
    assert_eq!((nested.depth, &nested.columns[1].from), (2, &vec!["wares.items.name".to_owned()]));
    let total = report.lineage.iter().find(|one| one.view == "shown.totals").unwrap();
    assert_eq!(
        total.columns[1].from,
        ["wares.items.id", "wares.items.price", "wares.sales.id", "wares.sales.item_id", "wares.sales.qty"]
    );
    let priced = report.lineage.iter().find(|one| one.view == "shown.priced").unwrap();
    assert_eq!(priced.behind, ["wares.items.hidden"]);
    let blast = |column: &str| report.blast.iter().find(|one| one.column == column).map_or(0, |one| one.statements);
    // Shown.items.name twice as such and once by `*` and whole row, sold_items.name, nested.name, and whatever reads all_names.
    assert_eq!(blast("wares.items.name"), 6);
    assert_eq!(blast("wares.items.hidden"), 2, "both that read shown.priced");

    for page in [text(&report), html(&report), mermaid(&report)] {
        assert!(page.contains("accounts") && page.contains("shop"), "{page}");
    }
}

#[test]
fn the_gate_lets_nothing_new_through() {
    let (_cluster, mut client) = market();
    let clean = |client: &mut postgres::Client| {
        let mut options = options();
        options.declared.retain(|one| !one.sql.contains("wares.sales") && !one.sql.contains("wares.guess"));
        look(client, &options).unwrap()
    };
    client
        .batch_execute(
            "revoke update on wares.sales from books; alter table acc.lines drop constraint lines_item_id_fkey",
        )
        .unwrap();
    let base = clean(&mut client);
    let lenient = Budgets { min_coverage_percent: 80.0, ..Budgets::default() };
    let verdict = gate(&base, &base, &lenient).unwrap();
    assert!(verdict.findings.is_empty(), "{:#?}", verdict.findings);
    // Through its JSON nothing is lost.
    let again: Report = serde_json::from_str(&serde_json::to_string(&base).unwrap()).unwrap();
    assert_eq!(diff::diff(&base, &again), diff::Diff::default());

    client
        .batch_execute("grant select on shown.secrets to books; grant delete on shown.items to books; alter table acc.lines add constraint back foreign key (item_id) references wares.items")
        .unwrap();
    let now = clean(&mut client);
    let verdict = gate(&base, &now, &lenient).unwrap();
    let said = verdict.findings.join("\n");
    for new in [
        "books",
        "accounts may read shown.secrets.hidden",
        "accounts may write shown.items",
        "acc.lines(item_id) -> wares.items(id)",
    ] {
        assert_eq!(said.contains(new), new != "books", "{new}: {said}");
    }
    assert!(gate(&now, &base, &lenient).unwrap().findings.is_empty(), "shrinking passes");
    let strict = Budgets {
        max_unused_columns: Some(3),
        forbidden: vec!["* -> shop".to_owned()],
        keys: Some(BTreeSet::new()),
        ..Budgets::default()
    };
    let said = gate(&base, &base, &strict).unwrap().findings.join("\n");
    for rule in ["never used", "`* -> shop` forbids", "is not allowed", "% are required"] {
        assert!(said.contains(rule), "{rule}: {said}");
    }
    let nothing = Options { declared: Vec::new(), ..options() };
    let nothing = look(&mut client, &nothing).unwrap();
    assert_eq!(gate(&base, &nothing, &lenient).unwrap_err().code(), 3, "no verdict where nothing was seen");
}

#[test]
fn what_was_run_and_what_is_declared() {
    let (cluster, mut client) = market();
    client.batch_execute("create schema tools; create extension pg_stat_statements schema tools; select tools.pg_stat_statements_reset()").unwrap();
    let mut url = cluster.url("market", "superuser").parse::<postgres::Config>().unwrap();
    let mut books = url.user("books").password("books").connect(postgres::NoTls).unwrap();
    for _ in 0..3 {
        books.query("select name from shown.items where id = $1 and price > 7", &[&1_i32]).unwrap();
    }
    books.batch_execute("begin; select price from shown.priced where id = 4; commit").unwrap();
    let mut options = options();
    options.run = true;
    options.declared.retain(|one| one.sql.starts_with("select name from shown.items"));
    let report = look(&mut client, &options).unwrap();
    let used = |column: &str| report.columns.iter().find(|one| one.column == column).map(|one| (one.used, one.list));
    assert_eq!(used("shown.items.name"), Some((Some(Source::Both), List::Used)), "{report:#?}");
    assert_eq!(used("shown.items.price"), Some((Some(Source::Run), List::NotDeclared)));
    assert_eq!(used("shown.priced.id"), Some((Some(Source::Run), List::NotDeclared)));
    assert_eq!(used("shown.sales.id"), Some((None, List::NeverUsed)));
    assert_eq!((report.coverage.calls, report.coverage.resolved_calls), (4, 4));
    assert!(report.coverage.control_calls >= 2, "begin and commit");
    assert_eq!(report.coverage.percent(), Some(100.0));
    let read = report.edges.iter().find(|edge| edge.kind == Kind::Read).unwrap();
    assert!(read.calls == 4 && read.calls_per_second > 0.0, "{read:?}");
    // What the files say and nobody ran; without counting nothing can be said of that.
    let mut dead = options.declared[0].clone();
    dead.sql = "select id from shown.sales".into();
    options.declared.push(dead);
    let report = look(&mut client, &options).unwrap();
    assert_eq!(in_list(&report, List::NeverRun), ["shown.sales.id"]);
    options.run = false;
    let report = look(&mut client, &options).unwrap();
    assert!(in_list(&report, List::NeverRun).is_empty());
    options.run = true;
    // Without files grants are what is declared.
    options.declared.clear();
    let report = look(&mut client, &options).unwrap();
    assert!(
        in_list(&report, List::NotDeclared).is_empty() && in_list(&report, List::Used).contains(&"shown.priced.price")
    );
}

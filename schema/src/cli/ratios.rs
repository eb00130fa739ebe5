//! `dba ratios`: how long our own tools need on a big schema, as ratios to what Postgres itself needs.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Args;
use schema::cluster::binaries::client_tool;
use schema::cluster::{Cluster, ClusterOptions};
use schema::copy::Copy;
use schema::coupling::statements::{Source, Statement};
use schema::session::Session;
use schema::table::table;
use schema::{Error, Result, coupling, effective_rights, impact};
use serde_json::json;

use super::outcome::Outcome;

/// Makes a schema of this size on a server of its own, and measures coupling, impact,
/// matrix and explain on it, as ratios to what Postgres needs in the same run: psql
/// prepares the same statements in one session, and the database is copied. Tools
/// built without optimisation need longer (cargo install builds with it).
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Ratios {
    /// Services, each with 50 tables, 25 views and 125 statements.
    #[arg(long, default_value_t = 20)]
    services: usize,
    /// Rows of each table.
    #[arg(long, default_value_t = 100)]
    rows: usize,
    /// Leave impact out, which takes longest.
    #[arg(long)]
    without_impact: bool,
}

const TABLES: usize = 50;
const VIEWS: usize = 25;
const STATEMENTS: usize = 125;

/// The schema, as SQL: each service's tables refer to one another, and two other services read its views.
fn made(services: usize, rows: usize) -> String {
    let mut sql = String::new();
    for s in 0..services {
        sql.push_str(&format!("create role s{s}_owner nologin; create role s{s}_app login; create schema s{s} authorization s{s}_owner; grant usage on schema s{s} to public;\n"));
    }
    for s in 0..services {
        sql.push_str(&format!("set role s{s}_owner;\n"));
        for t in 0..TABLES {
            let refers = if t == 0 { String::new() } else { format!(" references s{s}.t{}", t - 1) };
            sql.push_str(&format!(
                "create table s{s}.t{t} (id bigint generated always as identity primary key, parent bigint{refers}, code text not null, name text not null, state text not null default 'new', amount numeric(12, 2) not null default 0 check (amount >= 0), at timestamptz not null default now(), note text, active boolean not null default true, tags text[]); create index on s{s}.t{t} (parent); create index on s{s}.t{t} (code); grant select, insert, update, delete on s{s}.t{t} to s{s}_app;\n"
            ));
        }
        let readers = [1, 7].map(|away| format!("s{}_app", (s + away) % services)).join(", ");
        for v in 0..VIEWS {
            let (a, b) = (2 * v, 2 * v + 1);
            sql.push_str(&format!("create view s{s}.v{v} as select a.id, a.code, a.name, b.amount, b.at from s{s}.t{a} a join s{s}.t{b} b on b.parent = a.id where a.active; grant select on s{s}.v{v} to {readers};\n"));
        }
        sql.push_str("reset role;\n");
        for t in 0..TABLES {
            let parent = if t == 0 { "null".to_owned() } else { format!("1 + n % {rows}") };
            sql.push_str(&format!("insert into s{s}.t{t} (parent, code, name, amount) select {parent}, 'c' || n, 'name ' || n, n from generate_series(1, {rows}) n;\n"));
        }
    }
    sql + "analyze"
}

/// Role and text of each statement; no two are equal.
fn statements(services: usize) -> Vec<(String, String)> {
    let one = |s: usize, i: usize| {
        let (t, v) = (i * 7 % TABLES, i % VIEWS);
        let (u, near, far) = ((t + 1) % TABLES, (s + services - 1) % services, (s + 7 * services - 7) % services);
        match i % 8 {
            0 => format!("select id, code, name, state, amount from s{s}.t{t} where id = $1 and {i} = {i}"),
            1 => format!(
                "select a.id, a.name, b.amount, b.note from s{s}.t{t} a join s{s}.t{u} b on b.parent = a.id where a.code = $1 and b.active order by 1 limit {i}"
            ),
            2 => format!("insert into s{s}.t{t} (code, name, amount) values ($1, $2, $3) returning id, {i}"),
            3 => format!("update s{s}.t{t} set name = $2, amount = amount + $3 where id = $1 and {i} = {i}"),
            4 => format!("delete from s{s}.t{t} where id = $1 and code = $2 and {i} = {i}"),
            5 => format!("select id, name, amount from s{near}.v{v} where code = $1 and {i} = {i}"),
            6 => format!(
                "select v.code, sum(t.amount) from s{far}.v{v} v join s{s}.t{t} t on t.code = v.code where v.at > $1 group by v.code having count(*) > {i}"
            ),
            _ => {
                format!("select count(*), max(at) from s{s}.t{t} where state = $1 and tags @> array[$2] and {i} = {i}")
            }
        }
    };
    (0..services).flat_map(|s| (0..STATEMENTS).map(move |i| (format!("s{s}_app"), one(s, i)))).collect()
}

/// Seconds that it took, and its result.
fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    eprintln!("dba: {what} …");
    let started = Instant::now();
    let value = work()?;
    Ok((started.elapsed().as_secs_f64(), value))
}

/// psql prepares them in one session.
fn psql(url: &str, all: &[(String, String)]) -> Result<()> {
    let tool = client_tool("psql", &mut Session::connect(url)?)?;
    let lost = |error: std::io::Error| Error::Unavailable(format!("psql: {error}"));
    let mut child =
        Command::new(tool).args(["-Xq", "-v", "ON_ERROR_STOP=1", url]).stdin(Stdio::piped()).spawn().map_err(lost)?;
    if let Some(mut input) = child.stdin.take() {
        for (number, (_, sql)) in all.iter().enumerate() {
            writeln!(input, "prepare p{number} as {sql};").map_err(lost)?;
        }
    }
    let ended = child.wait().map_err(lost)?;
    ended.success().then_some(()).ok_or_else(|| Error::Unavailable("psql could not prepare the statements".into()))
}

/// Measures.
pub fn run(args: &Ratios) -> Result<Outcome> {
    let cluster = Cluster::find_or_start(&ClusterOptions::ephemeral())?;
    Session::connect(cluster.url())?.run("create database big", "making a database")?;
    let url = cluster.superuser_url("big");
    let size = format!(
        "{} tables, {} views, {} statements",
        args.services * TABLES,
        args.services * VIEWS,
        args.services * STATEMENTS
    );
    timed(&size, || Session::connect(&url)?.run(&made(args.services, args.rows), "making the schema"))?;
    let all = statements(args.services);
    // Once before: the second time both find the catalogue in memory.
    psql(&url, &all)?;
    let (prepare, ()) = timed("psql prepares them", || psql(&url, &all))?;
    let declared = all.iter().map(|(role, sql)| Statement {
        role: role.clone(),
        sql: sql.clone(),
        calls: 0,
        rows: 0,
        milliseconds: 0.0,
        source: Source::Declared,
    });
    let options =
        coupling::Options { declared: declared.collect(), url: Some(url.clone()), ..coupling::Options::default() };
    let (coupled, report) = timed("coupling", || coupling::look(&mut Session::connect(&url)?.client, &options))?;
    let (matrix, _) = timed("matrix", || effective_rights::read(&mut Session::connect_uncounted(&url)?))?;
    let (explain, _) = timed("explain of one column", || {
        effective_rights::of_object(&mut Session::connect_uncounted(&url)?, "s1_app", "s0.t6.code")
    })?;
    let mut rows = vec![
        ("coupling / psql's prepare", coupled / prepare, 2.0, format!("{coupled:.2} s / {prepare:.2} s")),
        ("explain / matrix", explain / matrix, 0.05, format!("{explain:.2} s / {matrix:.2} s")),
    ];
    if !args.without_impact {
        let (copy, _) = timed("copy", || Copy::of(&url, "ratios"))?;
        let change = impact::Change::new(
            "alter table s0.t6 add column more text; alter table s1.t7 alter column note set default 'none'",
        );
        let given: Vec<_> = options.declared.iter().cloned().map(impact::Statement::from).collect();
        let (tried, judged) = timed("impact", || impact::analyse(&url, &change, &given, &impact::Options::default()))?;
        eprintln!("dba: {} judged, {} not; {}", judged.analysed, judged.skipped.len(), judged.verdict);
        let base = copy + prepare;
        rows.push(("impact / (copy + prepare)", tried / base, 5.0, format!("{tried:.2} s / {base:.2} s")));
    }
    let value = json!({ "version": 1, "size": size, "rowsPerTable": args.rows, "coverage": report.coverage.percent(),
        "ratios": rows.iter().map(|(what, ratio, most, _)| json!({ "what": what, "ratio": ratio, "wanted": most })).collect::<Vec<_>>() });
    let lines = rows.iter().map(|(what, ratio, most, seconds)| {
        vec![(*what).to_owned(), format!("{ratio:.3}"), format!("{most}"), seconds.clone()]
    });
    let text = format!(
        "{size}, {} rows a table\n{}",
        args.rows,
        table(&["ratio", ">is", ">wanted at most", "seconds"], lines)
    );
    Ok(Outcome::new(text, &value))
}

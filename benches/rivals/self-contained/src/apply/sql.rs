//! The statements that write a consumer's copies: each takes the lines of many records, as arrays and one JSON array of rows.

use schema::{Noun, watch_positions};

use crate::topics::FEED_KEPT_DAYS;

/// What is done with the records of a noun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// A row that is newer than the copy's takes its place.
    Follow,
    /// One that is as new, too. Nobody else may move a position meanwhile.
    Replay,
    /// This column alone is filled, where the copy's row is as new. Nobody else may move a position meanwhile.
    Fill(String),
}

/// The lines: key, position, whether it is gone, and the columns of the consumer's table.
fn lines(noun: &Noun) -> String {
    format!(
        "rows from (unnest($1::text[]), unnest($2::int8[]), unnest($3::int8[]), unnest($4::bool[]),
            json_populate_recordset(null::published.{}, $5::text::json))",
        noun.name
    )
}

/// The copy's own position of the line `n`. Looked up by the key: a join may read all positions of all nouns for each few thousand lines.
fn place(noun: &Noun) -> String {
    format!(
        "lateral (select p.key, p.epoch, p.sequence from published.log_rows p
            where p.noun = '{}' and p.key = n.line_key limit 1) p",
        noun.name
    )
}

/// What the first columns of [`lines`] are called: no noun has a column like them.
const NAMES: &str = "line_key, line_epoch, line_sequence, line_gone";

fn list<'a>(columns: impl IntoIterator<Item = &'a String>, of: &str) -> String {
    columns.into_iter().map(|column| format!("{of}{column}")).collect::<Vec<_>>().join(", ")
}

/// Positions in another service's feed mean nothing here. Until the feed says where a watch begins or ends, that is after all
/// changes known; one so old that the feed says it no more is placed by its times.
fn fresh(column: &str) -> String {
    let at = column.replace("_xid", "_at");
    format!(
        "case when r.{at} < pg_catalog.now() - interval '{FEED_KEPT_DAYS} days' then null else '18446744073709551615'::xid8 end"
    )
}

/// Each key must come once.
pub fn of_rows(noun: &Noun, columns: &[String], how: &How) -> String {
    let Noun { name, key, .. } = noun;
    let local = |column: &&String| name == "watchers" && column.ends_with("_xid");
    let values: Vec<String> =
        columns.iter().map(|column| if local(&column) { fresh(column) } else { format!("r.{column}") }).collect();
    let others: Vec<&String> = columns.iter().filter(|column| !key.contains(column) && !local(column)).collect();
    let [plain, ours, theirs] = ["", "x.", "excluded."].map(|of| list(others.clone(), of));
    let put = |from: &str| {
        format!(
            "insert into published.log_rows as p (noun, key, epoch, sequence)
            select '{name}', n.line_key, n.line_epoch, n.line_sequence from {from}
            on conflict (noun, key) do update set epoch = excluded.epoch, sequence = excluded.sequence
                where (excluded.epoch, excluded.sequence) > (p.epoch, p.sequence)"
        )
    };
    let (these, which) = match how {
        // Those that stand at the copy's own position aren't touched there.
        How::Replay => (
            format!(
                "these as materialized (
            select n.*, p.key is null or (n.line_epoch, n.line_sequence) > (p.epoch, p.sequence) as line_newer
            from new n left join {place} on true
            where p.key is null or (n.line_epoch, n.line_sequence) >= (p.epoch, p.sequence)
        ), newer as ({})",
                put("these n where n.line_newer"),
                place = place(noun),
            ),
            format!(" where row ({ours}) is distinct from row ({theirs})"),
        ),
        How::Follow | How::Fill(_) => (
            format!(
                "newer as ({} returning p.key), these as (select n.* from new n join newer w on w.key = n.line_key)",
                put("new n")
            ),
            String::new(),
        ),
    };
    let update = match others.is_empty() {
        true => "nothing".to_owned(),
        false => format!("update set ({plain}) = row ({theirs}){which}"),
    };
    format!(
        "with new as materialized (select * from {lines} as n ({NAMES})), {these}, gone as (
            delete from published.{name} x using these r where r.line_gone and ({x}) = ({r})
        )
        insert into published.{name} as x ({names})
        select {values} from these r where not r.line_gone
        on conflict ({conflict}) do {update}",
        lines = lines(noun),
        x = list(key, "x."),
        r = list(key, "r."),
        names = list(columns, ""),
        values = values.join(", "),
        conflict = list(key, ""),
    )
}

pub fn of_column(noun: &Noun, column: &str) -> String {
    let Noun { name, key, .. } = noun;
    format!(
        "with new as materialized (select * from {lines} as n ({NAMES}))
        update published.{name} x set {column} = n.{column}
        from new n join {place} on (p.epoch, p.sequence) = (n.line_epoch, n.line_sequence)
        where not n.line_gone and ({x}) = ({n}) and x.{column} is distinct from n.{column}",
        lines = lines(noun),
        place = place(noun),
        x = list(key, "x."),
        n = list(key, "n."),
    )
}

/// At the position of this transaction, for the owner's means nothing in another database, and with ids of this database's own, which never come
/// again.
pub fn of_feed(noun: &Noun, watchers: bool) -> String {
    let Noun { name, columns, .. } = noun;
    let others: Vec<&String> = columns.iter().filter(|column| !["id", "xid"].contains(&column.as_str())).collect();
    let watches = if watchers { format!(", {}", watch_positions()) } else { String::new() };
    format!(
        "with new as materialized (
            select distinct on (n.line_key) n.* from {lines} with ordinality as n ({NAMES}) order by n.line_key, n.ordinality
        ), unknown as (
            insert into published.log_rows (noun, key, epoch, sequence)
            select '{name}', n.line_key, n.line_epoch, n.line_sequence from new n
            on conflict do nothing returning key
        ), numbered as (
            select n.*, row_number() over (order by n.ordinality) as line_number, count(*) over () as line_count
            from new n join unknown u on u.key = n.line_key
        ), ids as (
            insert into published.log_offsets as o (topic, part, next)
            select '{name}', -1, n.line_count from numbered n where n.line_number = 1
            on conflict (topic, part) do update set next = o.next + excluded.next
            returning o.next as last
        ), put as (
            insert into published.{name} (id, xid, {names})
            select i.last - n.line_count + n.line_number, pg_catalog.pg_current_xact_id(), {values}
            from numbered n, ids i
            returning *
        ){watches} select from put",
        lines = lines(noun),
        names = list(others.clone(), ""),
        values = list(others, "n."),
    )
}

//! Records as rows of a consumer's database: the statements, and what keeps a record from being a row.

use postgres::{Client, Transaction};
use schema::Noun;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::record::{Position, Record};
use crate::topics::FEED_KEPT_DAYS;

/// A record that can be a row, or why it can't.
pub type Readable = Result<Value, String>;

/// Of a record, what its statement reads. The key must be that of the row: else the row of somebody else would be overwritten.
pub fn readable(noun: &Noun, record: &Record) -> Readable {
    let position = record.position.ok_or("no position")?;
    let row = record.value.as_deref().map(object).transpose()?;
    if noun.is_feed() { change(record, position, row) } else { snapshot(noun, record, position, row) }
}

pub fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("the value is no JSON object: {error}"))
}

fn snapshot(noun: &Noun, record: &Record, position: Position, row: Option<Map<String, Value>>) -> Readable {
    let key: Vec<Value> = serde_json::from_str(&record.key).map_err(|_| "the key is no JSON array")?;
    if key.len() != noun.key.len() {
        return Err(format!("the key has {} parts, expected {}", key.len(), noun.key.len()));
    }
    let gone = row.is_none();
    let parts = || noun.key.iter().zip(&key);
    let row = row.unwrap_or_else(|| parts().map(|(column, part)| (column.clone(), part.clone())).collect());
    if let Some((column, _)) = parts().find(|(column, part)| row.get(*column) != Some(part)) {
        return Err(format!("{column} isn't that of the key"));
    }
    Ok(json!({"key": record.key, "epoch": position.epoch, "sequence": position.sequence, "gone": gone, "row": row}))
}

fn change(record: &Record, position: Position, row: Option<Map<String, Value>>) -> Readable {
    let row = row.ok_or("a change that is gone")?;
    let organisation = row.get("organisation_id").and_then(Value::as_str).unwrap_or("platform");
    if record.key != organisation {
        return Err("the organisation isn't that of the key".to_owned());
    }
    Ok(json!({"key": origin(&row)?, "epoch": position.epoch, "sequence": position.sequence, "row": row}))
}

/// What identifies a change in its owner's feed. An id alone may come again, after the owner was restored from a copy.
pub fn origin(change: &Map<String, Value>) -> Result<String, String> {
    let part = |name: &str| change.get(name).map(ToString::to_string).ok_or_else(|| format!("no {name}"));
    Ok(format!("{} {}", part("id")?, part("at")?))
}

/// The change's transaction at its owner, and whether a watch begins or ends with it.
fn transaction_of(change: &Value) -> (&str, bool) {
    let member = |name: &str| change["row"][name].as_str().unwrap_or_default();
    (member("xid"), member("kind").starts_with("Watch"))
}

/// What gets one position: consecutive changes of the owner's transactions, and each of those alone with which a watch begins or ends.
pub fn positions(feed: &Noun, records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut batches: Vec<(Option<String>, bool, Vec<Record>)> = Vec::new();
    for record in records {
        let of = readable(feed, &record).ok().map(|change| {
            let (xid, watch) = transaction_of(&change);
            (xid.to_owned(), watch)
        });
        let (xid, watch) = of.map_or((None, false), |(xid, watch)| (Some(xid), watch));
        match batches.last_mut() {
            Some((last, _, batch)) if *last == xid => {
                batch.push(record);
                if let Some((_, apart, _)) = batches.last_mut() {
                    *apart |= watch;
                }
            }
            _ => batches.push((xid, watch, vec![record])),
        }
    }
    let mut joined: Vec<(bool, Vec<Record>)> = Vec::new();
    for (_, apart, mut batch) in batches {
        match joined.last_mut() {
            Some((false, last)) if !apart => last.append(&mut batch),
            _ => joined.push((apart, batch)),
        }
    }
    joined.into_iter().map(|(_, batch)| batch).collect()
}

/// What is done with the records of a noun.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How<'a> {
    /// A row that is newer than the copy's takes its place.
    Follow,
    /// One that is as new, too.
    Replay,
    /// This column alone is filled, where the copy's row is as new.
    Fill(&'a str),
}

/// How the records of a noun become rows.
pub struct Statement {
    noun: &'static Noun,
    text: String,
}

impl Statement {
    /// For a consumer that reads these nouns. The columns are those that its own table has: it may have one more than
    /// another version of the consumer knows.
    pub fn of(client: &mut Client, noun: &'static Noun, reads: &[&'static Noun], how: How<'_>) -> Result<Self, Error> {
        let watchers = noun.name == "registry_changes" && reads.iter().any(|noun| noun.name == "watchers");
        let text = match (noun.is_feed(), how) {
            (true, _) => of_feed(noun, watchers),
            (false, How::Fill(column)) => of_column(noun, column),
            (false, _) => of_rows(noun, &columns(client, noun)?, how),
        };
        Ok(Self { noun, text })
    }

    /// Writes them: what is known, or older than what is known, is left out.
    pub fn run(&self, transaction: &mut Transaction<'_>, records: &[Value]) -> Result<(), Error> {
        if !records.is_empty() {
            transaction.execute(&self.text, &[&serde_json::to_string(records)?])?;
        }
        Ok(())
    }

    /// Keeps a record aside that can't be a row.
    pub fn aside(&self, transaction: &mut Transaction<'_>, part: i32, record: &Record, why: &str) -> Result<(), Error> {
        // Text of the database has no such character.
        let clean = |text: &str| text.replace('\0', "\u{fffd}");
        let (key, value) = (clean(&record.key), record.value.as_deref().map(clean));
        let name = &self.noun.name;
        tracing::error!(noun = name, part, offset = record.offset, why, "a record is kept aside");
        transaction.execute(
            "insert into published.log_aside (topic, part, at_offset, reason, key, value) values ($1, $2, $3, $4, $5, $6)
            on conflict do nothing",
            &[name, &part, &record.offset, &clean(why), &key, &value],
        )?;
        Ok(())
    }
}

/// The columns of a consumer's table.
pub fn columns(client: &mut Client, noun: &Noun) -> Result<Vec<String>, Error> {
    let text = "select a.attname::text from pg_catalog.pg_attribute a
        where a.attrelid = pg_catalog.to_regclass('published.' || $1) and a.attnum > 0 and not a.attisdropped order by a.attnum";
    Ok(client.query(text, &[&noun.name])?.iter().map(|row| row.get(0)).collect())
}

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

/// The records, the newest of each key. Sorted by it: two who write the same rows don't wait for each other in a circle.
const NEW: &str = "with new as (
            select distinct on (n.key) n.* from jsonb_to_recordset($1::text::jsonb)
                as n (key text, epoch bigint, sequence bigint, gone boolean, row jsonb)
            order by n.key, n.epoch desc, n.sequence desc
        )";

/// Those that stand at the copy's own position, which nobody moves meanwhile.
fn same(noun: &Noun) -> String {
    format!(
        "same as (
            select n.key from new n join published.log_rows p on p.noun = '{}' and p.key = n.key
            where (p.epoch, p.sequence) = (n.epoch, n.sequence) for share of p
        )",
        noun.name
    )
}

fn of_rows(noun: &Noun, columns: &[String], how: How<'_>) -> String {
    let Noun { name, key, .. } = noun;
    let local = |column: &&String| name == "watchers" && column.ends_with("_xid");
    let values: Vec<String> =
        columns.iter().map(|column| if local(&column) { fresh(column) } else { format!("r.{column}") }).collect();
    let others: Vec<&String> = columns.iter().filter(|column| !key.contains(column) && !local(column)).collect();
    let [plain, ours, theirs] = ["", "x.", "excluded."].map(|of| list(others.clone(), of));
    let (these, which) = match how {
        How::Replay => (
            format!(", {}, these as (select w.key from newer w union all select s.key from same s)", same(noun)),
            format!(" where row ({ours}) is distinct from row ({theirs})"),
        ),
        How::Follow | How::Fill(_) => (", these as (select w.key from newer w)".to_owned(), String::new()),
    };
    let update = match others.is_empty() {
        true => "nothing".to_owned(),
        false => format!("update set ({plain}) = row ({theirs}){which}"),
    };
    format!(
        "{NEW}, newer as (
            insert into published.log_rows as p (noun, key, epoch, sequence)
            select '{name}', n.key, n.epoch, n.sequence from new n
            on conflict (noun, key) do update set epoch = excluded.epoch, sequence = excluded.sequence
                where (excluded.epoch, excluded.sequence) > (p.epoch, p.sequence)
            returning p.key
        ){these}, gone as (
            delete from published.{name} x using new n
            join these using (key), jsonb_populate_record(null::published.{name}, n.row) r
            where n.gone and ({x}) = ({r})
        )
        insert into published.{name} as x ({names})
        select {values} from new n join these using (key), jsonb_populate_record(null::published.{name}, n.row) r
        where not n.gone
        on conflict ({conflict}) do {update}",
        x = list(key, "x."),
        r = list(key, "r."),
        names = list(columns, ""),
        values = values.join(", "),
        conflict = list(key, ""),
    )
}

fn of_column(noun: &Noun, column: &str) -> String {
    let Noun { name, key, .. } = noun;
    format!(
        "{NEW}, {same}
        update published.{name} x set {column} = r.{column}
        from new n join same using (key), jsonb_populate_record(null::published.{name}, n.row) r
        where not n.gone and ({x}) = ({r}) and x.{column} is distinct from r.{column}",
        same = same(noun),
        x = list(key, "x."),
        r = list(key, "r."),
    )
}

/// At the position of this transaction, for the owner's means nothing in another database, and with ids of this database's own, which never come
/// again.
fn of_feed(noun: &Noun, watchers: bool) -> String {
    let Noun { name, columns, .. } = noun;
    let others: Vec<&String> = columns.iter().filter(|column| !["id", "xid"].contains(&column.as_str())).collect();
    let watch = |cte: &str, column: &str, kind: &str, side: &str, at: &str, value: &str| {
        format!(
            ", {cte} as (
                update published.watchers w set {column} = {value} from put c
                where c.kind = '{kind}' and w.organisation_id = c.organisation_id and w.kind = c.{side} ->> 'kind'
                    and w.target_id = (c.{side} ->> 'targetId')::uuid and w.profile_id = (c.{side} ->> 'profileId')::uuid
                    and w.{at} = c.at
            )"
        )
    };
    const NOW: &str = "pg_catalog.pg_current_xact_id()";
    // Whoever watches what is deleted is told of that: the watch ends after it.
    let end = format!(
        "case when exists (select from put d where d.entity_id = c.before ->> 'targetId' and d.kind like '%Deleted')
            then ({NOW}::text::bigint + 1)::text::xid8 else {NOW} end"
    );
    let watches = match watchers {
        true => [
            watch("begun", "created_xid", "WatchCreated", "after", "created_at", NOW),
            watch("ended", "ended_xid", "WatchEnded", "before", "ended_at", &end),
        ]
        .concat(),
        false => String::new(),
    };
    format!(
        "with new as (
            select distinct on (n.value ->> 'key') n.ordinality as place, n.value ->> 'key' as key, n.value -> 'row' as row,
                (n.value ->> 'epoch')::bigint as epoch, (n.value ->> 'sequence')::bigint as sequence
            from jsonb_array_elements($1::text::jsonb) with ordinality n
            order by n.value ->> 'key', n.ordinality
        ), unknown as (
            insert into published.log_rows (noun, key, epoch, sequence)
            select '{name}', n.key, n.epoch, n.sequence from new n
            on conflict do nothing returning key
        ), numbered as (
            select n.row, row_number() over (order by n.place) as number, count(*) over () as count from new n join unknown using (key)
        ), ids as (
            insert into published.log_offsets as o (topic, part, next)
            select '{name}', -1, n.count from numbered n where n.number = 1
            on conflict (topic, part) do update set next = o.next + excluded.next
            returning o.next as last
        ), put as (
            insert into published.{name} (id, xid, {names})
            select i.last - n.count + n.number, {NOW}, {values}
            from numbered n, ids i, jsonb_populate_record(null::published.{name}, n.row) r
            returning *
        ){watches} select from put",
        names = list(others.clone(), ""),
        values = list(others, "r."),
    )
}

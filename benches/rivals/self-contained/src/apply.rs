//! Records as rows of a consumer's database: the statements, and what keeps a record from being a row.

use postgres::Transaction;
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

fn object(text: &str) -> Result<Map<String, Value>, String> {
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
    // An id alone may come again, after the owner was restored from a copy.
    let part = |name: &str| row.get(name).map(ToString::to_string).ok_or_else(|| format!("no {name}"));
    let key = format!("{} {}", part("id")?, part("at")?);
    Ok(json!({"key": key, "epoch": position.epoch, "sequence": position.sequence, "row": row}))
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

/// How the records of a noun become rows.
pub struct Statement {
    noun: &'static Noun,
    text: String,
}

impl Statement {
    /// For a consumer that reads these nouns.
    pub fn of(noun: &'static Noun, reads: &[&'static Noun]) -> Self {
        let watchers = noun.name == "registry_changes" && reads.iter().any(|noun| noun.name == "watchers");
        Self { noun, text: if noun.is_feed() { of_feed(noun, watchers) } else { of_rows(noun) } }
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

fn of_rows(noun: &Noun) -> String {
    let Noun { name, columns, key, .. } = noun;
    let local = |column: &&String| name == "watchers" && column.ends_with("_xid");
    let values: Vec<String> =
        columns.iter().map(|column| if local(&column) { fresh(column) } else { format!("r.{column}") }).collect();
    let others: Vec<&String> = columns.iter().filter(|column| !key.contains(column) && !local(column)).collect();
    let update = match others.is_empty() {
        true => "nothing".to_owned(),
        false => format!("update set ({}) = row ({})", list(others.clone(), ""), list(others, "excluded.")),
    };
    format!(
        "with new as (
            select distinct on (n.key) n.* from jsonb_to_recordset($1::text::jsonb)
                as n (key text, epoch bigint, sequence bigint, gone boolean, row jsonb)
            order by n.key, n.epoch desc, n.sequence desc
        ), newer as (
            insert into published.log_rows as p (noun, key, epoch, sequence)
            select '{name}', n.key, n.epoch, n.sequence from new n
            on conflict (noun, key) do update set epoch = excluded.epoch, sequence = excluded.sequence
                where (excluded.epoch, excluded.sequence) > (p.epoch, p.sequence)
            returning p.key
        ), gone as (
            delete from published.{name} x using new n
            join newer using (key), jsonb_populate_record(null::published.{name}, n.row) r
            where n.gone and ({x}) = ({r})
        )
        insert into published.{name} as x ({names})
        select {values} from new n join newer using (key), jsonb_populate_record(null::published.{name}, n.row) r
        where not n.gone
        on conflict ({conflict}) do {update}",
        x = list(key, "x."),
        r = list(key, "r."),
        names = list(columns, ""),
        values = values.join(", "),
        conflict = list(key, ""),
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

//! What a statement wrote to a table, and how that is compared.

use std::hash::{DefaultHasher, Hash, Hasher};

use postgres::Client;

use super::values::{number, texts};

/// Rows of larger tables are counted and not compared: that would read the table once for each statement.
const COMPARED_BYTES: i64 = 32 << 20;

/// The values of a column, whatever the order of the rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Digest {
    /// Of hashes.
    pub(super) sum: u64,
    /// How many are not NULL.
    filled: i64,
}

impl Digest {
    pub(super) fn add(&mut self, value: &Option<String>) {
        self.sum = self.sum.wrapping_add(hash(value));
        self.filled += i64::from(value.is_some());
    }

    /// Executed twice before the change, it is this and `again`; `after` is another. Of values that differ each time, whether they are NULL is compared.
    pub(super) fn differs(&self, again: &Self, after: &Self) -> bool {
        self.sum == again.sum && self.sum != after.sum || self.filled == again.filled && self.filled != after.filled
    }
}

pub(super) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What was written to a table; to a partition: to the table it is part of.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    pub(super) table: String,
    /// Inserted, updated, deleted.
    pub(super) counts: [i64; 3],
    /// Of the new rows; none where they are not compared.
    columns: Vec<Column>,
    /// By number, also where they are not compared.
    numbers: Vec<i16>,
}

#[derive(Debug, Clone)]
struct Column {
    number: i16,
    name: String,
    kind: u32,
    digest: Digest,
}

impl Written {
    /// Reads the rows that this savepoint has made: those of a transaction after `mark`.
    pub(super) fn read(client: &mut Client, table: u32, counts: [i64; 3], mark: i64) -> Result<Self, postgres::Error> {
        let row = client.query_one(
            "select (select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace where c.oid = $1), coalesce((select sum(pg_relation_size(relid)) from pg_partition_tree($1::oid::regclass)), pg_relation_size($1::oid))::bigint",
            &[&table],
        )?;
        let mut written = Self { table: row.get(0), counts, ..Self::default() };
        if !written.puts_rows() {
            return Ok(written);
        }
        let columns = client.query(
            "select attnum, attname::text, atttypid from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped order by 1",
            &[&table],
        )?;
        written.numbers = columns.iter().map(|row| row.get(0)).collect();
        if row.get::<_, i64>(1) > COMPARED_BYTES || columns.is_empty() {
            return Ok(written);
        }
        let digest = |row: &postgres::Row| {
            let name = format!("\"{}\"", row.get::<_, String>(1).replace('"', "\"\""));
            format!("sum(hashtextextended(coalesce({name}::text, 'null'), 7)::numeric), count({name})")
        };
        let digests: Vec<_> = columns.iter().map(digest).collect();
        let sql = format!("select {} from {} where xmin::text::bigint > {mark}", digests.join(", "), written.table);
        let (_, rows) = texts(client, &sql)?;
        let sums = rows.into_iter().next().unwrap_or_default();
        let column = |(at, row): (usize, &postgres::Row)| Column {
            number: row.get(0),
            name: row.get(1),
            kind: row.get(2),
            digest: Digest { sum: hash(&sums.get(2 * at)), filled: number(&sums, 2 * at + 1) },
        };
        written.columns = columns.iter().enumerate().map(column).collect();
        Ok(written)
    }

    /// It inserted or updated some.
    pub(super) fn puts_rows(&self) -> bool {
        self.counts[0] + self.counts[1] > 0
    }

    /// Numbers of the columns whose values are not the same when it is executed again, or are not compared.
    pub(super) fn varying(&self, again: Option<&Self>) -> Vec<i16> {
        let Some(again) = again.filter(|_| !self.columns.is_empty()) else {
            return self.numbers.clone();
        };
        let both = self.columns.iter().zip(&again.columns);
        both.filter(|(first, second)| first.digest.sum != second.digest.sum).map(|(first, _)| first.number).collect()
    }

    /// Names of the columns to which `now` writes other values; `itself`: in the same table, else one of that name.
    pub(super) fn other_columns<'a>(
        &'a self,
        again: &'a Self,
        now: &'a Self,
        itself: bool,
    ) -> impl Iterator<Item = &'a String> {
        let both = self.columns.iter().zip(&again.columns);
        let other = move |(was, again): &(&Column, &Column)| {
            let same = |one: &&Column| {
                one.kind == was.kind && if itself { one.number == was.number } else { one.name == was.name }
            };
            now.columns.iter().find(same).is_some_and(|is| was.digest.differs(&again.digest, &is.digest))
        };
        both.filter(other).map(|(was, _)| &was.name)
    }
}

//! The harms. Every wait in them has an end, what they lock is rolled back, what they set is what was there.

/// A harm, in the words of pgbench's scripts: `{table}`, `{key}`, `{column}`, `{condition}`, and `{same}` (a row is the
/// one of this key) are filled in. They run over the login's search path: so what is Postgres's own is named with its schema.
#[derive(Debug, PartialEq)]
pub struct Known {
    /// As it is asked for, and as the service is called.
    pub name: &'static str,
    /// A sentence.
    pub does: &'static str,
    /// Transactions per second.
    pub rate_per_s: f64,
    /// None: as many as the server has left, 200 at the most.
    pub connections: Option<u32>,
    /// Name, weight, text.
    pub scripts: &'static [(&'static str, u32, &'static str)],
}

/// All of them.
pub static HARMS: [Known; 9] = [
    Known {
        name: "held-row",
        does: "a session holds a row for 0.3 s, twice a second: the first one by its key that meets the condition.",
        rate_per_s: 2.0,
        connections: Some(2),
        scripts: &[(
            "hold",
            1,
            "begin;\nselect from {table} where {condition} order by {key} limit 1 for update;\n\\sleep 300 ms\nrollback;\n",
        )],
    },
    Known {
        name: "queued-ddl",
        does: "a statement that wants the whole table, as ALTER TABLE does, waits up to 1 s behind readers that stay 0.4 s; all others wait \
               behind it.",
        rate_per_s: 3.0,
        connections: Some(6),
        scripts: &[
            ("reader", 2, "begin;\nselect from {table} limit 1;\n\\sleep 400 ms\nrollback;\n"),
            (
                "ddl",
                1,
                "do $$ begin\n  set local lock_timeout = '1s';\n  lock table {table} in access exclusive mode;\nexception when lock_not_available then null;\nend $$;\n",
            ),
        ],
    },
    Known {
        name: "idle-transaction",
        does: "a transaction that has a row's lock and a snapshot is idle for 0.9 s, once a second: the first row by its key that meets the \
               condition.",
        rate_per_s: 1.0,
        connections: Some(2),
        scripts: &[(
            "idle",
            1,
            "begin isolation level repeatable read;\nselect from {table} where {condition} order by {key} limit 1 for share;\nselect pg_catalog.pg_current_xact_id();\n\\sleep 900 ms\nrollback;\n",
        )],
    },
    Known {
        name: "long-snapshot",
        does: "a snapshot is held for 2 s at a time while the first row by its key that meets the condition is updated 200 times a second, \
               with the value that it has: its old versions can't be removed.",
        rate_per_s: 200.0,
        connections: Some(8),
        scripts: &[
            (
                "snapshot",
                1,
                "begin isolation level repeatable read;\nselect from {table} limit 1;\n\\sleep 2000 ms\nrollback;\n",
            ),
            (
                "update",
                300,
                "update {table} lab_row set {column} = lab_row.{column} from (select {key} from {table} where {condition} order by {key} limit 1) lab_first where {same};\n",
            ),
        ],
    },
    Known {
        name: "skip-locked-queue",
        does: "eight workers take the first row by its key that nobody has taken, skip what is locked, and keep it for 20 ms, 100 times a \
               second.",
        rate_per_s: 100.0,
        connections: Some(8),
        scripts: &[(
            "take",
            1,
            "begin;\nselect from {table} where {condition} order by {key} limit 1 for update skip locked;\n\\sleep 20 ms\nrollback;\n",
        )],
    },
    Known {
        name: "temporary-files",
        does: "up to 100,000 lines made of the table's rows are sorted with 64 kB of memory, once a second: the rest goes to temporary files.",
        rate_per_s: 1.0,
        connections: Some(2),
        scripts: &[(
            "sort",
            1,
            "begin;\nset local work_mem = '64kB';\nselect pg_catalog.count(distinct line) from (select pg_catalog.concat(lab_row::pg_catalog.text, lab_n::pg_catalog.text) as line from {table} lab_row cross join pg_catalog.generate_series(1, 1000) lab_n limit 100000) lines;\nrollback;\n",
        )],
    },
    Known {
        name: "checkpoints",
        does: "a checkpoint twice a second: all that was changed is written, and each page goes into the write-ahead log whole again.",
        rate_per_s: 2.0,
        connections: Some(1),
        scripts: &[("checkpoint", 1, "checkpoint;\n")],
    },
    Known {
        name: "vacuum-full",
        does: "VACUUM FULL writes the table anew, every other second, and nobody can read it meanwhile; up to 1 GiB.",
        rate_per_s: 0.5,
        connections: Some(1),
        scripts: &[("vacuum", 1, "vacuum full {table};\n")],
    },
    Known {
        name: "connections",
        does: "all connections that the server has left, up to 200, are taken; each is idle but for a `select 1` every few seconds.",
        rate_per_s: 20.0,
        connections: None,
        scripts: &[("idle", 1, "select 1;\n")],
    },
];

impl Known {
    fn has(&self, what: &str) -> bool {
        self.scripts.iter().any(|(.., text)| text.contains(what))
    }

    /// Whether it is of a table.
    pub fn of_table(&self) -> bool {
        self.has("{table}")
    }

    /// Whether its row can be chosen.
    pub fn takes_condition(&self) -> bool {
        self.has("{condition}")
    }

    /// Whether it sets a column.
    pub fn needs_column(&self) -> bool {
        self.has("{column}")
    }

    /// Whether it writes the table anew.
    pub fn rewrites(&self) -> bool {
        self.has("vacuum full")
    }
}

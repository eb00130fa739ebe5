//! Thirty statements, and what each uses, counted by hand.

/// Role, statement, columns read, columns written; a statement that can't be known has `?` for its reads.
pub type Counted = (&'static str, &'static str, &'static str, &'static str);

pub const COUNTED: [Counted; 30] = [
    ("books", "select name from shown.items where id = $1", "shown.items.id shown.items.name", ""),
    ("books", "select * from shown.items", "shown.items.id shown.items.name shown.items.price", ""),
    ("books", "select i from shown.items i", "shown.items.id shown.items.name shown.items.price", ""),
    ("books", "select count(*) from shown.priced", "", ""),
    (
        "books",
        "select s.qty from shown.sales s join shown.priced p on p.id = s.item_id order by s.at desc limit $1",
        "shown.priced.id shown.sales.at shown.sales.item_id shown.sales.qty",
        "",
    ),
    (
        "books",
        "with late as (select id, at from shown.sales where at > now() - interval $1) select late.id from late",
        "shown.sales.at shown.sales.id",
        "",
    ),
    (
        "books",
        "select jsonb_build_object($1, total) from shown.totals where id in (select id from shown.sold_items where name like $2)",
        "shown.sold_items.id shown.sold_items.name shown.totals.id shown.totals.total",
        "",
    ),
    ("books", "select payload ->> $1 from shown.events", "shown.events.payload", ""),
    (
        "books",
        "select least($1 * (i.price << least(i.id, $2)), greatest($3, $4)) from unnest($5, $6) t (id, at) join shown.items i on i.id = t.id join shown.sales s on s.at = $7 + i.price * interval $8",
        "shown.items.id shown.items.price shown.sales.at",
        "",
    ),
    (
        "books",
        "select id from shown.all_names union select sold from shown.counts",
        "shown.all_names.id shown.counts.sold",
        "",
    ),
    (
        "books",
        "select distinct on (name) name, id from shown.nested order by name, id",
        "shown.nested.id shown.nested.name",
        "",
    ),
    (
        "books",
        "select stock, rank() over (partition by id order by stock) from shown.everything",
        "shown.everything.id shown.everything.stock",
        "",
    ),
    ("books", "select price from acc.valued", "acc.valued.price", ""),
    (
        "books",
        "insert into acc.entries (id, sale_id, amount) select id, id, total from shown.totals",
        "shown.totals.id shown.totals.total",
        "acc.entries.amount acc.entries.id acc.entries.sale_id",
    ),
    (
        "books",
        "insert into acc.entries (id, amount) values ($1, $2) on conflict (id) do update set amount = excluded.amount + entries.amount returning note",
        "acc.entries.amount acc.entries.id acc.entries.note",
        "acc.entries.amount acc.entries.id",
    ),
    (
        "books",
        "update acc.lines l set \"Gross Price\" = i.price from shown.items i where i.id = l.item_id",
        "acc.lines.item_id shown.items.id shown.items.price",
        "acc.lines.\"Gross Price\"",
    ),
    ("books", "delete from acc.entries where note is null", "acc.entries.note", ""),
    (
        "books",
        "delete from acc.entries e using shown.sales s where s.id = e.sale_id and s.qty = 0 returning e.id",
        "acc.entries.id acc.entries.sale_id shown.sales.id shown.sales.qty",
        "",
    ),
    (
        "books",
        "merge into acc.entries e using shown.totals t on t.id = e.sale_id when matched and e.note is null then update set amount = t.total when not matched then insert (id, sale_id) values (t.id, t.id)",
        "acc.entries.note acc.entries.sale_id shown.totals.id shown.totals.total",
        "acc.entries.amount acc.entries.id acc.entries.sale_id",
    ),
    (
        "books",
        "with gone as (delete from acc.lines where item_id = $1 returning id) insert into acc.entries (id) select id from gone",
        "acc.lines.id acc.lines.item_id",
        "acc.entries.id",
    ),
    ("books", "select id from acc.entries where amount > $1 for update", "acc.entries.amount acc.entries.id", ""),
    ("books", "update wares.sales set qty = $1 where id = $2", "wares.sales.id", "wares.sales.qty"),
    ("books", "select exists (select 1 from shown.sales where item_id = any($1))", "shown.sales.item_id", ""),
    ("books", "select wares.tax(price) from shown.items", "shown.items.price wares.items.stock", ""),
    ("books", "select wares.guess(id) from shown.items", "?", ""),
    ("books", "truncate acc.entries", "?", ""),
    ("books", "copy acc.entries to stdout", "?", ""),
    ("till", "select name, price from items where id = $1", "wares.items.id wares.items.name wares.items.price", ""),
    (
        "till",
        "insert into sales values ($1, $2, $3, now(), $4)",
        "",
        "wares.sales.at wares.sales.id wares.sales.item_id wares.sales.payload wares.sales.qty",
    ),
    ("till", "select n.nested from nested n", "?", ""),
];

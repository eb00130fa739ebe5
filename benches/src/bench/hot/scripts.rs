//! What pgbench is given: the service's statements, for rows of the data set by the same odds.

use super::requests::Kind;
use crate::data::Size;

/// One call of a script of pgbench: how often of a hundred, its variables, its statement.
pub struct Script {
    /// Its weight.
    pub weight: u32,
    /// The whole text.
    pub text: String,
    /// What it looks up, for a statement that looks up many.
    pub keys: u32,
}

/// The statements of the product's service, as it sends them: checked before they are used.
pub mod statements {
    /// One API.
    pub const FIND: &str = include_str!("sql/find_api.sql");
    /// Many.
    pub const FIND_MANY: &str = include_str!("sql/find_apis.sql");
    /// A page.
    pub const LIST: &str = include_str!("sql/list_apis.sql");
    /// A new one.
    pub const CREATE: &str = include_str!("sql/create_api.sql");
}

/// The yardstick of a kind: the same statements, for rows of the data set by the same odds.
///
/// pgbench has no texts to choose from, so ids are computed where the statement's parameters stood, as the data set computed
/// them: by md5 of ordinals, which costs about 2 µs of a read's 100.
pub fn scripts(kind: Kind, size: Size, seed: u64) -> Vec<Script> {
    let read = |weight| Script {
        weight,
        text: format!(
            "{}{};\n",
            variables(size, ""),
            statements::FIND.replace(
                "(select $1::uuid as organisation_id, $2::uuid as id) q",
                &format!(
                    "(select {} as organisation_id, {} as id offset 0) q",
                    id(seed, "organisation", ":o", None),
                    id(seed, "api", ":o", Some(":a"))
                ),
            )
        ),
        keys: 1,
    };
    let list = |weight, limit: u32| Script {
        weight,
        text: format!(
            "{}{};\n",
            variables(size, ""),
            statements::LIST
                .replace("$1::uuid", &id(seed, "organisation", ":o", None))
                .replace("$2", &(limit + 1).to_string())
        ),
        keys: 1,
    };
    match kind {
        Kind::Read => vec![read(1)],
        Kind::List => vec![list(1, 50)],

        Kind::Create => vec![create(1, variables(size, ""), seed)],
        Kind::CreateOne => vec![create(1, "\\set o 1\n".to_owned(), seed)],
        Kind::Mixed => vec![read(80), list(15, 50), create(5, variables(size, ""), seed)],
    }
}

/// The read of so many APIs by one statement.
pub fn many(keys: u32, size: Size, seed: u64) -> Script {
    let all = |kind: &str, with_second: bool| {
        let one = |n| {
            let second = format!(":a{n}");
            id(seed, kind, &format!(":o{n}"), with_second.then_some(&*second))
        };
        format!("array[{}]", (0..keys).map(one).collect::<Vec<_>>().join(", "))
    };
    let variables: String = (0..keys).map(|n| variables(size, &n.to_string())).collect();
    let text = statements::FIND_MANY
        .replace("$1::uuid[]", &all("organisation", false))
        .replace("$2::uuid[]", &all("api", true));
    Script { weight: 1, text: format!("{variables}{text};\n"), keys }
}

/// `o`, an organisation by its share of the APIs, and `a`, one of its APIs: sizes as the data set has them, but rounded down.
fn variables(size: Size, suffix: &str) -> String {
    let (organisations, apis) = (size.organisations, size.apis);
    let total: f64 = (1..=organisations).map(|n| (n as f64).powf(-0.8)).sum();
    let first = apis as f64 / total;
    format!(
        "\\set o{suffix} 1 + int({organisations} * power(random(0, 999999) / 1000000.0, 5) - 0.5)\n\
         \\set a{suffix} random(1, greatest(5, int({first:.3} * power(:o{suffix}, -0.8) - 0.5)))\n"
    )
}

/// As the data set makes its ids.
fn id(seed: u64, kind: &str, first: &str, second: Option<&str>) -> String {
    match second {
        None => format!("md5('{seed} {kind} ' || {first} || ' 0')::uuid"),
        Some(second) => format!("md5('{seed} {kind} ' || {first} || ' ' || {second})::uuid"),
    }
}

fn create(weight: u32, variables: String, seed: u64) -> Script {
    // As a service makes ids: the time first, so that new rows stand together.
    let new_id = "(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(md5(:n::text), 1, 19))::uuid";
    let values = [
        id(seed, "organisation", ":o", None),
        id(seed, "sub domain", ":o", Some(":s")),
        "null::uuid".to_owned(),
        id(seed, "profile", ":o", Some(":p")),
        "select id from made_id".to_owned(),
        "now()".to_owned(),
        "'bench-' || (select id from made_id)".to_owned(),
        "null::text".to_owned(),
        "null::text".to_owned(),
        "array['made-by-bench']".to_owned(),
        "0".to_owned(),
        "1".to_owned(),
        id(seed, "login", ":o", Some("1")),
        "md5(:n::text)".to_owned(),
        AFTER.to_owned(),
    ];
    // From the last one: $1 is the beginning of $15.
    let statement = values.iter().enumerate().rev().fold(statements::CREATE.to_owned(), |text, (index, value)| {
        text.replace(&format!("${}", index + 1), &format!("({value})"))
    });
    let named = format!("with made_id as materialized (select {new_id} as id), asked as");
    let statement = statement.replacen("with asked as", &named, 1);
    Script {
        weight,
        text: format!(
            "{variables}\\set s random(1, 20)\n\\set p random(1, 20)\n\\set n random(1, 9000000000000000000)\n{statement};\n"
        ),
        keys: 1,
    }
}

/// The create without its row for the change feed, and without what it asks for only to write that.
pub fn untold(create: Script) -> Script {
    let (start, end) = (create.text.find("), changed as ("), create.text.find(") select asked.standing"));
    // Both stand in the statement, as a test of this module sees to.
    let text = match start.zip(end) {
        Some((start, end)) => create.text[..start].to_owned() + &create.text[end..],
        None => create.text,
    };
    Script { text, ..create }
}

/// What the change says of a new API, about as long as what a service writes.
const AFTER: &str = r#"'{"name": "bench", "title": null, "description": null, "tags": ["made-by-bench"], "versions": [{"major": 0, "minor": 1, "status": "inception"}]}'::jsonb"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_parameter_is_left_in_a_yardstick() {
        let size = Size::SMALL;
        for kind in [Kind::Read, Kind::List, Kind::Create, Kind::CreateOne, Kind::Mixed] {
            for script in scripts(kind, size, 1) {
                assert!(!script.text.contains('$'), "{kind:?}: {}", script.text);
            }
        }
        assert!(!many(3, size, 1).text.contains('$'));
    }

    #[test]
    fn an_untold_create_lacks_its_change_alone() {
        let script = |of: fn(Script) -> Script| {
            let all = scripts(Kind::Create, Size::SMALL, 1);
            all.into_iter().map(of).map(|one| one.text).collect::<String>()
        };
        let (told, untold) = (script(|told| told), script(untold));
        assert!(told.contains("registry.changes") && !untold.contains("registry.changes"));
        let parts = ["registry.usage", "registry.apis", "registry.api_tags", "registry.versions"];
        assert!(parts.iter().all(|part| untold.contains(part)), "{untold}");
    }
}

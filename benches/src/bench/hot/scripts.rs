//! What pgbench is given: the service's statements, for rows of the data set by the same odds.
//!
//! pgbench has no texts to choose from, so ids are computed where the statement's parameters stood, as the data set computed
//! them: by md5 of ordinals, which costs about 2 µs of a read's 100.

use super::requests::Kind;
use super::statements::Recorder;
use crate::Failure;
use crate::data::Size;

/// One call of a script of pgbench: how often of a hundred, its variables, its statement.
#[derive(Clone)]
pub struct Script {
    /// Its weight.
    pub weight: u32,
    /// The whole text.
    pub text: String,
    /// What it looks up, for a statement that looks up many.
    pub keys: u32,
}

/// The yardstick of a kind: the same statements, for rows of the data set by the same odds.
pub fn scripts(recorder: &mut Recorder<'_>, kind: Kind, size: Size) -> Result<Vec<Script>, Failure> {
    let any = variables(size, "");
    Ok(match kind {
        Kind::Read => vec![read(recorder, 1, &any)?],
        Kind::List => vec![list(recorder, 1, &any)?],
        Kind::Create => vec![create(recorder, 1, &any)?],
        Kind::CreateOne => vec![create(recorder, 1, "\\set o 1\n")?],
        Kind::Mixed => vec![read(recorder, 80, &any)?, list(recorder, 15, &any)?, create(recorder, 5, &any)?],
    })
}

fn read(recorder: &mut Recorder<'_>, weight: u32, variables: &str) -> Result<Script, Failure> {
    let text = recorder.for_pgbench("find-api")?;
    // Or the server would compute the ids once for each table that they are compared with.
    let text = replace(&text, " as id) q", " as id offset 0) q")?;
    Ok(Script { weight, text: format!("{variables}{text};\n"), keys: 1 })
}

fn list(recorder: &mut Recorder<'_>, weight: u32, variables: &str) -> Result<Script, Failure> {
    let text = recorder.for_pgbench("list-apis")?;
    Ok(Script { weight, text: format!("{variables}{text};\n"), keys: 1 })
}

fn create(recorder: &mut Recorder<'_>, weight: u32, variables: &str) -> Result<Script, Failure> {
    let text = recorder.for_pgbench("create-api")?;
    // As a service makes ids: the time first, so that new rows stand together.
    let new_id = "(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(md5(:n::text), 1, 19))::uuid";
    let text = replace(&text, "with ", &format!("with made_id as materialized (select {new_id} as id), "))?;
    let more = "\\set s random(1, 20)\n\\set p random(1, 20)\n\\set n random(1, 9000000000000000000)\n";
    Ok(Script { weight, text: format!("{variables}{more}{text};\n"), keys: 1 })
}

/// The read of so many APIs by one statement.
pub fn many(recorder: &mut Recorder<'_>, keys: u32, size: Size) -> Result<Script, Failure> {
    let text = recorder.for_pgbench_many(keys)?;
    let variables: String = (0..keys).map(|n| variables(size, &n.to_string())).collect();
    Ok(Script { weight: 1, text: format!("{variables}{text};\n"), keys })
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

/// The create without its row for the change feed, and without what it asks for only to write that.
pub fn without_change(create: &Script) -> Result<Script, Failure> {
    let (before, rest) = create.text.split_once("), changed as (").ok_or_else(changed)?;
    let at = rest.find(") select asked.standing").ok_or_else(changed)?;
    Ok(Script { text: format!("{before}{}", &rest[at..]), ..create.clone() })
}

/// Replaces what must stand in a statement.
fn replace(text: &str, part: &str, with: &str) -> Result<String, Failure> {
    if !text.contains(part) {
        return Err(changed());
    }
    Ok(text.replacen(part, with, 1))
}

fn changed() -> Failure {
    Failure::could_not_run(
        "Registry's statement has another form than pgbench's script is made from: change benches/src/bench/hot/scripts.rs.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_create_without_its_change_lacks_that_alone() {
        let create = |text: &str| Script { weight: 5, text: text.to_owned(), keys: 1 };
        let whole =
            "with tagged as (t), changed as (insert into registry.changes (b)) select asked.standing from asked;";
        let rest = without_change(&create(whole)).map(|script| (script.weight, script.text));
        let rest = rest.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(rest, (5, "with tagged as (t) select asked.standing from asked;".to_owned()));
        assert!(without_change(&create("select 1;")).is_err());
    }
}

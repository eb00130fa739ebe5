//! The two bounds of a range: `between $1 and $2`, `a >= $1 and a < $2`.

use schema::impact::{Drawn, Drivable};

/// Which end of a range a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Lower,
    Upper,
}

/// Pairs of parameters that bound the same column, lower and upper, counted from 0. Drawn from one row both would be the same value, and the
/// range empty or a single one.
pub fn ranges(one: &Drivable) -> Vec<(usize, usize)> {
    let column = |number: usize| one.parameters.get(number).map(|(_, source)| source);
    let ends = ends(&one.sql);
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (lower, _) in ends.iter().filter(|(_, end)| *end == End::Lower) {
        let fits = |upper: usize| {
            let same = matches!(column(*lower), Some(Drawn::Column { .. })) && column(*lower) == column(upper);
            same && upper != *lower && found.iter().all(|(low, high)| ![low, high].contains(&&upper) && low != lower)
        };
        let upper = ends.iter().find(|(upper, end)| *end == End::Upper && fits(*upper));
        if let Some((upper, _)) = upper {
            found.push((*lower, *upper));
        }
    }
    found
}

/// Parameters, counted from 0, that something is compared with by order.
fn ends(sql: &str) -> Vec<(usize, End)> {
    let mut found = Vec::new();
    let opens = |c: char| c.is_whitespace() || c == '(';
    // The end of the parameter that follows `between`.
    let mut between: Option<usize> = None;
    for (at, end, number) in parameters(sql) {
        let (before, after) = (&sql[..at], uncast(&sql[end..]));
        let upper_of =
            between.take().filter(|from| uncast(&sql[*from..at]).trim_end_matches(opens).eq_ignore_ascii_case("and"));
        let before = before.trim_end_matches(opens);
        let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let symmetric = word.eq_ignore_ascii_case("between") || word.eq_ignore_ascii_case("symmetric");
        let of = if upper_of.is_some() {
            Some(End::Upper)
        } else if symmetric {
            between = Some(end);
            Some(End::Lower)
        } else {
            let operator_before = &before[before.trim_end_matches(is_operator).len()..];
            let operator_after = &after[..after.len() - after.trim_start_matches(is_operator).len()];
            match (operator_before, operator_after) {
                (">" | ">=", _) | (_, "<" | "<=") => Some(End::Lower),
                ("<" | "<=", _) | (_, ">" | ">=") => Some(End::Upper),
                _ => None,
            }
        };
        found.extend(of.map(|of| (number - 1, of)));
    }
    found
}

/// Where `$1`, `$2`, … begin and end, outside of quotes, and their numbers.
fn parameters(sql: &str) -> Vec<(usize, usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(c) = sql[at..].chars().next() {
        let rest = &sql[at + c.len_utf8()..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let length = match c {
            '\'' | '"' => c.len_utf8() + rest.find(c).map_or(rest.len(), |end| end + 1),
            '$' => 1 + digits,
            c => c.len_utf8(),
        };
        if let Some(number) = rest[..digits].parse().ok().filter(|number| c == '$' && *number > 0) {
            found.push((at, at + length, number));
        }
        at += length;
    }
    found
}

/// What follows a parameter, without its cast and closing parentheses.
fn uncast(after: &str) -> &str {
    let skipped = after.trim_start_matches(|c: char| c.is_whitespace() || c == ')');
    let Some(cast) = skipped.strip_prefix("::") else {
        return skipped;
    };
    let name = cast.trim_start_matches(|c: char| c.is_alphanumeric() || "_.\"[]".contains(c));
    let more = [" without time zone", " with time zone", " varying", " precision"];
    uncast(more.iter().find_map(|words| name.strip_prefix(words)).unwrap_or(name))
}

fn is_operator(c: char) -> bool {
    "<>=!@#%^&|~?+-*/`".contains(c)
}

#[cfg(test)]
mod tests {
    use schema::impact::Statement;

    use super::*;

    fn of(sql: &str, columns: &[&str]) -> Vec<(usize, usize)> {
        let column = |name: &&str| Drawn::Column { table: "t".into(), column: (*name).into() };
        let parameters = columns.iter().map(|name| ("int4".to_owned(), column(name))).collect();
        let statement = Statement { role: "r".into(), sql: sql.into(), calls: 1, values: None };
        ranges(&Drivable { statement, sql: sql.into(), parameters })
    }

    #[test]
    fn both_bounds_of_a_range_are_found() {
        let both = ["a", "a"];
        for sql in [
            "select from t where a between $1 and $2",
            "select from t where a BETWEEN ($1)::pg_catalog.int4 AND ($2::int4)",
            "select from t where a between symmetric $1::int4 and $2::int4 and b = '$3'",
            "select from t where a between $1::timestamp with time zone and $2::timestamp with time zone",
            "select from t where a >= $1 and a < $2",
            "select from t where a>($1)and a<=$2",
            "select from t where $1 <= a and $2::int4 > a",
        ] {
            assert_eq!(of(sql, &both), [(0, 1)], "{sql}");
        }
        assert_eq!(of("select from t where a < $1 and a > $2", &both), [(1, 0)]);
        let two = "select from t where b between $1 and $2 and a >= $3 and a < $4";
        assert_eq!(of(two, &["b", "b", "a", "a"]), [(0, 1), (2, 3)]);
    }

    #[test]
    fn what_is_no_range_is_not_ordered() {
        for sql in [
            "select from t where a = $1 and b = $2",
            "select from t where a <> $1 and a -> $2 = a",
            "select from t where a >= $1 or a >= $2",
            "select from t where a @> $1 and a <@ $2",
            "select '>$1<' from t where a < $2",
        ] {
            assert_eq!(of(sql, &["a", "a"]), [], "{sql}");
        }
        assert_eq!(of("select from t where a >= $1 and b < $2", &["a", "b"]), [], "two columns");
    }
}

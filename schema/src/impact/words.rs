//! The words of a statement, as far as they are looked at without planning it.

/// Up to the first character that ends a word: `commit/**/and chain` is a commit, too. Comments before it were removed already.
pub(super) fn first_word(sql: &str) -> &str {
    let end = sql.find(|c: char| !c.is_ascii_alphabetic());
    &sql[..end.unwrap_or(sql.len())]
}

/// Words, parameters, operators and other signs; words in lower case unless quoted, of `a.b` the last part.
pub(super) fn tokens(sql: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let chars: Vec<char> = sql.chars().collect();
    let mut at = 0;
    let run = |from: usize, of: &dyn Fn(char) -> bool| chars[from..].iter().take_while(|c| of(**c)).count();
    while at < chars.len() {
        let c = chars[at];
        let length = match c {
            '\'' | '"' => run(at + 1, &|one| one != c) + 2,
            '$' => 1 + run(at + 1, &|one| one.is_ascii_digit()),
            _ if c.is_alphanumeric() || c == '_' => run(at, &|one| one.is_alphanumeric() || one == '_'),
            _ if "<>=~!@#%^&|?*/+-".contains(c) => run(at, &|one| "<>=~!@#%^&|?*/+-".contains(one)),
            _ => 1,
        };
        let text: String = chars[at..(at + length).min(chars.len())].iter().collect();
        at += length;
        match c {
            '"' => found.push(text.trim_matches('"').to_owned()),
            '.' => {
                found.pop();
            }
            _ if c.is_whitespace() => {}
            _ => found.push(text.to_lowercase()),
        }
    }
    found
}

/// The column that the parameter at this place is compared with, or that is set to it.
pub(super) fn compared(tokens: &[String], at: usize) -> Option<String> {
    const OPERATORS: [&str; 14] =
        ["=", "<>", "!=", "<", ">", "<=", ">=", "like", "ilike", "in", "~", "~*", "between", "@>"];
    let word = |token: &String| token.starts_with(|c: char| c.is_alphabetic() || c == '_').then(|| token.clone());
    let mut back = at;
    while back > 0 {
        back -= 1;
        match tokens[back].as_str() {
            "(" | "any" | "all" | "[" | "array" | "," | "and" => {}
            other if other.starts_with('$') => {}
            other if OPERATORS.contains(&other) => {
                let before = tokens[..back].iter().rev().find(|token| !["not", ")"].contains(&token.as_str()));
                return before.and_then(word);
            }
            _ => break,
        }
    }
    let next = tokens.get(at + 1)?;
    if OPERATORS.contains(&next.as_str()) {
        let after = tokens[at + 2..].iter().find(|token| !["any", "(", "all"].contains(&token.as_str()));
        return after.and_then(word);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{compared, tokens};

    #[test]
    fn the_column_that_a_parameter_is_about() {
        for (sql, column) in [
            ("select a from t where t.b = $1", Some("b")),
            ("select a from t where \"Big\" in ($1)", Some("Big")),
            ("update t set c = $1 where d = 4", Some("c")),
            ("select a from t where id = any ($1)", Some("id")),
            ("select a from t where $1 < e", Some("e")),
            ("select f($1)", None),
        ] {
            let tokens = tokens(sql);
            let at = tokens.iter().position(|token| token == "$1").unwrap_or_default();
            assert_eq!(compared(&tokens, at).as_deref(), column, "{sql}: {tokens:?}");
        }
    }
}

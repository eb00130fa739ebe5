//! Forms of text.

/// One `@`, something before it, a domain with a dot or a single label after it, nothing that a mail header could break on.
pub(super) fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return false;
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    email.len() <= 254
        && (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"@()<>[]\\,;:\"".contains(c))
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    #[test]
    fn e_mail_addresses() {
        for good in ["a@b.example", "first.last+tag@sub.domain.example", "o'neil@x.example", "a@localhost"] {
            assert!(super::is_email(good), "{good}");
        }
        let long = format!("{}@b.example", "a".repeat(65));
        for bad in [
            "",
            "a",
            "a@",
            "@b.example",
            "a b@c.example",
            "a@b..example",
            "a@-b.example",
            "a\n@b.example",
            "a@b@c.example",
            &long,
        ] {
            assert!(!super::is_email(bad), "{bad}");
        }
    }
}

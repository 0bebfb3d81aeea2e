//! The command lines of unit files: systemd's quoting, specifiers and variable expansion.

use std::collections::BTreeMap;

/// Splits a line into words: blanks separate, `"…"` and `'…'` group, `\` escapes as in C. `None`: a quote is not closed.
pub(crate) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.get_or_insert_default().push_str(&escape(chars.next()?)),
            _ if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            _ if c.is_whitespace() && quote.is_none() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

fn escape(c: char) -> String {
    match c {
        'n' => "\n".into(),
        't' => "\t".into(),
        's' => " ".into(),
        '\\' | '"' | '\'' | ' ' => c.into(),
        other => format!("\\{other}"),
    }
}

/// Replaces the specifiers `%n %N %p %i %H %%`; others stay as they are.
pub(crate) fn specifiers(text: &str, unit: &str, hostname: &str) -> String {
    let name = unit.strip_suffix(".service").unwrap_or(unit);
    let (prefix, instance) = name.split_once('@').unwrap_or((name, ""));
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push_str(unit),
            Some('N') => out.push_str(name),
            Some('p') => out.push_str(prefix),
            Some('i' | 'I') => out.push_str(instance),
            Some('H' | 'l') => out.push_str(hostname),
            Some('t') => out.push_str("/run"),
            Some('S') => out.push_str("/var/lib"),
            Some('%') | None => out.push('%'),
            Some(other) => out.extend(['%', other]),
        }
    }
    out
}

/// Expands variables in the arguments: `${X}` anywhere stays within its word, a word that is just `$X` is split at blanks (and
/// vanishes when empty), `$$` is a dollar. Unknown variables are empty.
pub(crate) fn expand(words: &[String], variables: &BTreeMap<String, String>) -> Vec<String> {
    let mut out = Vec::new();
    for word in words {
        match word.strip_prefix('$').filter(|name| is_name(name)) {
            Some(name) => out.extend(
                variables
                    .get(name)
                    .into_iter()
                    .flat_map(|value| value.split_whitespace())
                    .map(str::to_owned),
            ),
            None => out.push(expand_word(word, variables)),
        }
    }
    out
}

fn expand_word(word: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = &after[1..];
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((name, tail)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            out.push_str(variables.get(name).map_or("", String::as_str));
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out + rest
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, words: &[&str]) {
        assert_eq!(split(line).unwrap(), words, "{line}");
    }

    #[test]
    fn words_are_split_at_blanks_outside_of_quotes() {
        check("/bin/a  b\tc", &["/bin/a", "b", "c"]);
        check(r#"sh -c 'echo "x y"' "a b""#, &["sh", "-c", "echo \"x y\"", "a b"]);
        check(r#"a"" '' b"#, &["a", "", "b"]);
        check(r"a\ b c\\d e\x", &["a b", r"c\d", r"e\x"]);
        check("", &[]);
        assert_eq!(split("a 'b"), None);
        assert_eq!(split("a \\"), None);
    }

    #[test]
    fn specifiers_name_the_unit() {
        assert_eq!(
            specifiers("%n %N %p %i %H 100%% %q", "a@b.service", "h"),
            "a@b.service a@b a b h 100% %q"
        );
        assert_eq!(specifiers("%p%", "a.service", "h"), "a%");
    }

    #[test]
    fn variables_split_only_when_alone() {
        let variables = BTreeMap::from([("A".to_owned(), "1 2".to_owned())]);
        let words = ["$A", "${A}", "x${A}y", "$B", "${B}", "$$A", "a$A", "$"].map(str::to_owned);
        assert_eq!(
            expand(&words, &variables),
            ["1", "2", "1 2", "x1 2y", "", "$A", "a$A", "$"]
        );
    }
}

//! How a text is written in YAML: whether it would read back as something else, and which style it may take.

/// The ways to write a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Bare.
    Plain,
    /// `'…'`.
    Single,
    /// `"…"`.
    Double,
    /// A `|` block.
    Literal,
}

/// The style that yaml.v2 chooses.
pub(crate) fn style(text: &str, is_key: bool) -> Style {
    let found = Analysis::of(text);
    if text.contains('\n') {
        return if found.block_allowed && !is_key {
            Style::Literal
        } else {
            Style::Double
        };
    }
    if reads_as_other_type(text) {
        return Style::Double;
    }
    match (found.plain_allowed, found.single_allowed) {
        (true, _) => Style::Plain,
        (false, true) => Style::Single,
        (false, false) => Style::Double,
    }
}

/// The escape of a character inside double quotes, if it needs one.
pub(crate) fn escape(c: char) -> Option<String> {
    if is_printable(c) && !is_break(c) && c != '"' && c != '\\' {
        return None;
    }
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' | '\\' => c,
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            return Some(match u32::from(c) {
                code @ 0..=0xff => format!("\\x{code:02X}"),
                code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            });
        }
    };
    Some(format!("\\{short}"))
}

/// What the characters of a text allow.
struct Analysis {
    plain_allowed: bool,
    single_allowed: bool,
    block_allowed: bool,
}

impl Analysis {
    fn of(text: &str) -> Analysis {
        let chars: Vec<char> = text.chars().collect();
        let (Some(&first), Some(&last)) = (chars.first(), chars.last()) else {
            return Analysis {
                plain_allowed: true,
                single_allowed: true,
                block_allowed: false,
            };
        };
        let special = chars.iter().any(|&c| !is_printable(c));
        let space_before_break = chars.windows(2).any(|w| w[0] == ' ' && is_break(w[1]));
        let space_after_break = chars.windows(2).any(|w| is_break(w[0]) && w[1] == ' ');
        let edge = |c: char| c == ' ' || is_break(c);
        let bad = special || space_before_break;
        Analysis {
            plain_allowed: !(bad
                || edge(first)
                || edge(last)
                || chars.iter().any(|&c| is_break(c))
                || has_indicator(&chars)),
            single_allowed: !(bad || space_after_break),
            block_allowed: !(bad || last == ' '),
        }
    }
}

/// Whether a character gives the bare text another meaning in block context.
fn has_indicator(chars: &[char]) -> bool {
    let text_start: String = chars.iter().take(3).collect();
    if text_start == "---" || text_start == "..." {
        return true;
    }
    let blank_at = |i: usize| chars.get(i).is_none_or(|&c| c == ' ' || c == '\t' || is_break(c));
    let leads = match chars[0] {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => true,
        '?' | ':' | '-' => blank_at(1),
        _ => false,
    };
    leads
        || (1..chars.len()).any(|i| match chars[i] {
            ':' => blank_at(i + 1),
            '#' => blank_at(i - 1),
            _ => false,
        })
}

/// Printable in the narrow sense of the original: no tab, nothing above the basic plane.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether the bare text would be read as a number, truth value, null, date or base-60 number.
fn reads_as_other_type(text: &str) -> bool {
    const WORDS: [&str; 31] = [
        "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n",
        "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", ".nan", ".NaN", ".NAN", ".inf",
    ];
    const INFINITIES: [&str; 8] = [".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"];
    if WORDS.contains(&text) || INFINITIES.contains(&text) || is_base60(text) {
        return true;
    }
    match text.as_bytes()[0] {
        b'.' => is_go_float(text),
        b'0'..=b'9' | b'+' | b'-' => is_timestamp(text) || is_number(&text.replace('_', "")),
        _ => false,
    }
}

/// What `strconv.ParseFloat` takes of a text that begins with a point.
fn is_go_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    digits(&mantissa[1..]) && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

fn is_number(text: &str) -> bool {
    is_integer(text) || is_yaml_float(text)
}

/// `strconv.ParseInt`/`ParseUint` with base 0: decimal, `0x`, `0o`, `0b`, or octal after a leading zero.
fn is_integer(text: &str) -> bool {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(hex) = lower.strip_prefix("0x") {
        (16, hex)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return false;
    }
    match u64::from_str_radix(digits, radix) {
        Ok(value) if negative => value <= 1 << 63,
        Ok(value) => !text.starts_with('+') || i64::try_from(value).is_ok(),
        Err(_) => false,
    }
}

/// `[-+]?[0-9]*\.?[0-9]+([eE][-+][0-9]+)?`
fn is_yaml_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or(("", mantissa));
    digits(whole)
        && !fraction.is_empty()
        && digits(fraction)
        && exponent.is_none_or(|e| e.strip_prefix(['+', '-']).is_some_and(|d| !d.is_empty() && digits(d)))
}

/// `[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?`, which old parsers read in base 60.
fn is_base60(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (head, fraction) = match rest.split_once('.') {
        Some((head, fraction)) => (head, fraction),
        None => (rest, ""),
    };
    let mut parts = head.split(':');
    let whole = parts.next().unwrap_or("");
    let mut minutes = parts.peekable();
    minutes.peek().is_some()
        && whole.starts_with(|c: char| c.is_ascii_digit())
        && whole.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && minutes.all(|m| match m.as_bytes() {
            [d] => d.is_ascii_digit(),
            [t, d] => (b'0'..=b'5').contains(t) && d.is_ascii_digit(),
            _ => false,
        })
}

/// A date `2006-1-2`, alone or with a time of day.
fn is_timestamp(text: &str) -> bool {
    if text.len() < 8
        || !text.is_ascii()
        || !text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
        || text.as_bytes()[4] != b'-'
    {
        return false;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((&text[at..=at], &text[at + 1..]))),
        None => (text, None),
    };
    is_date(date)
        && match time {
            None => true,
            Some((" ", time)) => is_time(time),
            Some((_, time)) => strip_zone(time).is_some_and(is_time),
        }
}

fn is_date(date: &str) -> bool {
    let parts: Vec<Option<u32>> = date.split('-').map(number).collect();
    let [Some(year), Some(month @ 1..=12), Some(day)] = parts[..] else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=days).contains(&day) && date.split('-').skip(1).all(|part| part.len() <= 2)
}

fn is_time(time: &str) -> bool {
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let parts: Vec<Option<u32>> = clock.split(':').map(number).collect();
    let [Some(hour), Some(minute), Some(second)] = parts[..] else {
        return false;
    };
    let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    hour < 24 && minute < 60 && second < 60 && digits && clock.split(':').all(|part| part.len() <= 2)
}

/// The time before `Z` or `±hh:mm`.
fn strip_zone(time: &str) -> Option<&str> {
    if let Some(utc) = time.strip_suffix('Z') {
        return Some(utc);
    }
    let (clock, zone) = time.split_at_checked(time.len().checked_sub(6)?)?;
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    (number(hours)? <= 24 && number(minutes)? < 60).then_some(clock)
}

fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: Style, texts: &[&str]) {
        for text in texts {
            assert_eq!(style(text, false), expected, "{text:?}");
        }
    }

    #[test]
    fn texts_that_read_as_other_types_are_double_quoted() {
        check(
            Style::Double,
            &[
                "",
                "1",
                "-1",
                "+5",
                "0x1f",
                "0o17",
                "0b101",
                "0123",
                "0123456789",
                "1_000",
                "1.5",
                ".5",
                "1e+3",
                "true",
                "yes",
                "on",
                "n",
                "null",
                "~",
                ".inf",
                "-.INF",
                "2001-01-01",
                "2001-1-2",
                "2024-01-02T15:04:05Z",
                "2024-01-02 15:04:05",
                "2024-01-02T15:04:05+01:00",
                "190:20:30",
                "12:30",
                "18446744073709551615",
            ],
        );
    }

    #[test]
    fn ordinary_texts_stand_bare() {
        check(
            Style::Plain,
            &[
                "a",
                "10.0.0.5",
                "10.0.0.5/32",
                "http://x:80/y",
                "a b",
                "a#b",
                "yesterday",
                "oNe",
                "1e3",
                "1.2.3",
                "-a",
                "?a",
                "2001-13-01",
                "18446744073709551616x",
                "x'y",
                "a, b",
                "é",
                "12:61",
                "db:3",
                "<<",
                "2024-01-02 15:04:05Z",
            ],
        );
    }

    #[test]
    fn texts_with_indicators_are_single_quoted() {
        check(
            Style::Single,
            &[
                "x: y", " lead", "trail ", "# c", "#c", "[a", "{a}", "*a", "&a", "!a", "|", ">", "%", "@a", "`", "- a",
                "-", "a #b", "a:", "---", "...x", "'a'", "\"a\"", ", a",
            ],
        );
    }

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        check(Style::Double, &["a\tb", "\u{1f600}", "a\u{7}", "a \nb"]);
        check(Style::Literal, &["a\nb", "a\n b", "a\n"]);
        assert_eq!(style("a\nb", true), Style::Double);
        assert_eq!(escape('\t').as_deref(), Some("\\t"));
        assert_eq!(escape('\u{1f600}').as_deref(), Some("\\U0001F600"));
        assert_eq!(escape('a'), None);
    }
}

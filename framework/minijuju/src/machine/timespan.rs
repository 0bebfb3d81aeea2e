//! systemd's time spans: `5`, `1min 30s`, `2h`, `500ms`, `infinity`.

use std::time::Duration;

/// Longer than any machine lives; what `infinity` becomes, so that it can be added to a clock.
pub(crate) const INFINITY: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Reads a time span; a bare number is in seconds.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text == "infinity" {
        return Some(INFINITY);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?.trim_start();
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        total += number * unit(rest.get(..letters)?)?;
        rest = rest.get(letters..)?.trim_start();
    }
    if text.is_empty() {
        None
    } else {
        Some(Duration::try_from_secs_f64(total).unwrap_or(INFINITY).min(INFINITY))
    }
}

fn unit(name: &str) -> Option<f64> {
    Some(match name {
        "" | "s" | "sec" | "second" | "seconds" => 1.0,
        "us" | "usec" | "µs" => 1e-6,
        "ms" | "msec" => 1e-3,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_does() {
        for (text, millis) in [
            ("5", 5_000),
            ("0", 0),
            ("100ms", 100),
            ("1min 30s", 90_000),
            ("1min30s", 90_000),
            ("2h", 7_200_000),
            ("1.5 sec", 1_500),
            (" 90 s ", 90_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("infinity"), Some(INFINITY));
        for text in ["", "x", "5 apples", "-1", "1.2.3s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

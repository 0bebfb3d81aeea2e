//! Durations as Go writes them: `90s`, `1m30s`, `5.0s`, `250ms`.

use std::time::Duration;

use super::failure::Failure;

/// Reads a duration; `option` is named in the error.
pub(crate) fn parse(option: &str, text: &str) -> Result<Duration, Failure> {
    let invalid = |why: &str| {
        Failure::usage(format!(
            "invalid value {text:?} for option {option}: time: {why} {text:?}"
        ))
    };
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() || rest.starts_with('-') {
        return Err(invalid("invalid duration"));
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| invalid("invalid duration"))?;
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" => return Err(invalid("missing unit in duration")),
            _ => return Err(invalid("unknown unit in duration")),
        };
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| invalid("invalid duration"))?;
        total = total.saturating_add(part);
        rest = after;
    }
    Ok(total)
}

/// The same in milliseconds.
pub(crate) fn parse_millis(option: &str, text: &str) -> Result<u64, Failure> {
    Ok(u64::try_from(parse(option, text)?.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_does() {
        let cases = [
            ("5s", 5_000),
            ("5.0s", 5_000),
            ("1m30s", 90_000),
            ("250ms", 250),
            ("2h", 7_200_000),
            ("0", 0),
            (".5s", 500),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_millis("--wait", text), Ok(millis), "{text}");
        }
    }

    #[test]
    fn errors_are_gos() {
        let error = |text| parse("--wait", text).unwrap_err();
        assert_eq!(
            error("5").text,
            "invalid value \"5\" for option --wait: time: missing unit in duration \"5\""
        );
        assert_eq!(
            error("5x").text,
            "invalid value \"5x\" for option --wait: time: unknown unit in duration \"5x\""
        );
        assert_eq!(error("-5s").code, 2);
        for text in ["", "s", "1.2.3s"] {
            assert!(error(text).text.contains("invalid duration"), "{text}");
        }
    }
}

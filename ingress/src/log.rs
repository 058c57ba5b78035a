//! The operator's log: one JSON object a line on standard error, with `ts`, `level`, `event` and the fields of the event.
//!
//! Rules for callers: no header values, no bodies, no path tokens, no `DETAIL` of a database error.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// One named value of a line.
pub type Field<'a> = (&'a str, Value);

/// A normal step of the worker's life.
pub fn info(event: &str, fields: &[Field<'_>]) {
    write("info", event, fields);
}

/// Something that the worker gets over by itself.
pub fn warn(event: &str, fields: &[Field<'_>]) {
    write("warn", event, fields);
}

/// Something that a person has to look at.
pub fn error(event: &str, fields: &[Field<'_>]) {
    write("error", event, fields);
}

/// Details of single requests; written only when `DEBUG_WEBHOOKS` is on, which the caller checks.
pub fn debug(event: &str, fields: &[Field<'_>]) {
    write("debug", event, fields);
}

fn write(level: &str, event: &str, fields: &[Field<'_>]) {
    let mut text = line(SystemTime::now(), level, event, fields);
    text.push('\n');
    // One write, so that lines of several processes on one pipe do not mix. A log that nobody reads is no reason to stop.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn line(now: SystemTime, level: &str, event: &str, fields: &[Field<'_>]) -> String {
    let mut text = format!(
        "{{\"ts\":\"{}\",\"level\":{},\"event\":{}",
        rfc3339(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()),
        Value::from(level),
        Value::from(event)
    );
    for (name, value) in fields {
        text.push_str(&format!(",{}:{value}", Value::from(*name)));
    }
    text.push('}');
    text
}

/// Milliseconds since 1970 as an RFC 3339 instant in UTC.
fn rfc3339(millis: u128) -> String {
    let seconds = (millis / 1000) as i64;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a Gregorian date, counted from 0000-03-01 so that the leap day is the last of its year (H. Hinnant).
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn instants_are_written_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_001), "2000-02-29T00:00:00.001Z");
        assert_eq!(rfc3339(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
        assert_eq!(rfc3339(4_102_444_800_000), "2100-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_line_is_one_json_object_in_a_fixed_order() {
        let at = UNIX_EPOCH + Duration::from_millis(1);
        let text = line(at, "info", "x", &[("b", "q\"\n".into()), ("a", 1.into())]);
        assert_eq!(text, r#"{"ts":"1970-01-01T00:00:00.001Z","level":"info","event":"x","b":"q\"\n","a":1}"#);
    }
}

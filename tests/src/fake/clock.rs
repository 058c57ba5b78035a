//! Times as both platforms write them. The model counts milliseconds since 1970.

use std::time::{SystemTime, UNIX_EPOCH};

/// A minute.
pub const MINUTE: i64 = 60_000;
/// A day.
pub const DAY: i64 = 1_440 * MINUTE;

/// The real time.
pub fn real_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}

/// `2026-10-03T08:11:55.102Z`, as Humanitix writes it.
pub fn millis(at: i64) -> String {
    format!("{}.{:03}Z", naive(at), at.rem_euclid(1000))
}

/// `2026-10-03T08:11:55Z`, as Eventbrite writes it: what is below a second is cut off.
pub fn seconds(at: i64) -> String {
    format!("{}Z", naive(at))
}

/// The same without a zone.
pub fn naive(at: i64) -> String {
    let (days, ms) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let s = ms / 1000;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// Reads `YYYY-MM-DDTHH:MM:SS[.fraction]Z`; an offset other than `Z` is not needed here.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let bytes = whole.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if bytes.len() != 19 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let number = |from: usize, to: usize| whole.get(from..to)?.parse::<i64>().ok().filter(|number| *number >= 0);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(days(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + ms)
}

/// Days since 1970 as a date (Howard Hinnant, `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// The inverse (`days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        assert_eq!(millis(1_772_359_205_007), "2026-03-01T10:00:05.007Z");
        assert_eq!(seconds(1_709_164_800_999), "2024-02-29T00:00:00Z");
        for at in [0, 1_772_359_205_007, 951_782_400_000, 4_102_444_799_999] {
            assert_eq!(parse(&millis(at)), Some(at));
        }
        assert_eq!(parse("2026-03-01T10:00:05Z"), Some(1_772_359_205_000));
        for wrong in ["2026-03-01", "2026-03-01T10:00:05", "2026-13-01T10:00:05Z", "2026-03-01 10:00:05Z", "yesterday"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}

//! Instants as the platforms write them.

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

/// 0001-01-01T00:00:00Z. Earlier is a typing error, not the time of a sale.
const YEAR_ONE: Micros = -62_135_596_800_000_000;
/// 4713-01-01 BC (Gregorian -4713-11-24), where PostgreSQL's timestamptz begins.
const POSTGRES_BEGIN: Micros = -210_866_803_200_000_000;
/// 10000-01-01T00:00:00Z, where four digits end.
const YEAR_10000: Micros = 253_402_300_800_000_000;
const DAY: i64 = 86_400_000_000;

/// Reads an ISO 8601 instant with an offset or `Z`, with or without a fraction, `T` or a space in the middle.
///
/// `None` for a local time without offset (whose instant nobody knows), for years before 1 and after 9999, and for
/// everything else. Digits after the microseconds are dropped.
#[must_use]
pub fn parse(text: &str) -> Option<Micros> {
    let text = text.trim();
    // Real instants are at most 35 characters; longer ones are not worth a parser's time.
    if text.len() > 64 || text.contains('[') {
        return None;
    }
    let instant = text.parse::<jiff::Timestamp>().ok()?;
    let micros = i64::try_from(instant.as_nanosecond().div_euclid(1_000)).ok()?;
    (micros >= YEAR_ONE).then_some(micros)
}

/// An instant as a sender wrote it, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The instant; of a date alone its first moment in UTC.
    pub at: Micros,
    /// What had to be assumed.
    pub precision: Precision,
}

/// What a written time says of its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Exactly which instant it is.
    Exact,
    /// A local time without an offset, read as UTC.
    AssumedUtc,
    /// Only a date, read in UTC.
    Date,
}

impl Reading {
    /// The last instant that it can mean.
    #[must_use]
    pub fn latest(self) -> Micros {
        match self.precision {
            Precision::Exact | Precision::AssumedUtc => self.at,
            Precision::Date => self.at.saturating_add(DAY - 1),
        }
    }
}

/// Reads an instant in any of the forms that automation tools write: what [`parse`] reads, UNIX time in seconds,
/// milliseconds or microseconds (seconds also with a fraction), RFC 2822 (`Mon, 02 Mar 2026 10:00:05 +0000`), a local time
/// without an offset, a date.
///
/// UNIX times before 2000 are not believed: a smaller number is something else.
#[must_use]
pub fn read(text: &str) -> Option<Reading> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    let exact = |at| Reading { at, precision: Precision::Exact };
    // A zone in brackets (RFC 9557) only repeats what the offset before it says; without an offset it is not looked up.
    if let Some((time, _)) = text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        return parse(time).map(exact);
    }
    if let Some(at) = parse(text).or_else(|| unix(text)).or_else(|| rfc2822(text)) {
        return Some(exact(at));
    }
    let civil = |time: jiff::civil::DateTime, precision| {
        let micros = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond();
        (micros >= YEAR_ONE).then_some(Reading { at: micros, precision })
    };
    if !text.contains(['T', 't', ' ']) {
        return civil(
            text.parse::<jiff::civil::Date>().ok()?.to_datetime(jiff::civil::Time::midnight()),
            Precision::Date,
        );
    }
    civil(text.parse().ok()?, Precision::AssumedUtc)
}

/// UNIX time: seconds until the year 5138, milliseconds and microseconds beyond.
fn unix(text: &str) -> Option<Micros> {
    const YEAR_2000: Micros = 946_684_800_000_000;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let micros = match whole.len() {
        ..=11 => {
            let fraction = format!("{fraction:0<6}").get(..6)?.parse::<i64>().ok()?;
            number.checked_mul(1_000_000)?.checked_add(fraction)?
        }
        12..=14 => number.checked_mul(1_000)?,
        _ => number,
    };
    (YEAR_2000..YEAR_10000).contains(&micros).then_some(micros)
}

fn rfc2822(text: &str) -> Option<Micros> {
    let instant = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(instant.as_microsecond()).filter(|micros| *micros >= YEAR_ONE)
}

/// The instant in UTC (`2026-10-03T08:13:20.417Z`), always valid input for PostgreSQL's timestamptz.
#[must_use]
pub fn to_text(micros: Micros) -> String {
    if micros < POSTGRES_BEGIN {
        return "-infinity".into();
    }
    let (year, month, day) = civil(micros.div_euclid(DAY));
    let of_day = micros.rem_euclid(DAY);
    let seconds = of_day / 1_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let fraction = match of_day % 1_000_000 {
        0 => String::new(),
        micro if micro % 1_000 == 0 => format!(".{:03}", micro / 1_000),
        micro => format!(".{micro:06}"),
    };
    // PostgreSQL counts 1 BC where astronomers count year 0.
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z{era}")
}

/// Gregorian date of a day count since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * march_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_platforms_write() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2026-10-03T08:13:20.417Z"), Some(1_791_015_200_417_000));
        assert_eq!(parse(" 2026-10-03T18:13:20.417+10:00 "), Some(1_791_015_200_417_000));
        assert_eq!(parse("2019-08-30 15:29:50Z"), Some(1_567_178_990_000_000));
        assert_eq!(parse("2024-01-20T10:30:00.1234567+00:00"), Some(1_705_746_600_123_456));
        assert_eq!(parse("1969-12-31T23:59:59.9999999Z"), Some(-1));
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some(YEAR_ONE));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "now",
            "infinity",
            "2026-10-03",
            "2026-10-03T08:13:20",
            "2026-02-30T00:00:00Z",
            "2026-10-03T25:00:00Z",
            "0000-12-31T23:59:59Z",
            "-000001-01-01T00:00:00Z",
            "12026-10-03T08:13:20Z",
            "2026-10-03T08:13:20Z[UTC]",
            "1791015200",
            "２０２６-10-03T08:13:20Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn reads_what_automation_tools_write() {
        let at = 1_772_445_605_000_000; // 2026-03-02T10:00:05Z
        for (text, precision) in [
            ("2026-03-02T10:00:05Z", Precision::Exact),
            ("2026-03-02T21:00:05+11:00", Precision::Exact),
            ("2026-03-02T21:00:05+1100", Precision::Exact),
            ("2026-03-02T21:00:05+11:00[Australia/Sydney]", Precision::Exact),
            ("1772445605", Precision::Exact),
            (" 1772445605.0 ", Precision::Exact),
            ("1772445605000", Precision::Exact),
            ("1772445605000000", Precision::Exact),
            ("Mon, 02 Mar 2026 10:00:05 GMT", Precision::Exact),
            ("Mon, 2 Mar 2026 10:00:05 +0000", Precision::Exact),
            ("2 Mar 2026 21:00:05 +1100", Precision::Exact),
            ("2026-03-02T10:00:05", Precision::AssumedUtc),
            ("2026-03-02 10:00:05", Precision::AssumedUtc),
            ("2026-03-02 10:00:05.000", Precision::AssumedUtc),
        ] {
            assert_eq!(read(text), Some(Reading { at, precision }), "{text}");
        }
        assert_eq!(read("1772445605.25").map(|reading| reading.at), Some(at + 250_000));
        let day = read("2026-03-02").unwrap();
        assert_eq!(to_text(day.at), "2026-03-02T00:00:00Z");
        assert_eq!(to_text(day.latest()), "2026-03-02T23:59:59.999999Z");
        assert_eq!(day.precision, Precision::Date);
        assert_eq!(to_text(read("946684800").unwrap().at), "2000-01-01T00:00:00Z");
        assert_eq!(to_text(read("99999999999").unwrap().at), "5138-11-16T09:46:39Z");
        assert_eq!(to_text(read("946684800000").unwrap().at), "2000-01-01T00:00:00Z");
        assert_eq!(read("20260302"), Some(day), "ISO 8601 without hyphens");
    }

    #[test]
    fn what_nobody_can_read_is_none() {
        for text in [
            "",
            "now",
            "yesterday",
            "0",
            "-1",
            "20260399",
            "946684799",
            "1e9",
            "1772445605s",
            "99999999999999999999",
            ".5",
            "1.x",
            "03/02/2026",
            "2026-13-01",
            "2026-02-30",
            "10:00",
            "2026-03",
            "2026-W10",
            "2026-03-02T10:00:05[Australia/Sydney]",
            "0000-01-01",
            "12026-10-03",
            "253402300800000000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn writes_what_postgres_reads() {
        assert_eq!(to_text(1_791_015_200_417_000), "2026-10-03T08:13:20.417Z");
        assert_eq!(to_text(1_791_015_200_000_000), "2026-10-03T08:13:20Z");
        assert_eq!(to_text(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(to_text(YEAR_ONE - 1), "0001-12-31T23:59:59.999999Z BC");
        assert_eq!(to_text(i64::MAX), "294247-01-10T04:00:54.775807Z");
        assert_eq!(to_text(i64::MIN), "-infinity");
        assert_eq!(to_text(POSTGRES_BEGIN), "4714-11-24T00:00:00Z BC");
    }

    proptest! {
        #[test]
        fn round_trips(micros in YEAR_ONE..253_402_200_000_000_000i64) {
            prop_assert_eq!(parse(&to_text(micros)), Some(micros));
        }

        #[test]
        fn never_panics(text in ".{0,40}", micros in any::<i64>()) {
            let _ = (parse(&text), read(&text));
            let _ = to_text(micros);
        }
    }
}

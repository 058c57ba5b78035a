//! Instants as the platforms write them.

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

/// 0001-01-01T00:00:00Z. Earlier is a typing error, not the time of a sale.
const YEAR_ONE: Micros = -62_135_596_800_000_000;
/// 4713-01-01 BC (Gregorian -4713-11-24), where PostgreSQL's timestamptz begins.
const POSTGRES_BEGIN: Micros = -210_866_803_200_000_000;
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
            let _ = parse(&text);
            let _ = to_text(micros);
        }
    }
}

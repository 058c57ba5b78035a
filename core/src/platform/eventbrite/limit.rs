//! What Eventbrite says about calls used up, with every answer:
//! `x-rate-limit: token:ABC 9/2000 reset=3476s, key:DEF 9/2000 reset=3476s`. The header is not documented, but recorded
//! answers of many years have it. It shows the token, which the worker leaves out before it hands the header over.

use crate::headers::Headers;
use crate::time::Micros;

const HEADER: &str = "x-rate-limit";
/// At most a day is believed.
const LONGEST: u64 = 86_400;

/// One counter: of the token, or of the application's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counter {
    is_full: bool,
    /// Time until it begins anew.
    reset: Option<Micros>,
}

/// How long until all counters that are full begin anew; `None` when none is, or when it does not say.
pub(in crate::platform) fn used_up(headers: &Headers) -> Option<Micros> {
    counters(headers).into_iter().filter(|counter| counter.is_full).filter_map(|counter| counter.reset).max()
}

/// The same when the platform refuses calls, whatever its counters show: then the longest of all if none is full.
pub(super) fn longest(headers: &Headers) -> Option<Micros> {
    used_up(headers).or_else(|| counters(headers).into_iter().filter_map(|counter| counter.reset).max())
}

fn counters(headers: &Headers) -> Vec<Counter> {
    headers.all(HEADER).iter().flat_map(|text| text.split([',', ';'])).filter_map(counter).collect()
}

/// Reads `token:ABC 9/2000 reset=3476s`, whatever else stands in it and in which order.
fn counter(text: &str) -> Option<Counter> {
    let mut used = None;
    let mut reset = None;
    for word in text.split_whitespace() {
        if let Some(time) = word.strip_prefix("reset=") {
            reset = time.trim_end_matches('s').parse::<u64>().ok().map(|s| (s.min(LONGEST) as Micros) * 1_000_000);
        } else if let Some((count, limit)) = word.split_once('/')
            && let (Ok(count), Ok(limit)) = (count.parse::<u64>(), limit.parse::<u64>())
        {
            used = Some((count, limit));
        }
    }
    let (count, limit) = used?;
    Some(Counter { is_full: limit > 0 && count >= limit, reset })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Micros = 1_000_000;

    fn read(text: &str) -> Option<Micros> {
        used_up(&Headers::from_pairs([(HEADER, text)]))
    }

    #[test]
    fn a_full_counter_says_how_long() {
        assert_eq!(read("token:ABC 9/2000 reset=3476s, key:DEF 9/2000 reset=3476s"), None);
        assert_eq!(read("token:ABC 1999/2000 reset=3476s"), None);
        assert_eq!(read("token:ABC 2000/2000 reset=3476s, key:DEF 9/2000 reset=5s"), Some(3476 * SECOND));
        assert_eq!(read("token:ABC 9/2000 reset=3476s, key:DEF 2001/2000 reset=5s"), Some(5 * SECOND));
        assert_eq!(read("token: 2000/2000 reset=10s; key: 2000/2000 reset=20"), Some(20 * SECOND), "without the token");
        assert_eq!(read("reset=7s 48000/48000 day"), Some(7 * SECOND), "in another order, with other words");
        assert_eq!(read("token:A/B 2000/2000 reset=7s"), Some(7 * SECOND), "a token with a slash");
        assert_eq!(read("2000/2000"), None, "it does not say when");
        assert_eq!(read("2000/2000 reset=99999999999s"), Some(86_400 * SECOND));
        for nonsense in ["", ",", "9", "a/b reset=1s", "0/0 reset=5s", "-1/-2 reset=3s", "2000/2000 reset=-3s", "5/"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert_eq!(used_up(&Headers::default()), None);
    }

    #[test]
    fn who_is_refused_waits_for_any_counter() {
        let read = |text: &str| longest(&Headers::from_pairs([(HEADER, text)]));
        assert_eq!(read("token:ABC 9/2000 reset=30s, key:DEF 9/2000 reset=40s"), Some(40 * SECOND));
        assert_eq!(read("token:ABC 2000/2000 reset=30s, key:DEF 9/2000 reset=40s"), Some(30 * SECOND));
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in "[ -~]{0,60}") {
            let _ = read(&text);
        }
    }
}

//! Amounts in minor units, and how each platform writes them.

use std::fmt;

use serde_json::{Value, json};

/// Decimals of a currency (ISO 4217).
pub fn exponent(currency: &str) -> u32 {
    match currency {
        "JPY" | "KRW" | "CLP" | "ISK" | "VND" => 0,
        "KWD" | "BHD" | "OMR" | "JOD" | "TND" => 3,
        _ => 2,
    }
}

/// An exact amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// Cents, or what the currency has.
    pub minor: i64,
    /// Decimals of the currency.
    pub exponent: u32,
}

impl Money {
    /// That many minor units.
    pub fn new(minor: i64, currency: &str) -> Money {
        Money { minor, exponent: exponent(currency) }
    }
}

/// `75.00`: with all decimals of the currency.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10_i64.pow(self.exponent);
        let sign = if self.minor < 0 { "-" } else { "" };
        let (whole, rest) = (self.minor.abs() / one, self.minor.abs() % one);
        match usize::try_from(self.exponent) {
            Ok(width @ 1..) => write!(f, "{sign}{whole}.{rest:0width$}"),
            _ => write!(f, "{sign}{whole}"),
        }
    }
}

/// Major units as a JSON number, as JavaScript would write them: `60`, `64.2`.
pub fn major(minor: i64, currency: &str) -> Value {
    let one = 10_i64.pow(exponent(currency));
    if minor % one == 0 {
        return json!(minor / one);
    }
    // The nearest double prints as the decimal that it came from, far beyond any amount here.
    #[expect(clippy::cast_precision_loss, reason = "amounts of tickets are small")]
    let number = minor as f64 / one as f64;
    json!(number)
}

/// An amount of Eventbrite's `costs`.
pub fn cost(minor: i64, currency: &str) -> Value {
    let text = Money::new(minor, currency).to_string();
    let sign = match currency {
        "AUD" => "A$",
        "JPY" => "¥",
        "EUR" => "€",
        "GBP" => "£",
        _ => "$",
    };
    json!({"display": format!("{sign}{text}"), "currency": currency, "value": minor, "major_value": text})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_the_platforms_do() {
        assert_eq!(Money::new(7500, "AUD").to_string(), "75.00");
        assert_eq!(Money::new(-5, "AUD").to_string(), "-0.05");
        assert_eq!(Money::new(5530, "JPY").to_string(), "5530");
        assert_eq!(Money::new(1234, "KWD").to_string(), "1.234");
        assert_eq!(major(6420, "AUD").to_string(), "64.2");
        assert_eq!(major(6000, "AUD").to_string(), "60");
        assert_eq!(major(110, "JPY").to_string(), "110");
        for cents in 0..20_000 {
            let text = major(cents, "AUD").to_string();
            let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
            assert_eq!(format!("{whole}{rest:0<2}").trim_start_matches('0'), cents.to_string().trim_start_matches('0'));
        }
    }
}

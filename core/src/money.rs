//! Exact money: never a float, never a fixed division by 100.

use std::fmt;

use crate::error::{Error, Result};

mod currency;
mod decimal;

pub use currency::Currency;

/// Ten-thousandths in one major unit.
const SCALE: i64 = 10_000;
/// Decimals of [`SCALE`].
const DECIMALS: u8 = 4;
/// The largest amount that is believed: 10^12 major units.
const LIMIT: i64 = 1_000_000_000_000 * SCALE;

/// An amount of money, in ten-thousandths of the major unit.
///
/// No ISO 4217 currency has more than four decimals, so this is exact for each of them, and sums and comparisons are
/// those of minor units. The currency stands beside it: amounts of different currencies must never be added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// Reads a decimal literal of major units (`75`, `64.20`, `1e2`), half away from zero to the currency's decimals,
    /// or to four while the currency is unknown.
    ///
    /// # Errors
    /// [`Error::Amount`] when it is no number, or beyond 10^12 either way.
    pub fn from_major(literal: &str, currency: Option<Currency>) -> Result<Amount> {
        let decimals = currency.map_or(DECIMALS, Currency::exponent);
        let units = decimal::parse(literal, decimals)?.ok_or_else(beyond)?;
        in_range(i128::from(units) * i128::from(10i64.pow(u32::from(DECIMALS - decimals))))
    }

    /// An amount given in the currency's minor units (cents; yen; fils).
    ///
    /// # Errors
    /// [`Error::Amount`] beyond 10^12 major units either way.
    pub fn from_minor(minor: i64, currency: Currency) -> Result<Amount> {
        in_range(i128::from(minor) * i128::from(10i64.pow(u32::from(DECIMALS - currency.exponent()))))
    }

    /// The sum, held at the ends of the range.
    #[must_use]
    pub fn saturating_add(self, other: Amount) -> Amount {
        Amount(self.0.saturating_add(other.0))
    }

    /// The difference, held at the ends of the range.
    #[must_use]
    pub fn saturating_sub(self, other: Amount) -> Amount {
        Amount(self.0.saturating_sub(other.0))
    }

    /// Less than nothing?
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Text for PostgreSQL's `numeric`, in major units with exactly the currency's decimals; while the currency is
    /// unknown with two decimals, or more where the amount has them.
    #[must_use]
    pub fn to_numeric(self, currency: Option<Currency>) -> String {
        let decimals = match currency {
            Some(currency) => currency.exponent(),
            None if self.0 % 100 == 0 => 2,
            None if self.0 % 10 == 0 => 3,
            None => DECIMALS,
        };
        let step = 10u64.pow(u32::from(DECIMALS - decimals));
        // Half away from zero, as PostgreSQL rounds numeric.
        let units = self.0.unsigned_abs().saturating_add(step / 2) / step;
        let sign = if self.is_negative() && units > 0 { "-" } else { "" };
        if decimals == 0 {
            return format!("{sign}{units}");
        }
        let one = 10u64.pow(u32::from(decimals));
        format!("{sign}{}.{:0width$}", units / one, units % one, width = usize::from(decimals))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_numeric(None))
    }
}

fn beyond() -> Error {
    Error::Amount("the value is beyond what a ticket sale can cost".into())
}

fn in_range(units: i128) -> Result<Amount> {
    i64::try_from(units).ok().filter(|units| units.abs() <= LIMIT).map(Amount).ok_or_else(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Option<Currency> {
        Some(Currency::parse(code).unwrap())
    }

    fn major(literal: &str, code: &str) -> Amount {
        Amount::from_major(literal, currency(code)).unwrap()
    }

    #[test]
    fn reads_literals_exactly() {
        assert_eq!(major("64.2", "AUD"), Amount(642_000));
        assert_eq!(major("0.1", "AUD").saturating_add(major("0.2", "AUD")), major("0.30", "AUD"));
        assert_eq!(major("7.5e1", "AUD"), Amount(750_000));
        assert_eq!(major("7500E-2", "AUD"), Amount(750_000));
        assert_eq!(major("-0.00", "AUD"), Amount::ZERO);
        assert_eq!(major("0e99999999999", "AUD"), Amount::ZERO);
        assert_eq!(major("1e-99999999999", "AUD"), Amount::ZERO);
        assert_eq!(major("13.4", "KWD").to_numeric(currency("KWD")), "13.400");
        assert_eq!(major("5530", "JPY").to_numeric(currency("JPY")), "5530");
        assert_eq!(Amount::from_major("0.12345", None).unwrap(), Amount(1_235));
        // However many zeros stand in front, they are no digits.
        assert_eq!(major(&format!("{}75.50", "0".repeat(60)), "AUD"), Amount(755_000));
        assert_eq!(major(&format!("-0.{}e60", "0".repeat(58) + "7550"), "AUD"), Amount(-755_000));
    }

    #[test]
    fn rounds_half_away_from_zero() {
        assert_eq!(major("0.005", "AUD").to_numeric(currency("AUD")), "0.01");
        assert_eq!(major("0.00499999999999999999999999999999999999999", "AUD"), Amount::ZERO);
        assert_eq!(major("-2.345", "AUD").to_numeric(currency("AUD")), "-2.35");
        assert_eq!(major("2.5", "JPY"), Amount(30_000));
        assert_eq!(Amount(-1).to_numeric(currency("JPY")), "0");
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in ["", " ", "abc", "1,5", "$5", "1.2.3", "1e", "e5", ".", "NaN", "0x10", "1e400", "1e13", "--1", "١"]
        {
            assert!(matches!(Amount::from_major(text, currency("AUD")), Err(Error::Amount(_))), "{text}");
        }
        assert!(Amount::from_major("1e12", currency("AUD")).is_ok());
        assert!(Amount::from_major(&"9".repeat(100_000), None).is_err());
        assert!(Amount::from_minor(i64::MAX, Currency::parse("JPY").unwrap()).is_err());
        assert!(Amount::from_minor(i64::MIN, Currency::parse("AUD").unwrap()).is_err());
    }

    #[test]
    fn unknown_currency_shows_what_there_is() {
        assert_eq!(Amount(750_000).to_numeric(None), "75.00");
        assert_eq!(Amount(134_050).to_numeric(None), "13.405");
        assert_eq!(Amount(134_051).to_string(), "13.4051");
        assert_eq!(Amount(i64::MIN).to_numeric(None), "-922337203685477.5808");
    }

    proptest! {
        #[test]
        fn minor_units_round_trip(minor in -9_999_999_999i64..9_999_999_999, which in 0usize..4) {
            let code = ["JPY", "AUD", "KWD", "CLF"][which];
            let currency = Currency::parse(code).unwrap();
            let amount = Amount::from_minor(minor, currency).unwrap();
            let text = amount.to_numeric(Some(currency));
            prop_assert_eq!(Amount::from_major(&text, Some(currency)).unwrap(), amount);
            prop_assert_eq!(text.replace('.', "").parse::<i64>().unwrap(), minor);
            prop_assert_eq!(Amount::from_major(&amount.to_numeric(None), None).unwrap(), amount);
        }

        #[test]
        fn never_panics(text in "[-+0-9.eE]{0,40}") {
            let _ = Amount::from_major(&text, None);
        }
    }
}

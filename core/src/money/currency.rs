//! ISO 4217 currencies and their decimals.

use std::fmt;

/// An ISO 4217 currency code: three upper-case letters. Codes that we do not know are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Reads a code in upper or lower case; anything but three ASCII letters is none.
    #[must_use]
    pub fn parse(code: &str) -> Option<Currency> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        let code = code.map(|letter| letter.to_ascii_uppercase());
        code.iter().all(u8::is_ascii_uppercase).then_some(Currency(code))
    }

    /// The code in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Always ASCII: see `parse`.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many decimals its minor unit has (ISO 4217 table A.1; 2 for codes that are not in it).
    #[must_use]
    pub fn exponent(self) -> u8 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        assert_eq!(Currency::parse("aud").map(|c| c.to_string()), Some("AUD".into()));
        for bad in ["", "AU", "AUDX", "A1D", "A D", "ÄU"] {
            assert_eq!(Currency::parse(bad), None, "{bad}");
        }
        let decimals = ["JPY", "AUD", "KWD", "UYW", "ZZZ"].map(|c| Currency::parse(c).unwrap().exponent());
        assert_eq!(decimals, [0, 2, 3, 4, 2]);
    }
}

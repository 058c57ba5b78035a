//! Decimal literals, read digit by digit.

use crate::error::{Error, Result};

/// More significant digits than any amount has; what follows them cannot change a rounding half away from zero.
const DIGITS: u32 = 30;

/// The literal times 10^`decimals`, rounded half away from zero; `None` when that is out of range.
pub(super) fn parse(literal: &str, decimals: u8) -> Result<Option<i64>> {
    let not_a_number = || Error::Amount("the value is not a decimal number".into());
    let (negative, rest) = match literal.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (number, exponent) = match rest.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&rest[..at], exponent(&rest[at + 1..]).ok_or_else(not_a_number)?),
        None => (rest, 0),
    };

    let (mut mantissa, mut kept, mut shift, mut any, mut point) = (0u128, 0u32, i64::from(decimals), false, false);
    for byte in number {
        match byte {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                any = true;
                if kept < DIGITS {
                    mantissa = mantissa * 10 + u128::from(byte - b'0');
                    kept += u32::from(mantissa > 0);
                    shift -= i64::from(point);
                } else {
                    shift += i64::from(!point);
                }
            }
            _ => return Err(not_a_number()),
        }
    }
    if !any {
        return Err(not_a_number());
    }
    Ok(scaled(mantissa, shift.saturating_add(exponent)).map(|units| if negative { -units } else { units }))
}

/// The digits after `e`; far-away exponents are held where they are certainly out of range.
fn exponent(digits: &[u8]) -> Option<i64> {
    let (negative, digits) = match digits {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = (value * 10 + i64::from(byte - b'0')).min(1_000_000_000_000);
    }
    Some(if negative { -value } else { value })
}

/// `mantissa` * 10^`shift`, rounded half up (the sign is not here yet).
fn scaled(mantissa: u128, shift: i64) -> Option<i64> {
    if mantissa == 0 {
        return Some(0);
    }
    let power = |shift: i64| u32::try_from(shift).ok().and_then(|shift| 10u128.checked_pow(shift));
    let units = if shift >= 0 {
        mantissa.checked_mul(power(shift)?)?
    } else {
        match power(-shift) {
            Some(divisor) => mantissa / divisor + u128::from(mantissa % divisor >= divisor / 2),
            None => 0,
        }
    };
    i64::try_from(units).ok()
}

//! Is a delivery authentic? Decided on the raw bytes, in constant time, before anything is parsed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::headers::{Headers, PATH_TOKEN};
use crate::settings::{Authentication, Encoding, Secret, Secrets, Settings, SignedContent};
use crate::time::Micros;

mod refusal;

pub use refusal::Refusal;

/// How a delivery has proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// By a signature; which of [`Secrets::signature`].
    Signature(usize),
    /// By the URL; which of [`Secrets::path_token`].
    PathToken(usize),
    /// Not at all: the platform is open.
    Open,
}

/// Checks a delivery against the settings and secrets of its platform. `now` is the receiver's clock.
///
/// A signature header may hold several signatures (repeated, or separated by commas or white space), each with the
/// prefix; one that fits one of the secrets is enough. Every signature is tried against every secret, so the time
/// taken tells nothing about which fitted.
///
/// # Errors
/// The reason, see [`Refusal`]. Without a secret nothing is believed ([`Refusal::NoSecret`]).
pub fn verify(
    settings: &Settings,
    secrets: &Secrets,
    headers: &Headers,
    body: &[u8],
    now: Micros,
) -> Result<Verified, Refusal> {
    match settings.authentication {
        Authentication::None => Ok(Verified::Open),
        Authentication::PathToken => path_token(&secrets.path_token, headers, now).map(Verified::PathToken),
        Authentication::Signature => {
            signature(settings, &secrets.signature, headers, body, now).map(Verified::Signature)
        }
    }
}

/// The headers with which a sender proves itself under these settings; the counterpart of [`verify`].
#[must_use]
pub fn sign(settings: &Settings, secret: &str, body: &[u8], now: Micros) -> Vec<(String, String)> {
    match settings.authentication {
        Authentication::None => Vec::new(),
        Authentication::PathToken => vec![(PATH_TOKEN.to_owned(), secret.to_owned())],
        Authentication::Signature => {
            let mut headers = Vec::with_capacity(2);
            let seconds = now.max(0) / 1_000_000;
            let timestamp = settings.timestamp_header.as_ref().map(|name| (name.clone(), seconds.to_string()));
            let mac = mac(secret, settings.signed_content, timestamp.as_ref().map(|(_, text)| text.as_str()), body);
            let encoded = match settings.encoding {
                Encoding::Hex => hex::encode(mac),
                Encoding::Base64 => STANDARD.encode(mac),
            };
            headers.extend(timestamp);
            headers.push((settings.signature_header.clone(), format!("{}{encoded}", settings.prefix)));
            headers
        }
    }
}

fn signature(
    settings: &Settings,
    secrets: &[Secret],
    headers: &Headers,
    body: &[u8],
    now: Micros,
) -> Result<usize, Refusal> {
    if secrets.iter().all(|secret| secret.value.is_empty()) {
        return Err(Refusal::NoSecret);
    }
    let values = headers.all(&settings.signature_header);
    if values.iter().all(|value| value.trim().is_empty()) {
        return Err(Refusal::SignatureMissing);
    }
    let timestamp = match &settings.timestamp_header {
        None => None,
        Some(name) => {
            let text = headers.get(name).filter(|text| !text.is_empty()).ok_or(Refusal::TimestampMissing)?;
            Some((text, signed_at(text).ok_or(Refusal::TimestampMalformed)?))
        }
    };
    let offered: Vec<[u8; 32]> = values
        .iter()
        .flat_map(|value| signatures(value, &settings.prefix))
        .filter_map(|text| decode(settings.encoding, text))
        .collect();
    if offered.is_empty() {
        return Err(Refusal::SignatureMalformed);
    }

    let which = fitting(secrets, Refusal::SignatureMismatch, now, |secret| {
        let mac = mac(&secret.value, settings.signed_content, timestamp.map(|(text, _)| text), body);
        offered.iter().fold(Choice::from(0), |any, offer| any | offer.ct_eq(&mac))
    })?;

    // Last, so that only who knows the secret learns what our clock thinks.
    if let Some((_, at)) = timestamp {
        let tolerance = settings.tolerance_seconds.max(0).saturating_mul(1_000_000);
        if now.saturating_sub(at) > tolerance {
            return Err(Refusal::TimestampStale);
        }
        if at.saturating_sub(now) > tolerance {
            return Err(Refusal::TimestampFuture);
        }
    }
    Ok(which)
}

fn path_token(secrets: &[Secret], headers: &Headers, now: Micros) -> Result<usize, Refusal> {
    if secrets.iter().all(|secret| secret.value.is_empty()) {
        return Err(Refusal::NoSecret);
    }
    let token = headers.get(PATH_TOKEN).filter(|token| !token.is_empty()).ok_or(Refusal::TokenMissing)?;
    // Digests have one length, so the comparison does not give away that of the token.
    let digest = Sha256::digest(token.as_bytes());
    fitting(secrets, Refusal::TokenMismatch, now, |secret| {
        Sha256::digest(secret.value.as_bytes()).as_slice().ct_eq(digest.as_slice())
    })
}

/// The first secret that fits and is not expired. All are tried.
fn fitting(
    secrets: &[Secret],
    mismatch: Refusal,
    now: Micros,
    fits: impl Fn(&Secret) -> Choice,
) -> Result<usize, Refusal> {
    let mut answer = Err(mismatch);
    for (i, secret) in secrets.iter().enumerate() {
        if secret.value.is_empty() {
            continue;
        }
        if bool::from(fits(secret)) && answer.is_err() {
            let expired = secret.valid_until.is_some_and(|until| until <= now);
            answer = if expired { Err(Refusal::SecretExpired) } else { Ok(i) };
        }
    }
    answer
}

fn mac(secret: &str, content: SignedContent, timestamp: Option<&str>, body: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length, so this cannot fail; without a key nothing could fit.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return [0; 32] };
    match (content, timestamp) {
        (SignedContent::TimestampDotBody, Some(timestamp)) => {
            mac.update(timestamp.as_bytes());
            mac.update(b".");
        }
        (SignedContent::TimestampBody, Some(timestamp)) => mac.update(timestamp.as_bytes()),
        _ => {}
    }
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// The signatures in a header value, without their prefix.
fn signatures<'a>(value: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let between = |c: char| c == ',' || c.is_ascii_whitespace();
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(between);
            if rest.is_empty() {
                return None;
            }
            // The prefix goes first: `v1,` itself has a comma.
            let candidate = rest.strip_prefix(prefix);
            let from = candidate.unwrap_or(rest);
            let end = from.find(between).unwrap_or(from.len());
            rest = &from[end..];
            if candidate.is_some() {
                return Some(&from[..end]);
            }
        }
    })
}

fn decode(encoding: Encoding, text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    match encoding {
        Encoding::Hex => hex::decode_to_slice(text, &mut bytes).ok()?,
        Encoding::Base64 => bytes = STANDARD.decode(text).ok()?.try_into().ok()?,
    }
    Some(bytes)
}

/// A plain count of seconds since 1970; 13 digits are milliseconds.
fn signed_at(text: &str) -> Option<Micros> {
    if !(1..=15).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    Some(number.saturating_mul(if text.len() == 13 { 1_000 } else { 1_000_000 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_headers() {
        let split = |value, prefix| signatures(value, prefix).collect::<Vec<_>>();
        assert_eq!(split("aa", ""), ["aa"]);
        assert_eq!(split(" aa, bb\tcc,,dd ", ""), ["aa", "bb", "cc", "dd"]);
        assert_eq!(split("sha256=aa,sha1=bb sha256=cc", "sha256="), ["aa", "cc"]);
        assert_eq!(split("v1,aa v2,bb v1,cc", "v1,"), ["aa", "cc"]);
        assert_eq!(split("v1,aa,v1,bb", "v1,"), ["aa", "bb"]);
        assert_eq!(split("HMAC aa", "HMAC "), ["aa"]);
        assert_eq!(split("aa", "v1,"), [""; 0]);
        assert_eq!(split("v1,", "v1,"), [""]);
    }

    #[test]
    fn times_of_signing() {
        assert_eq!(signed_at("1735725600"), Some(1_735_725_600_000_000));
        assert_eq!(signed_at("1735725600123"), Some(1_735_725_600_123_000));
        assert_eq!(signed_at("999999999999999"), Some(i64::MAX));
        for bad in ["", "-1", "1.5", " 1", "1e9", "1234567890123456", "１"] {
            assert_eq!(signed_at(bad), None, "{bad}");
        }
    }

    #[test]
    fn decodes_strictly() {
        assert!(decode(Encoding::Hex, &"aB".repeat(32)).is_some());
        assert!(decode(Encoding::Hex, &"ab".repeat(31)).is_none());
        assert!(decode(Encoding::Base64, &STANDARD.encode([7; 32])).is_some());
        assert!(decode(Encoding::Base64, STANDARD.encode([7; 32]).trim_end_matches('=')).is_none());
        assert!(decode(Encoding::Base64, &STANDARD.encode([7; 31])).is_none());
    }
}

//! Signatures of deliveries, written from the definition and not from the project's own code.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// HMAC-SHA256 of the body.
pub fn mac(key: &str, body: &[u8]) -> Vec<u8> {
    // An HMAC key may have any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return Vec::new() };
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

/// The same in lower-case hexadecimal, as `x-humanitix-signature` carries it.
pub fn hex(key: &str, body: &[u8]) -> String {
    hex::encode(mac(key, body))
}

/// The same in base64 (RFC 4648, with padding).
pub fn base64(key: &str, body: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in mac(key, body).chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, i| bits << 8 | usize::from(chunk.get(i).copied().unwrap_or_default()));
        for i in 0..4 {
            text.push(if i <= chunk.len() { char::from(ALPHABET[bits >> (18 - 6 * i) & 63]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    /// RFC 4231, test case 2.
    #[test]
    fn known_value() {
        assert_eq!(
            super::hex("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            super::base64("Jefe", b"what do ya want for nothing?"),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
        );
    }
}

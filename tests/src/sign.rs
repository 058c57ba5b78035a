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

#[cfg(test)]
mod tests {
    /// RFC 4231, test case 2.
    #[test]
    fn known_value() {
        assert_eq!(
            super::hex("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}

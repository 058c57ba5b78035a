//! How envelopes of the bridge convention are signed.

use crate::settings::{Authentication, Encoding, Settings, SignedContent};

/// The convention: lower-case hexadecimal HMAC-SHA256 of the raw body in `x-humanitix-signature`, without prefix and
/// without timestamp. A bridge that can also send a timestamp should, and have it configured here.
pub(in crate::platform) fn default_settings() -> Settings {
    Settings {
        authentication: Authentication::Signature,
        signature_header: "x-humanitix-signature".into(),
        encoding: Encoding::Hex,
        prefix: String::new(),
        timestamp_header: None,
        signed_content: SignedContent::Body,
        tolerance_seconds: 300,
        webhook_ids: Vec::new(),
    }
}

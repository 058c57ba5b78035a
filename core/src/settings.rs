//! How the deliveries of a platform are authenticated here: what the operator has set.

use crate::time::Micros;

/// What has to be right about a delivery before it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// An HMAC over the raw body, in a header.
    Signature,
    /// A secret at the end of the URL path.
    PathToken,
    /// Nothing: the operator has opened the platform explicitly and by name.
    None,
}

impl Authentication {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Authentication::Signature => "signature",
            Authentication::PathToken => "path_token",
            Authentication::None => "none",
        }
    }
}

/// How signature bytes are written in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lower- or upper-case hexadecimal.
    Hex,
    /// RFC 4648 section 4, with padding.
    Base64,
}

/// What the HMAC is computed over when a timestamp header is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedContent {
    /// The raw body alone; the timestamp is then checked, but not protected.
    Body,
    /// The literal timestamp header, a full stop, the raw body.
    TimestampDotBody,
    /// The literal timestamp header directly followed by the raw body.
    TimestampBody,
}

/// Settings of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which proof is asked for.
    pub authentication: Authentication,
    /// Lower-case name of the header with the signature.
    pub signature_header: String,
    /// How the signature is written.
    pub encoding: Encoding,
    /// What stands before each signature (`sha256=`, `v1,`), or empty.
    pub prefix: String,
    /// Lower-case name of the header with the time of signing, when there is one.
    pub timestamp_header: Option<String>,
    /// What is signed.
    pub signed_content: SignedContent,
    /// How far the time of signing may be from ours, in seconds, both ways.
    pub tolerance_seconds: i64,
    /// Registrations that we accept, where the platform names them; empty accepts all.
    pub webhook_ids: Vec<String>,
}

/// A shared secret. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The key bytes are the UTF-8 of this text.
    pub value: String,
    /// Not accepted from this time on; `None` is for ever.
    pub valid_until: Option<Micros>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret([redacted], valid_until: {:?})", self.valid_until)
    }
}

/// All secrets of one platform, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Keys for signatures.
    pub signature: Vec<Secret>,
    /// Tokens for URL paths.
    pub path_token: Vec<Secret>,
}

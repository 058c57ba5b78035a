//! A JSON document in its canonical form, as it is hashed for ties and stored as jsonb.

/// The canonical text of a JSON document and its hash.
///
/// Equal hash means equal document: keys are sorted, numbers keep their literal, NUL characters (which jsonb refuses) are
/// removed, and numbers that would explode as `numeric` are kept as strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// First 16 bytes of the SHA-256 of `text`.
    pub hash: [u8; 16],
    /// Compact JSON, acceptable to jsonb.
    pub text: String,
}

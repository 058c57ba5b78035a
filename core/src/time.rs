//! Instants as the platforms write them.

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

//! What the same facts in any order must become.

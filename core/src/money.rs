//! Exact money: never a float, never a fixed division by 100.

//! The end of synchronisations: what a complete reading has shown.

pub mod finish;
pub mod reconcile;

//! Synchronisations: how they begin, what a complete reading has shown, how they end.

pub mod begin;
pub mod end;
pub mod finish;
pub mod reconcile;
pub mod request;
pub mod schedule;
pub mod upkeep;

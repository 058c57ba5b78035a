//! Synchronisation, reconciliation and health.

mod alarms;
mod clock;
mod ended;
mod endless;
mod health;
mod interrupts;
mod links;
mod plan;
mod reconcile;
mod runs;

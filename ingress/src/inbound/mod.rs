//! From a sender to the database: connections, routes, bodies, who goes first, batches, answers.

pub mod admission;
pub mod app;
pub mod availability;
pub mod conn;
pub mod headers;
pub mod health;
pub mod metrics;
pub mod pump;
pub mod queue;
pub mod respond;
pub mod route;
pub mod webhook;

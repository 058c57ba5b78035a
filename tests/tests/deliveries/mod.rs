//! Deliveries through SQL.

mod batch;
mod cancellations;
mod convergence;
mod errors;
mod explain;
mod ingest;
mod locks;
mod money;
mod recorded_sequence;
mod rejections;
mod replay;
mod rpc;
mod samples;
mod sqlstates;
mod webhook_forms;

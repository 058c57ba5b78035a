//! Single fetches, and the accounts they are made with.

mod accounts;
mod burst;
mod jobs;
mod misbehaviour;
mod refusals;
mod shares;
mod worker;
mod worker_log;

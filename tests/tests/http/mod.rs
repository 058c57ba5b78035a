//! Over HTTP, with the real worker.

mod bodies;
mod crash;
mod eventbrite;
mod fields;
mod flood;
mod limits;
mod load;
mod numbers;
mod outage;
mod pooler;
mod protocol;
mod ready;
mod scene;
mod signatures;
mod timestamps;
mod trouble;

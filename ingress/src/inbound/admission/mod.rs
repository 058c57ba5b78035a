//! Who is let in, and who goes first when not everybody can: limits by address and platform, places, memory, rates.

mod bucket;
pub mod door;
mod guards;
pub mod memory;
pub mod places;
mod rate;
mod seats;
pub mod source;
mod suspects;
mod visit;

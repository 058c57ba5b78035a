//! What people ask when something is odd, or before it is. Nothing here writes but `ready`, which takes back what it wrote.

pub mod explain;
pub mod ready;
pub mod sample;
pub mod suggest;

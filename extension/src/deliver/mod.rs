//! From the wire to the tables: verify, understand, merge, project, log; and the same again for what was kept.

pub mod apply;
pub mod ingest;
pub mod judge;
pub mod patience;
pub mod replay;
pub mod resource;

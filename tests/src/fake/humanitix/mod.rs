//! Humanitix.

mod body;
mod route;

pub(super) use route::answer;

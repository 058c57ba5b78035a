//! Eventbrite.

mod body;
mod expand;
mod list;
mod page;
mod route;

pub(super) use route::answer;

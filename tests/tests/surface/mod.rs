//! The SQL surface, and what dumps keep of it.

mod catalog;
mod consistency;
mod declarations;
mod dump_own;
mod dump_restore;
mod schema;
mod seed_queries;
mod words;

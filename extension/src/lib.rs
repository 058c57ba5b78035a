//! The PostgreSQL extension `boxoffice`: ticket sales, taken from the wire to the tables inside the database.
//!
//! [`api`] is the SQL surface, one line a function. [`deliver`] takes deliveries in, [`fetch`] the answers to calls, [`sync`] ends
//! synchronisations, [`diagnose`] answers questions; all knowledge of platforms and of what wins is in `boxoffice-core`. [`store`]
//! is the only module that runs SQL and [`server`] the only one that needs `unsafe`.
//!
//! All SQL objects, the declarations of the functions here included, are written by hand in `sql/`, in load order;
//! `scripts/install-extension` makes the install script of them.

mod api;
mod deliver;
mod diagnose;
mod error;
mod fetch;
mod server;
mod store;
mod sync;
mod trigger;

pgrx::pg_module_magic!();

#[pgrx::pg_guard]
extern "C-unwind" fn _PG_init() {
    server::listen_for_settings();
}

#[cfg(not(panic = "unwind"))]
compile_error!("a Rust panic becomes a PostgreSQL error by unwinding: build with panic = \"unwind\"");

//! The PostgreSQL extension `boxoffice`: ticket sales, taken from the wire to the tables inside the database.
//!
//! [`api`] is the SQL surface, one line a function. [`ingest`], [`fetch`], [`finish`], [`reconcile`], [`resource`], [`replay`],
//! [`explain`], [`suggest`] and [`sample`] do what those lines say, [`apply`] for all of them, with all knowledge of platforms and of what wins taken from `boxoffice-core`. [`store`] is the
//! only module that runs SQL and [`server`] the only one that needs `unsafe`.
//!
//! All SQL objects, the declarations of the functions here included, are written by hand in `sql/`, in load order;
//! `scripts/install-extension` makes the install script of them.

mod api;
mod apply;
mod delivery;
mod error;
mod explain;
mod fetch;
mod finish;
mod ingest;
mod patience;
mod ready;
mod reconcile;
mod replay;
mod resource;
mod sample;
mod server;
mod store;
mod suggest;
mod trigger;

pgrx::pg_module_magic!();

#[pgrx::pg_guard]
extern "C-unwind" fn _PG_init() {
    server::listen_for_settings();
}

#[cfg(not(panic = "unwind"))]
compile_error!("a Rust panic becomes a PostgreSQL error by unwinding: build with panic = \"unwind\"");

//! Prepared plans, kept for the life of the backend: a statement is parsed once, not once a call.

use std::cell::RefCell;
use std::collections::HashMap;

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::BuiltinOid;
use pgrx::pg_sys::PgOid;
use pgrx::spi::{OwnedPreparedStatement, SpiClient, SpiTupleTable};

use crate::error::Result;

/// A statement and the types of its parameters. Declare as `static`: its address is its name in the cache.
pub struct Plan {
    /// The text, everything in it schema-qualified.
    pub sql: &'static str,
    /// Types of `$1`, `$2` …
    pub types: &'static [BuiltinOid],
}

thread_local! {
    // Never freed: a backend has one thread and a fixed number of plans.
    static KEPT: RefCell<HashMap<usize, &'static OwnedPreparedStatement>> = RefCell::new(HashMap::new());
}

impl Plan {
    fn kept(&self, client: &SpiClient<'_>) -> Result<&'static OwnedPreparedStatement> {
        let name = std::ptr::from_ref(self).addr();
        // No borrow is held while SQL runs: a trigger may come back here.
        if let Some(plan) = KEPT.with_borrow(|kept| kept.get(&name).copied()) {
            return Ok(plan);
        }
        let types: Vec<PgOid> = self.types.iter().map(|&oid| oid.into()).collect();
        let plan: &'static OwnedPreparedStatement = Box::leak(Box::new(client.prepare_mut(self.sql, &types)?.keep()));
        KEPT.with_borrow_mut(|kept| kept.insert(name, plan));
        Ok(plan)
    }

    /// Runs a statement that writes or locks.
    pub fn write<'c>(&self, client: &mut SpiClient<'c>, args: &[DatumWithOid<'_>]) -> Result<SpiTupleTable<'c>> {
        let plan = self.kept(client)?;
        Ok(client.update(plan, None, args)?)
    }

    /// Runs a statement that only reads; it assigns no transaction id.
    pub fn read<'c>(&self, client: &SpiClient<'c>, args: &[DatumWithOid<'_>]) -> Result<SpiTupleTable<'c>> {
        let plan = self.kept(client)?;
        Ok(client.select(plan, None, args)?)
    }
}

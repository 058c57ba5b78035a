//! Whether a delivery could be kept now.

use pgrx::Spi;

use crate::error::Result;
use crate::server;
use crate::store::{probe, settings};

/// Version of this library.
pub const LIBRARY: &str = env!("CARGO_PKG_VERSION");
/// Where the version of the SQL stands that this library was built with.
const CONTROL: &str = include_str!("../../boxoffice.control");

/// Does what every delivery does, and takes it back; says what is wrong.
///
/// # Errors
/// What a delivery would fail with.
pub fn check() -> Result<Option<String>> {
    server::require_writable()?;
    let mut problem = None;
    Spi::connect_mut(|client| {
        server::lock_links()?;
        settings::read(client)?;
        problem = other_version();
        server::in_undone_subtransaction(|| {
            probe::write(client)?;
            server::try_disk();
            Ok(())
        })
    })?;
    Ok(problem)
}

fn other_version() -> Option<String> {
    let (built_for, installed) = (built_for(), settings::sql_version()?);
    (installed != built_for).then(|| {
        format!(
            "the loaded library {LIBRARY} is for version {built_for} of the SQL, installed is {installed}: \
             ALTER EXTENSION boxoffice UPDATE, or install the library that fits"
        )
    })
}

/// Version of the SQL that this library was built with.
fn built_for() -> &'static str {
    let line = CONTROL.lines().find_map(|line| line.strip_prefix("default_version = '"));
    line.and_then(|rest| rest.strip_suffix('\'')).unwrap_or_default()
}

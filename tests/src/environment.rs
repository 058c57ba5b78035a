//! What `make test` hands over in environment variables.

use std::path::PathBuf;

use anyhow::Context as _;
use nix::unistd::User;

use crate::Result;

/// Directory for more clusters; all that runs from there is stopped when the tests end.
pub const DIR: &str = "BOXOFFICE_TEST_DIR";
/// Programs of the private server tree.
pub const PG_BIN: &str = "BOXOFFICE_TEST_PG_BIN";
/// URL of the shared cluster's superuser.
pub const ADMIN_URL: &str = "BOXOFFICE_TEST_ADMIN_URL";
/// Log of the shared cluster's server.
pub const SERVER_LOG: &str = "BOXOFFICE_TEST_SERVER_LOG";
/// The worker's program.
pub const INGRESS: &str = "BOXOFFICE_TEST_INGRESS";
/// User that servers must run as; empty: the caller.
pub const RUN_AS: &str = "BOXOFFICE_TEST_RUN_AS";

/// A variable that `make test` sets.
pub fn required(name: &str) -> Result<String> {
    std::env::var(name).ok().with_context(|| {
        format!("{name} is not set: run these tests with `make test-e2e`, or one with `make test-e2e TESTS=name`")
    })
}

/// A program of the server under test.
pub fn pg_program(name: &str) -> Result<PathBuf> {
    Ok(PathBuf::from(required(PG_BIN)?).join(name))
}

/// A program of the system that `make deps` installs for the tests; servers are often not on the PATH of a user.
pub fn system_program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path).chain(more).map(|dir| dir.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not installed: scripts/deps {name}"))
}

/// The user that servers must run as, when it is not the caller.
pub fn run_as() -> Result<Option<User>> {
    let name = std::env::var(RUN_AS).unwrap_or_default();
    if name.is_empty() {
        return Ok(None);
    }
    Ok(Some(User::from_name(&name)?.with_context(|| format!("{RUN_AS}={name}: there is no such user"))?))
}

/// Directory of recorded platform payloads: `BOXOFFICE_SAMPLES`, else `shared/samples` next to the project if it is there.
pub fn samples() -> Option<PathBuf> {
    let directory = match std::env::var_os("BOXOFFICE_SAMPLES") {
        Some(given) => PathBuf::from(given),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/samples"),
    };
    directory.is_dir().then_some(directory)
}

//! `make up`: who runs what, with which environment, and who gets in without a password.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, ensure};
use boxoffice_tests::{Checkout, Result};
use nix::unistd::{Uid, User};

use crate::commands::{ask, environment_of, mode, user_of};

/// A key of the caller that is no business of ours.
const KEY: &str = "AKIA-of-the-caller";

fn psql_by_socket(checkout: &Checkout, user: &User) -> Result<std::process::Output> {
    let run = checkout.path(".boxoffice/var/run");
    let bin = checkout.read(".boxoffice/var/server.bin")?;
    let port = checkout.read(".boxoffice/var/server.port")?;
    let mut command = Command::new(format!("{bin}/psql"));
    command.args(["-XwAtc", "SELECT current_setting('is_superuser')", "-U", "boxoffice_owner", "-d", "boxoffice"]);
    command.arg("-h").arg(run).args(["-p", &port]).env_clear().current_dir("/");
    if Uid::current().is_root() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(command.output()?)
}

#[test]
fn server_and_worker_have_nothing_of_the_caller_and_not_of_each_other() -> Result {
    let mut checkout = Checkout::new(None)?;
    for name in
        ["AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "RUST_BACKTRACE", "A-B", "BASH_FUNC_help%%", "BOXOFFICE_NOTHING"]
    {
        checkout.set(name, KEY);
    }
    checkout.set("BOXOFFICE_QUEUE_MAX", "77");
    // A proxy for the outside is not asked for what is on this machine.
    checkout.set("http_proxy", "http://127.0.0.1:1");
    checkout.run("up", &[])?.good()?;

    let (worker, server) = (checkout.worker()?, checkout.server()?);
    for process in [worker, server] {
        let environment = environment_of(process)?;
        let known = |name: &String| {
            let ours = [
                "PATH",
                "HOME",
                "LANG",
                "PWD",
                "SHLVL",
                "_",
                "PGDATA",
                "PGLOCALEDIR",
                "PGSYSCONFDIR",
                "PG_GRANDPARENT_PID",
            ];
            let worker = ["INGRESS_DATABASE_URL", "BOXOFFICE_LISTEN", "BOXOFFICE_QUEUE_MAX"];
            ours.contains(&name.as_str()) || worker.contains(&name.as_str())
        };
        let strange: Vec<_> = environment.keys().filter(|name| !known(name)).collect();
        assert!(strange.is_empty(), "process {process} was given {strange:?}");
        assert!(environment.values().all(|value| !value.contains(KEY)));
    }
    // What the worker reads is passed on; what the server must not have is not.
    assert_eq!(environment_of(worker)?.get("BOXOFFICE_QUEUE_MAX").map(String::as_str), Some("77"));
    assert!(!environment_of(server)?.contains_key("INGRESS_DATABASE_URL"));

    let (user, other) = (user_of(server)?, user_of(worker)?);
    assert_eq!(user != other, Uid::current().is_root(), "the server runs as {user}, the worker as {other}");
    assert!(user != 0 && other != 0 || !Uid::current().is_root());
    Ok(())
}

#[test]
fn only_the_servers_user_gets_in_without_a_password() -> Result {
    let checkout = Checkout::new(None)?;
    checkout.run("up", &[])?.good()?;
    // As an earlier version left it: everybody who reaches the socket is the owner, and everybody can reach it.
    let rules = checkout.path(".boxoffice/var/data/pg_hba.conf");
    fs::write(&rules, "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")?;
    ask(&checkout, "SELECT pg_reload_conf()")?;
    fs::set_permissions(checkout.path(".boxoffice/var/run"), Permissions::from_mode(0o755))?;
    let server =
        User::from_uid(Uid::from_raw(user_of(checkout.server()?)?))?.context("the server's user has no name")?;
    let worker =
        User::from_uid(Uid::from_raw(user_of(checkout.worker()?)?))?.context("the worker's user has no name")?;

    checkout.run("up", &[])?.good()?;
    let owner = psql_by_socket(&checkout, &server)?;
    assert_eq!(String::from_utf8_lossy(&owner.stdout), "on\n", "{}", String::from_utf8_lossy(&owner.stderr));
    if Uid::current().is_root() {
        let stranger = psql_by_socket(&checkout, &worker)?;
        let complaint = String::from_utf8_lossy(&stranger.stderr);
        assert!(complaint.contains("Peer authentication failed"), "{complaint}");
    }
    Ok(())
}

#[test]
fn nobody_else_can_read_secrets_or_logs_and_no_argument_shows_a_password() -> Result {
    let checkout = Checkout::new(None)?;
    checkout.run("up", &[])?.good()?;
    let private =
        ["env", "pgpass", "pg_service.conf", "var/log/worker.log", "var/log/server.log", "var/log/initdb.log"];
    // An earlier version left some of them open.
    for name in ["var/log/worker.log", "var/log/server.log"] {
        fs::set_permissions(checkout.path(".boxoffice").join(name), Permissions::from_mode(0o644))?;
    }
    checkout.run("up", &[])?.good()?;
    for name in private {
        assert_eq!(mode(&checkout.path(".boxoffice").join(name))?, 0o600, "{name}");
    }

    let password = checkout.read(".boxoffice/pgpass")?.rsplit(':').next().map(str::to_owned).context("no password")?;
    assert!(password.len() >= 32);
    // psql shows the arguments of its own process.
    let shown = checkout.run("psql", &["-c", "\\! tr '\\0' ' ' </proc/$PPID/cmdline"])?.good()?.text;
    assert!(shown.contains("service=boxoffice") && !shown.contains(&password), "{shown}");
    let told = checkout.run("status", &["--how-to"])?.good()?.text;
    assert!(told.contains("psql service=boxoffice") && !told.contains(&password), "{told}");

    // As README says it: after sourcing the file, wherever one is, whatever PG… variables there are.
    let script = ". \"$1\"; psql service=boxoffice -XAtc 'SELECT current_user'; printf '%s\\n' \"$DATABASE_URL\"";
    let bin = checkout.read(".boxoffice/var/server.bin")?;
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(checkout.path(".boxoffice/env")).current_dir("/").env_clear();
    command.env("PATH", format!("{bin}:/usr/bin:/bin")).envs([
        ("PGHOST", "nowhere"),
        ("PGPORT", "1"),
        ("PGSSLMODE", "require"),
    ]);
    let output = command.output()?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let (user, url) = lines.split_once('\n').context("no output")?;
    ensure!(user == "boxoffice_owner", "{lines}{}", String::from_utf8_lossy(&output.stderr));
    assert!(url.contains(&format!(":{password}@")), "programs get the password with the URL: {url}");
    Ok(())
}

#[test]
fn a_checkout_that_only_root_can_enter_works_as_well() -> Result {
    if !Uid::current().is_root() {
        // Whoever is not root runs everything as themselves, and can enter what is theirs.
        return Ok(());
    }
    let mut checkout = Checkout::new(None)?;
    let lib = checkout.path("").with_extension("lib");
    fs::create_dir(&lib)?;
    checkout.set("BOXOFFICE_LIB", &lib.to_string_lossy());
    fs::set_permissions(checkout.path(""), Permissions::from_mode(0o700))?;
    checkout.run("up", &[])?.good()?;
    let elsewhere = fs::read_link(checkout.path(".boxoffice/var"))?;
    assert!(elsewhere.starts_with(&lib), "{}", elsewhere.display());
    assert!(checkout.run("webhook", &[])?.good()?.text.contains("ticket_sales      new: "));
    assert!(checkout.run("status", &[])?.good()?.text.contains("humanitix  1 in 24 hours"));
    let refused = checkout.run("clean", &[])?.complaint;
    assert!(refused.contains("1 sale and 1 delivery, since "), "{refused}");
    checkout.run_typing("clean", "yes\n")?.good()?;
    assert!(!elsewhere.exists() && !checkout.path(".boxoffice").exists());
    Ok(())
}

#[test]
fn what_the_owner_creates_does_not_land_among_what_is_ours() -> Result {
    let checkout = Checkout::new(None)?;
    checkout.run("up", &[])?.good()?;
    ask(&checkout, "CREATE TABLE mine (); CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")?;
    let strangers = "SELECT (SELECT count(*) FROM pg_class c WHERE relname = 'mine' AND relnamespace = 'boxoffice'::regnamespace), \
        (SELECT pronamespace::regnamespace FROM pg_proc WHERE proname = 'mine'), (SELECT count(*) FROM ticket_sales)";
    assert_eq!(ask(&checkout, strangers)?, "0|public|0");
    Ok(())
}

//! `make clean`: says what would be lost, and deletes nothing that nobody has agreed to.

use std::fs;
use std::process::Stdio;

use boxoffice_tests::{Checkout, Result};

use crate::commands::ask;

#[test]
fn it_says_what_is_there_and_asks() -> Result {
    let checkout = Checkout::new(None)?;
    checkout.run("up", &[])?.good()?;
    for _ in 0..2 {
        checkout.run("webhook", &[])?.good()?;
    }
    ask(&checkout, "UPDATE webhook_logs SET created_at = '2025-03-04 05:06:07+00' WHERE id = 1")?;
    ask(&checkout, "CREATE DATABASE mine")?;
    let told = |complaint: &str, what: &str| {
        assert!(complaint.contains("2 sales and 2 deliveries, since 2025-03-04 05:06 UTC"), "{what}: {complaint}");
        assert!(complaint.contains("the database mine"), "{what}: {complaint}");
        assert!(complaint.contains(&*checkout.path(".boxoffice/var/data").to_string_lossy()), "{what}: {complaint}");
    };

    // Nobody to ask.
    let refused = checkout.run("clean", &[])?;
    told(&refused.complaint, "without a terminal");
    assert!(refused.code == 1 && refused.complaint.contains("FORCE=1"), "{}", refused.complaint);
    assert_eq!(ask(&checkout, "SELECT count(*) FROM ticket_sales")?, "2");

    // Down, it is started to be asked, and is down afterwards as before.
    checkout.run("down", &[])?.good()?;
    for typed in ["y\n", "\u{4}"] {
        let declined = checkout.run_typing("clean", typed)?;
        told(&declined.complaint, typed);
        assert!(declined.code == 1 && declined.complaint.contains("nothing is deleted"), "{}", declined.complaint);
        assert!(checkout.server().is_err(), "the server was left running");
    }
    checkout.run("up", &[])?.good()?;
    assert_eq!(ask(&checkout, "SELECT count(*) FROM ticket_sales")?, "2");

    let agreed = checkout.run_typing("clean", "yes\n")?.good()?;
    told(&agreed.complaint, "yes");
    assert!(!checkout.path(".boxoffice").exists());
    assert!(checkout.run("clean", &[])?.good()?.complaint.contains("nothing to delete"));
    Ok(())
}

#[test]
fn a_cluster_that_cannot_be_asked_is_not_taken_for_an_empty_one() -> Result {
    let checkout = Checkout::new(None)?;
    checkout.run("up", &[])?.good()?;
    checkout.run("down", &[])?.good()?;
    fs::write(checkout.path(".boxoffice/var/data/global/pg_control"), "spoilt")?;

    let refused = checkout.run("clean", &[])?;
    let unknown = "what is in it is not known: the server cannot be started";
    assert!(refused.code == 1 && refused.complaint.contains(unknown), "{}", refused.complaint);
    let declined = checkout.run_typing("clean", "no\n")?;
    assert!(declined.code == 1 && declined.complaint.contains(unknown), "{}", declined.complaint);
    assert!(checkout.path(".boxoffice/var/data/PG_VERSION").exists());

    let output = checkout.command("clean", &[]).env("FORCE", "1").stdin(Stdio::null()).output()?;
    assert!(output.status.success() && !checkout.path(".boxoffice").exists());
    Ok(())
}

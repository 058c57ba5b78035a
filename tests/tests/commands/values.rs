//! `.boxoffice/env`: whatever a value is, it comes back as it was, and no shell runs it.

use std::fs;
use std::process::Command;

use anyhow::Context as _;
use boxoffice_tests::{Checkout, Result, http, sign};

/// Nothing that a shell would take as it stands.
const SECRET: &str = r#"it's $(touch run1) "two" `touch run2` \ $HOME ; touch run3 & *"#;

/// The settings as a shell has them that sources the file.
fn sourced(checkout: &Checkout, name: &str) -> Result<String> {
    let script = format!(". ./.boxoffice/env && printf '%s' \"${name}\"");
    let output = Command::new("sh").args(["-euc", &script]).current_dir(checkout.path("")).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Is a delivery that is signed with it taken?
async fn opens(checkout: &Checkout, secret: &str) -> Result<bool> {
    let body = br#"{"event_type":"order.created","data":{"order":{"id":"1"}},"timestamp":"2026-03-01T10:00:00Z"}"#;
    let url = format!("{}/webhooks/humanitix", sourced(checkout, "BOXOFFICE_URL")?);
    let answer = http::post(&url, &[("x-humanitix-signature", &sign::hex(secret, body))], &body[..]).await?;
    Ok(answer.status != 401)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_with_everything_in_it_round_trips_and_is_never_run() -> Result {
    let mut checkout = Checkout::new(None)?;
    checkout.set("HUMANITIX_WEBHOOK_SECRET", SECRET);
    checkout.run("up", &[])?.good()?;
    assert!(opens(&checkout, SECRET).await?);
    assert_eq!(sourced(&checkout, "HUMANITIX_WEBHOOK_SECRET")?, SECRET);

    // The file alone has it now, quoted; and lines that somebody has added, of several forms.
    checkout.unset("HUMANITIX_WEBHOOK_SECRET");
    let file = checkout.path(".boxoffice/env");
    let added = "# mine\nMY_OWN=a $(touch run4)\nexport OTHERS=\"say \\\"hi\\\" \\$5\"\nTHIRD='x'\\''y' # theirs\n";
    fs::write(&file, fs::read_to_string(&file)? + added)?;
    checkout.run("up", &[])?.good()?;
    assert!(opens(&checkout, SECRET).await?);
    for (name, value) in [
        ("HUMANITIX_WEBHOOK_SECRET", SECRET),
        ("MY_OWN", "a $(touch run4)"),
        ("OTHERS", "say \"hi\" $5"),
        ("THIRD", "x'y"),
    ] {
        assert_eq!(sourced(&checkout, name)?, value);
    }
    let text = fs::read_to_string(&file)?;
    assert!(text.contains("\n# mine\n") && text.contains("\nexport OTHERS="), "{text}");

    // As earlier versions wrote it: without quotes, and taken as it stands.
    let line = text.lines().find(|line| line.starts_with("HUMANITIX_WEBHOOK_SECRET=")).context("no secret")?;
    let old =
        text.replace(line, &format!("HUMANITIX_WEBHOOK_SECRET={SECRET}")).replace("DATABASE_URL='", "DATABASE_URL=");
    let old: Vec<&str> =
        old.lines().map(|line| line.strip_suffix('\'').filter(|line| line.contains("URL=")).unwrap_or(line)).collect();
    fs::write(&file, old.join("\n"))?;
    checkout.run("up", &[])?.good()?;
    assert!(opens(&checkout, SECRET).await?);
    assert_eq!(sourced(&checkout, "HUMANITIX_WEBHOOK_SECRET")?, SECRET);
    assert_eq!(fs::read_to_string(&file)?, text);

    let run: Vec<_> = fs::read_dir(checkout.path(""))?.flatten().map(|entry| entry.file_name()).collect();
    assert!(run.iter().all(|name| !name.to_string_lossy().starts_with("run")), "a value was run: {run:?}");
    Ok(())
}

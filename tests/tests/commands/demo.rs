//! `make demo`: it has everything of its own, and nothing of an installation gets in or is touched.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use boxoffice_tests::{Checkout, Result};

use crate::commands::ask;

/// Every file below a folder, with its bytes; links by where they lead.
fn bytes(folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) -> Result {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.to_string_lossy().into_owned();
        if path.is_symlink() {
            into.insert(name, fs::read_link(&path)?.to_string_lossy().into_owned().into_bytes());
        } else if path.is_dir() {
            bytes(&path, into)?;
        } else if path.is_file() {
            into.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

fn state(checkout: &Checkout) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    bytes(&checkout.path(".boxoffice"), &mut files)?;
    Ok(files)
}

/// Names of the files that differ.
fn changed(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// Somewhere that counts who comes.
fn trap() -> Result<(String, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, count) = (listener.local_addr()?.to_string(), Arc::new(AtomicUsize::new(0)));
    let visits = Arc::clone(&count);
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            visits.fetch_add(1, Ordering::SeqCst);
        }
    });
    Ok((address, count))
}

#[test]
fn the_demo_neither_touches_nor_uses_what_is_there() -> Result {
    let mut checkout = Checkout::new(Some(env!("CARGO_BIN_EXE_demo")))?;
    checkout.run("up", &[])?.good()?;
    checkout.run("webhook", &[])?.good()?;
    checkout.run("down", &[])?.good()?;
    // Credentials and addresses of an installation, in its file and exported.
    let (address, visits) = trap()?;
    let file = checkout.path(".boxoffice/env");
    let real = [
        ("HUMANITIX_API_KEY", "a-real-key-of-somebody".to_owned()),
        ("HUMANITIX_API_URL", format!("http://{address}")),
        ("EVENTBRITE_OAUTH_TOKEN", "a-real-token-of-somebody".to_owned()),
        ("EVENTBRITE_API_URL", format!("http://{address}")),
    ];
    let lines: String = real.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
    fs::write(&file, fs::read_to_string(&file)? + &lines)?;
    for (name, value) in &real {
        checkout.set(name, value);
    }
    let database = format!("postgresql://boxoffice_owner:x@{address}/boxoffice");
    for name in
        ["DATABASE_URL", "INGRESS_DATABASE_URL", "BOXOFFICE_URL", "BOXOFFICE_CREDENTIALS_FILE", "PGHOST", "PGSERVICE"]
    {
        checkout.set(name, if name.ends_with("DATABASE_URL") { &database } else { &address });
    }
    for line in fs::read_to_string(&file)?.lines() {
        let (name, value) = line.split_once('=').unwrap_or_default();
        if ["HUMANITIX_WEBHOOK_SECRET", "EVENTBRITE_PATH_TOKEN"].contains(&name) {
            checkout.set(name, value.trim_matches('\''));
        }
    }
    let secrets: Vec<String> = fs::read_to_string(&file)?
        .lines()
        .filter_map(|line| Some(line.split_once("='")?.1.trim_end_matches('\'').to_owned()))
        .filter(|value| !value.contains("pg_service"))
        .collect();
    let before = state(&checkout)?;
    assert!(before.len() > 500, "there is no cluster to be touched");

    // It is stopped, so every byte counts.
    let told = checkout.run("demo", &[])?.good()?;
    for word in ["checked ", "What is coming", "Friday Night Laughs", "Who comes again", "Charity Night", "NZD"] {
        assert!(told.text.contains(word), "{word} is not in\n{}", told.text);
    }
    // Each question has its SQL and an answer.
    let answers: Vec<&str> = told.text.split("═══ ").skip(1).filter(|part| part.contains("SELECT ")).collect();
    assert!(answers.len() >= 8 && answers.len() == told.text.matches(" ═══").count(), "{}", told.text);
    for answer in answers {
        assert!(answer.lines().filter(|line| line.contains('│')).count() >= 2, "no answer to {answer}");
    }
    assert!(told.complaint.contains("make demo-clean"), "{}", told.complaint);
    assert_eq!(changed(&before, &state(&checkout)?), Vec::<String>::new());
    assert_eq!(visits.load(Ordering::SeqCst), 0, "somebody has asked the installation's platforms or database");
    let own = checkout.read(".boxoffice-demo/env")?;
    for secret in &secrets {
        assert!(!own.contains(secret.as_str()), "the demo has {secret} of the installation");
    }
    let sold = checkout.run("psql", &["--demo", "-XqAtc", "SELECT count(*) > 500 FROM ticket_sales"])?.good()?;
    assert_eq!(sold.text.trim_end(), "t");

    // Running, with the demo beside it; and again, from the start.
    for (name, _) in real {
        checkout.unset(name);
    }
    checkout.unset("BOXOFFICE_CREDENTIALS_FILE");
    fs::write(&file, fs::read_to_string(&file)?.replace(&lines, ""))?;
    checkout.run("up", &[])?.good()?;
    let contents = "SELECT (SELECT json_agg(s) FROM ticket_sales s), (SELECT json_agg(l) FROM webhook_logs l), \
        (SELECT json_agg(a) FROM platform_accounts a), (SELECT json_agg(r) FROM (SELECT rolname FROM pg_roles ORDER BY 1) r)";
    let before = ask(&checkout, contents)?;
    checkout.run("demo", &[])?.good()?;
    checkout.run("demo-clean", &[])?.good()?;
    assert!(!checkout.path(".boxoffice-demo").exists());
    assert_eq!(ask(&checkout, contents)?, before);
    assert!(checkout.run("psql", &["--demo", "-c", "SELECT 1"])?.complaint.contains("make demo"));
    assert!(checkout.run("demo-clean", &[])?.good()?.complaint.contains("nothing to delete"));
    Ok(())
}

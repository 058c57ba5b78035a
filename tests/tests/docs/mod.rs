//! The documents say what is so: their SQL runs, the output they show is real, the reference is the catalog's, and
//! variables, commands and files that they name exist.

mod catalog;
mod examples;
mod markdown;

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, ensure};
use boxoffice_core::platform::ResourceKind;
use boxoffice_core::verify::Refusal;
use boxoffice_tests::fake::Platform;
use boxoffice_tests::{Cluster, Database, Result};

use examples::Desk;
use markdown::{Document, documents, project};

#[tokio::test(flavor = "multi_thread")]
async fn examples_do_what_is_shown() -> Result {
    // A server of its own: examples make roles.
    let cluster = Cluster::start(&[]).await?;
    let mut wrong = Vec::new();
    let mut run = 0;
    for document in documents()? {
        let examples = document.examples();
        if examples.is_empty() {
            continue;
        }
        let desk = Desk::set_up(&cluster).await?;
        for example in examples {
            run += 1;
            if let Err(error) = desk.try_out(&example) {
                wrong.push(format!("{}:{}: {error:#}", document.name, example.line));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(run > 20, "only {run} examples were found");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_is_that_of_the_catalog() -> Result {
    let db = Database::create().await?;
    let said = catalog::documented(&Document::read("docs/SQL.md")?);
    let is = catalog::installed(&db.client().await?).await?;
    let list = |lines: Vec<&String>| lines.into_iter().fold(String::new(), |text, line| format!("{text}\n    {line}"));
    let (missing, surplus) = (list(is.difference(&said).collect()), list(said.difference(&is).collect()));
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "docs/SQL.md and the catalog differ.\n  only in the catalog:{missing}\n  only in docs/SQL.md:{surplus}"
    );
    assert!(is.len() > 200, "the catalog has only {} facts", is.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_settings_are_those_of_the_table() -> Result {
    let db = Database::create().await?;
    let query = "SELECT attname::text FROM pg_attribute WHERE attrelid = 'boxoffice.platform_settings'::regclass
                 AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('platform', 'updated_at')";
    let is = db.client().await?.query(query, &[]).await?.iter().map(|row| row.get(0)).collect::<BTreeSet<String>>();
    let said = Document::read("README.md")?.table("Setting");
    assert_eq!(said.into_iter().map(|row| row[0].clone()).collect::<BTreeSet<_>>(), is);
    Ok(())
}

#[test]
fn the_variables_are_those_of_the_help() -> Result {
    let worker = std::env::var("BOXOFFICE_TEST_INGRESS").context("run these tests with make test-e2e")?;
    let help = String::from_utf8(Command::new(worker).arg("--help").output()?.stdout)?;
    // "  NAME  --flag  [unit]  default: value"
    let setting = |line: &str| {
        let name = line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty())?;
        let (_, default) = line.split_once("  default: ")?;
        Some((name.to_owned(), default.to_owned()))
    };
    let is: Vec<_> = help.lines().filter_map(setting).collect();
    let said: Vec<_> = Document::read("README.md")?
        .table("Variable")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert!(is.len() > 10, "the form of --help has changed:\n{help}");
    assert_eq!(said, is);
    Ok(())
}

#[test]
fn commands_exist() -> Result {
    let makefile = std::fs::read_to_string(project().join("Makefile"))?;
    let target = |line: &str| {
        let (name, _) = line.split_once(':')?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (!name.is_empty() && name.bytes().all(plain)).then(|| name.to_owned())
    };
    let targets: BTreeSet<String> = makefile.lines().filter_map(target).collect();
    let mut named = BTreeSet::new();
    for document in documents()? {
        for name in document.make_targets() {
            ensure!(targets.contains(&name), "{} says `make {name}`, which is no target", document.name);
            named.insert(name);
        }
    }
    for everyday in ["up", "down", "psql", "logs", "clean", "demo", "test", "help", "install"] {
        assert!(named.contains(everyday), "no document says `make {everyday}`");
    }
    Ok(())
}

/// The argument of a program that a line of shell shows a secret in: everybody on the machine can see arguments.
fn shown_secret(line: &str) -> Option<&str> {
    const SECRETS: [&str; 5] = ["DATABASE_URL", "_SECRET", "_TOKEN", "_KEY", "PASSWORD"];
    let is_secret = |word: &str| {
        let Some((_, name)) = word.split_once('$') else { return false };
        let name = name.trim_start_matches('{');
        let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len())];
        SECRETS.iter().any(|end| name.ends_with(end))
    };
    for command in line.split(['|', ';', '(']) {
        // What is assigned travels in the environment; printf is the shell itself.
        let mut words =
            command.split_whitespace().skip_while(|word| word.contains('=') && !word.starts_with('-')).peekable();
        if words.peek().is_none_or(|first| ["printf", "echo"].contains(first)) {
            continue;
        }
        if let Some(word) = words.find(|word| is_secret(word)) {
            return Some(word);
        }
    }
    None
}

#[test]
fn no_example_shows_a_secret_to_the_machine() -> Result {
    for (line, shown) in [
        ("psql \"$DATABASE_URL\" -c 'TABLE x'", true),
        ("a=$(openssl dgst -hmac \"$HUMANITIX_WEBHOOK_SECRET\" -r)", true),
        ("curl -H \"Authorization: Bearer ${EVENTBRITE_OAUTH_TOKEN}\" https://x", true),
        ("printf '%s' \"$EVENTBRITE_OAUTH_TOKEN\" | curl -H @- https://x", false),
        ("key=$HUMANITIX_WEBHOOK_SECRET perl -e 'print $ENV{key}'", false),
        ("psql service=boxoffice -c 'TABLE x'", false),
    ] {
        assert_eq!(shown_secret(line).is_some(), shown, "{line}");
    }
    for document in documents()? {
        for line in document.code() {
            // What is said about it is no example.
            let warned = document.text.contains(&format!("`{line}` would show it"))
                || document.text.contains(&format!("`{line}`, which shows it"));
            ensure!(warned || shown_secret(&line).is_none(), "{}: {line}", document.name);
        }
    }
    Ok(())
}

#[test]
fn links_lead_somewhere() -> Result {
    let mut links = 0;
    for document in documents()? {
        for link in document.links() {
            if link.contains("://") || link.starts_with('#') {
                continue;
            }
            let file = link.split('#').next().unwrap_or_default();
            let from = project().join(&document.name);
            let found = from.parent().is_some_and(|folder| folder.join(file).exists());
            ensure!(found, "{} links to {link}, which is not there", document.name);
            links += 1;
        }
    }
    assert!(links > 5, "only {links} links were found");
    Ok(())
}

#[test]
fn the_reference_lists_every_word_of_the_platforms() -> Result {
    let text = Document::read("docs/SQL.md")?.text;
    let types = Platform::ALL.into_iter().flat_map(|platform| platform.event_types()).copied();
    let kinds = ResourceKind::ALL.into_iter().map(ResourceKind::as_str);
    let reasons = Refusal::ALL.into_iter().map(Refusal::code);
    for word in types.chain(kinds).chain(reasons) {
        assert!(text.contains(&format!("`{word}`")), "docs/SQL.md does not mention `{word}`");
    }
    Ok(())
}

#[test]
fn the_readme_stays_short() -> Result {
    let lines = Document::read("README.md")?.text.lines().count();
    assert!(lines <= 240, "README.md has {lines} lines");
    Ok(())
}

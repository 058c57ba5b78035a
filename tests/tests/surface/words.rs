//! Words and numbers that code and catalog both know: each has one home, in Rust, and the catalog says the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use boxoffice_contract::fetch::{AccountChange, NoAnswer, Outcome};
use boxoffice_core::backoff;
use boxoffice_core::platform::ResourceKind;
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Database, Result};

#[allow(dead_code, reason = "what the extension needs of it and a test does not")]
#[path = "../../../extension/src/store/jobs/words.rs"]
mod jobs;
#[allow(dead_code, reason = "what the extension needs of it and a test does not")]
#[path = "../../../extension/src/store/runs/words.rs"]
mod runs;

#[tokio::test(flavor = "multi_thread")]
async fn constraints_list_the_words_of_the_code() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let kinds = ResourceKind::ALL.map(ResourceKind::as_str).to_vec();
    for (constraint, words) in [
        ("fetch_jobs_status_known", jobs::Status::ALL.iter().map(|w| w.word()).collect()),
        ("fetch_jobs_purpose_known", jobs::Purpose::ALL.iter().map(|w| w.word()).collect()),
        ("fetch_jobs_kind_known", kinds),
        ("sync_history_mode_known", runs::Mode::ALL.iter().map(|w| w.word()).collect()),
        ("sync_history_status_known", runs::Status::ALL.iter().map(|w| w.word()).collect()),
        ("sync_history_failure_known", runs::Failure::ALL.iter().map(|w| w.word()).collect::<Vec<_>>()),
    ] {
        let query = format!(
            "SELECT m[1] FROM pg_constraint c, regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_]+)''::text', 'g') m
             WHERE c.conname = '{constraint}'"
        );
        let found: BTreeSet<String> = lines(&client, &query).await?.into_iter().collect();
        assert_eq!(found, words.into_iter().map(str::to_owned).collect(), "{constraint}");
    }
    let bound = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'fetch_jobs_path_bounded'";
    assert!(line(&client, bound).await?.contains(&format!("<= {})", jobs::PATH_MAX)), "the longest path");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_name_the_words_of_the_code() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let of = |column: &str| {
        let (table, name) = column.split_once('.').unwrap_or((column, ""));
        format!(
            "SELECT col_description(attrelid, attnum) FROM pg_attribute
             WHERE attrelid = 'boxoffice.{table}'::regclass AND attname = '{name}'"
        )
    };
    let mut wanted: Vec<(String, Vec<String>)> = Vec::new();
    let priorities = jobs::Priority::ALL.map(|priority| format!("{} {}", priority.number(), priority.meaning()));
    wanted.push((of("fetch_jobs.priority"), priorities.to_vec()));
    let texts = |words: &mut dyn Iterator<Item = &'static str>| words.map(str::to_owned).collect::<Vec<_>>();
    wanted.push((of("fetch_jobs.status"), texts(&mut jobs::Status::ALL.iter().map(|w| w.word()))));
    wanted.push((of("fetch_jobs.purpose"), texts(&mut jobs::Purpose::ALL.iter().map(|w| w.word()))));
    wanted.push((of("sync_history.mode"), texts(&mut runs::Mode::ALL.iter().map(|w| w.word()))));
    wanted.push((of("sync_history.reason"), texts(&mut runs::Reason::ALL.iter().map(|w| w.word()))));
    wanted.push((of("sync_history.status"), texts(&mut runs::Status::ALL.iter().map(|w| w.word()))));
    wanted.push((of("sync_history.failure"), texts(&mut runs::Failure::ALL.iter().map(|w| w.word()))));
    let complete = "SELECT obj_description('boxoffice.complete_fetch(bigint, integer, jsonb, bytea)'::regprocedure)";
    wanted.push((complete.to_owned(), texts(&mut Outcome::ALL.iter().map(|w| w.word()))));
    wanted.push((complete.to_owned(), texts(&mut NoAnswer::ALL.iter().map(|w| w.word()))));
    wanted.push((complete.to_owned(), texts(&mut AccountChange::ALL.iter().map(|w| w.word()))));
    // Views cannot be given a number by the code.
    let view = "SELECT pg_get_viewdef('boxoffice.webhook_health'::regclass)".to_owned();
    wanted.push((view, vec![format!("failures >= {}", backoff::IN_TROUBLE)]));
    for (query, words) in wanted {
        let text = line(&client, &query).await?;
        for word in words {
            assert!(text.contains(&word), "{word:?} is not in {text:?}");
        }
    }
    Ok(())
}

/// Text files below a folder of the repository.
fn files(folder: &Path, into: &mut Vec<PathBuf>) -> Result {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files(&path, into)? } else { into.push(path) }
    }
    Ok(())
}

/// Places where a text writes a table: `INSERT INTO`, `UPDATE`, `DELETE FROM` and the like.
fn writes(text: &str, table: &str) -> usize {
    let words: Vec<&str> = text.split_whitespace().collect();
    let verbs = ["INTO", "UPDATE", "FROM", "TRUNCATE", "TABLE", "COPY"];
    words
        .windows(3)
        .filter(|w| {
            let name = w[2].trim_start_matches('"').trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_');
            let name = name.strip_prefix("boxoffice.").unwrap_or(name);
            name == table
                && verbs.contains(&w[1].trim_start_matches(['"', '(']))
                && (w[1] != "FROM" || w[0].ends_with("DELETE"))
                && !(w[1] == "TABLE" && w[0].ends_with("CREATE"))
                && !(w[1] == "TABLE" && w[0].ends_with("ON"))
                && !(w[1] == "TABLE" && w[0].ends_with("ALTER"))
                && w[0] != "FOR"
        })
        .count()
}

#[test]
fn each_table_has_one_writer() -> Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    for folder in ["sql", "scripts", "extension/src", "ingress/src"] {
        files(&root.join(folder), &mut paths)?;
    }
    for (table, homes) in [
        ("fetch_jobs", ["store/jobs/", "store/sql/jobs_", "store/sql/hints_"].as_slice()),
        ("sync_history", ["store/runs/", "store/sql/runs_"].as_slice()),
    ] {
        let mut seen = 0;
        for path in &paths {
            let count = writes(&std::fs::read_to_string(path)?, table);
            let name = path.to_string_lossy();
            assert!(count == 0 || homes.iter().any(|home| name.contains(home)), "{name} writes {table}");
            seen += count;
        }
        assert!(seen >= 8, "only {seen} writes of {table} were found: the test does not see them any more");
    }
    for (text, count) in [
        ("DELETE FROM boxoffice.fetch_jobs j USING", 1),
        ("\"UPDATE boxoffice.fetch_jobs SET", 1),
        ("WITH a AS (UPDATE fetch_jobs SET", 1),
        ("INSERT INTO boxoffice.fetch_jobs (platform", 1),
        ("SELECT FROM boxoffice.fetch_jobs j", 0),
        ("COMMENT ON TABLE boxoffice.fetch_jobs IS", 0),
    ] {
        assert_eq!(writes(&format!("x x {text}"), "fetch_jobs"), count, "{text}");
    }
    Ok(())
}

#[test]
fn long_statements_are_files_and_none_is_forgotten() -> Result {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("../extension/src/store");
    let (mut paths, mut code) = (Vec::new(), String::new());
    files(&store, &mut paths)?;
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "rs")) {
        code.push_str(&std::fs::read_to_string(path)?);
    }
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "sql")) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        assert!(code.contains(&format!("sql/{name}\")")), "nobody uses {name}");
        assert!(std::fs::read_to_string(path)?.starts_with("-- "), "{name} does not say what it does");
    }
    Ok(())
}

//! What the other tests rely on: servers that can be stopped in every way, databases and roles that go away.

use std::fs;
use std::path::Path;

use boxoffice_tests::{Cluster, Database, Result, Stop};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_keeps_what_was_committed_however_it_is_stopped() -> Result {
    let cluster = Cluster::start(&["work_mem=5MB"]).await?;
    let db = Database::create_on(&cluster).await?;
    db.client().await?.batch_execute("CREATE TABLE kept (n int)").await?;
    for (n, how) in [Stop::Fast, Stop::Immediate, Stop::Kill].into_iter().enumerate() {
        db.client().await?.batch_execute(&format!("INSERT INTO kept VALUES ({n})")).await?;
        cluster.stop(how)?;
        assert!(db.client().await.is_err(), "stopped with {how:?} and still there");
        cluster.start_again().await?;
    }
    let row = db.client().await?.query_one("SELECT count(*), current_setting('work_mem') FROM kept", &[]).await?;
    assert_eq!((row.get(0), row.get(1)), (3_i64, "5MB"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_leaves_neither_database_nor_role() -> Result {
    let db = Database::create().await?;
    let role = db.ingress_role().await?;
    let current: String = db.client_as(&role).await?.query_one("SELECT current_user::text", &[]).await?.get(0);
    assert_eq!(current, role.name);

    let (cluster, name) = (Cluster::shared()?, db.name().to_owned());
    let held_open = db.client().await?;
    drop(db);
    let query = "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1) + (SELECT count(*) FROM pg_roles WHERE rolname = $2)";
    let left: i64 = cluster.connect("postgres").await?.query_one(query, &[&name, &role.name]).await?.get(0);
    assert_eq!(left, 0);
    drop(held_open);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_server_cannot_be_stopped_by_a_test() -> Result {
    assert!(Cluster::shared()?.stop(Stop::Fast).is_err());
    Ok(())
}

/// A file that no `mod` names is never compiled, and its tests never run.
#[test]
fn no_file_of_tests_is_forgotten() -> Result {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    let mut modules = 0;
    while let Some(folder) = folders.pop() {
        let parents = [folder.join("main.rs"), folder.join("mod.rs"), folder.with_extension("rs")];
        let declared = parents.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let is_module = path.extension().is_some_and(|extension| extension == "rs") && !parents.contains(&path);
            let is_folder = path.is_dir() && name != "golden";
            if !is_module && !is_folder {
                continue;
            }
            assert!(declared.lines().any(|line| line == format!("mod {name};")), "{} forgets {name}", folder.display());
            modules += 1;
            if is_folder {
                folders.push(path);
            }
        }
    }
    assert!(modules > 60, "only {modules} were found");
    Ok(())
}

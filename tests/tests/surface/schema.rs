//! The schema `boxoffice` holds what belongs to the extension, and nothing else.

use boxoffice_tests::sql::{line, refusal};
use boxoffice_tests::{Database, Result};

const MAY_CREATE: &str = "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles \
    WHERE NOT rolsuper AND has_schema_privilege(oid, 'boxoffice', 'CREATE')";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_owner_can_create_in_it() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let (worker, reader, stranger) = (db.ingress_role().await?, db.role().await?, db.role().await?);
    for event in ["*", "event-a"] {
        client.execute("SELECT grant_reader($1::text::name, $2)", &[&reader.name, &event]).await?;
    }
    for role in [&worker, &reader, &stranger] {
        let other = db.client_as(role).await?;
        for statement in [
            "CREATE TABLE boxoffice.mine ()",
            "CREATE FUNCTION boxoffice.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ] {
            let error = refusal(&other, statement).await?;
            assert_eq!(error.code, "42501", "{}: {error:?}", role.name);
        }
        // Not by the way either: what stands first in the path is refused, not passed over.
        other.batch_execute("SET search_path = boxoffice, public").await?;
        assert_eq!(refusal(&other, "CREATE TABLE mine ()").await?.code, "42501");
    }
    assert_eq!(line(&client, MAY_CREATE).await?, "-");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn default_privileges_do_not_open_it() -> Result {
    let db = Database::create_empty().await?;
    let client = db.client().await?;
    let app = db.role().await?.name;
    client
        .batch_execute(&format!(
            "ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC;
             ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO {app};
             CREATE SCHEMA open;
             CREATE EXTENSION boxoffice"
        ))
        .await?;
    let elsewhere = MAY_CREATE.replace("'boxoffice'", "'open'");
    assert!(line(&client, &elsewhere).await?.contains(&app), "the privileges are not what is tested");
    assert_eq!(line(&client, MAY_CREATE).await?, "-");
    Ok(())
}

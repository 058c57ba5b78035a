//! What people have added to the tables of the extension: a dump leaves it out, `docs/own-definitions.sql` keeps it.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use boxoffice_tests::sql::{line, lines, refusal};
use boxoffice_tests::{Database, Result, program};

fn recipe() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/own-definitions.sql")
}

/// What the recipe writes.
fn definitions(db: &Database) -> Result<Vec<u8>> {
    program::run("psql", &["-XAtq", "-v", "ON_ERROR_STOP=1", "-f", &recipe().to_string_lossy(), "-d", &db.url()], b"")
}

/// What has to be found of the additions, in the output.
const FOUND: [&str; 20] = [
    "my_index",
    "my_key UNIQUE",
    "my_check CHECK",
    "my_reference FOREIGN KEY",
    "my_exclusion EXCLUDE",
    "TRIGGER my_trigger",
    "DISABLE TRIGGER \"my \"\"second",
    "RULE my_rule",
    "POLICY mine ON boxoffice.ticket_sales",
    "AS RESTRICTIVE FOR UPDATE TO PUBLIC USING (true) WITH CHECK",
    "POLICY readers ON boxoffice.order_states",
    "FORCE ROW LEVEL SECURITY",
    "ADD TABLE ONLY boxoffice.ticket_events;",
    "boxoffice.ticket_sales (platform, platform_order_id) WHERE",
    "STATISTICS public.my_statistics",
    "event_id SET STATISTICS 500",
    "platform_data SET STORAGE EXTERNAL",
    "autovacuum_vacuum_scale_factor='0.01', toast.autovacuum_enabled='false'",
    "ticket_events REPLICA IDENTITY FULL",
    "CLUSTER ON ticket_sales_event_idx",
];

/// Something of every kind that can be added to a table.
fn additions(role: &str) -> String {
    format!(
        "CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.customer_name := $$stamped$$; RETURN NEW; END';
         CREATE INDEX my_index ON boxoffice.ticket_sales (lower(customer_email)) WHERE customer_email IS NOT NULL;
         ALTER TABLE boxoffice.ticket_events ADD CONSTRAINT my_key UNIQUE (venue, starts_at);
         ALTER TABLE boxoffice.ticket_sales ADD CONSTRAINT my_check CHECK (total_amount < 1000000) NOT VALID;
         ALTER TABLE boxoffice.ticket_sales ADD CONSTRAINT my_reference FOREIGN KEY (event_id) REFERENCES boxoffice.ticket_events;
         ALTER TABLE boxoffice.attendees ADD CONSTRAINT my_exclusion EXCLUDE USING btree (barcode WITH =);
         CREATE TRIGGER my_trigger BEFORE INSERT ON boxoffice.ticket_sales FOR EACH ROW EXECUTE FUNCTION public.stamp();
         CREATE TRIGGER \"my \"\"second\"\"\" AFTER UPDATE ON boxoffice.attendees FOR EACH ROW EXECUTE FUNCTION public.stamp();
         ALTER TABLE boxoffice.attendees DISABLE TRIGGER \"my \"\"second\"\"\";
         CREATE RULE my_rule AS ON DELETE TO boxoffice.attendees DO INSTEAD NOTHING;
         CREATE POLICY mine ON boxoffice.ticket_sales FOR SELECT TO {role} USING (currency = 'NZD');
         CREATE POLICY \"no writing\" ON boxoffice.attendees AS RESTRICTIVE FOR UPDATE USING (true) WITH CHECK (status <> 'it''s');
         CREATE POLICY readers ON boxoffice.order_states FOR SELECT TO {role} USING (false);
         ALTER TABLE boxoffice.attendees FORCE ROW LEVEL SECURITY;
         CREATE PUBLICATION my_publication FOR TABLE boxoffice.ticket_events, boxoffice.ticket_sales (platform, platform_order_id) WHERE (event_id = 'a');
         CREATE STATISTICS public.my_statistics ON event_id, external_event_id FROM boxoffice.ticket_sales;
         ALTER TABLE boxoffice.ticket_sales ALTER COLUMN event_id SET STATISTICS 500;
         ALTER TABLE boxoffice.attendees ALTER COLUMN platform_data SET STORAGE EXTERNAL;
         ALTER TABLE boxoffice.webhook_logs SET (autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_enabled = false);
         ALTER TABLE boxoffice.ticket_events REPLICA IDENTITY FULL;
         ALTER TABLE boxoffice.ticket_sales CLUSTER ON ticket_sales_event_idx;
         GRANT USAGE ON SCHEMA boxoffice TO {role};
         GRANT SELECT ON boxoffice.ticket_sales TO {role}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_knows_what_is_the_extensions() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let found = String::from_utf8(definitions(&db)?)?;
    assert_eq!(
        found,
        "",
        "new indexes, constraints, triggers and policies of the extension belong into {:?}",
        recipe()
    );
    // And it names nothing that is gone.
    let text = fs::read_to_string(recipe())?;
    let list = text.split_once("ARRAY[").and_then(|(_, rest)| rest.split_once("])")).context("no list")?.0;
    let named: Vec<&str> = list.split('\'').skip(1).step_by(2).collect();
    let query = "SELECT relname::text FROM pg_class WHERE relkind = 'i' UNION ALL SELECT conname::text FROM pg_constraint \
        UNION ALL SELECT relname || ' ' || tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
        UNION ALL SELECT relname || ' ' || polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid \
        UNION ALL SELECT relname || ' ' || unnest(reloptions) FROM pg_class";
    let is = lines(&client, query).await?;
    let gone: Vec<_> = named.iter().filter(|name| !is.iter().any(|known| known == *name)).collect();
    assert!(named.len() > 20 && gone.is_empty(), "the recipe names {gone:?}, which is not there");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_added_comes_back_with_the_recipe_and_not_without() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let role = db.role().await?;
    client.batch_execute(&additions(&role.name)).await?;
    client
        .batch_execute(
            "INSERT INTO ticket_sales (platform, platform_order_id, currency) VALUES ('humanitix', 'a', 'NZD'), ('humanitix', 'b', 'AUD')",
        )
        .await?;
    let added = definitions(&db)?;
    let text = String::from_utf8_lossy(&added);
    for word in FOUND {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
    let dump = program::run("pg_dump", &["-Fc", "-d", &db.url()], b"")?;

    let restored = Database::create_empty().await?;
    program::run("pg_restore", &["--exit-on-error", "-d", &restored.url()], &dump)?;
    // pg_dump 18 keeps what is published; the recipe copes with both.
    let kept = String::from_utf8(definitions(&restored)?)?;
    assert!(
        kept.lines().all(|line| line.contains("ALTER PUBLICATION")),
        "pg_dump keeps more than the documents say: {kept}"
    );
    program::run("psql", &["-Xq1", "-v", "ON_ERROR_STOP=1", "-d", &restored.url()], &added)?;
    assert_eq!(String::from_utf8(definitions(&restored)?)?, String::from_utf8(added)?);

    // Not only the same words.
    let other = restored.client().await?;
    let seen = lines(&restored.client_as(&role).await?, "SELECT platform_order_id FROM boxoffice.ticket_sales").await?;
    assert_eq!(seen, ["a"]);
    other.batch_execute("INSERT INTO ticket_sales (platform, platform_order_id) VALUES ('humanitix', 'c')").await?;
    assert_eq!(line(&other, "SELECT customer_name FROM ticket_sales WHERE platform_order_id = 'c'").await?, "stamped");
    let error = refusal(
        &other,
        "INSERT INTO ticket_sales (platform, platform_order_id, event_id) VALUES ('humanitix', 'd', 'x')",
    );
    assert_eq!(error.await?.code, "23503");
    let published = "SELECT string_agg(tablename || ' ' || array_length(attnames, 1) || ' ' || COALESCE(rowfilter, ''), ',' ORDER BY tablename) \
        FROM pg_publication_tables WHERE pubname = 'my_publication'";
    assert_eq!(line(&other, published).await?, line(&client, published).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_by_schema_is_empty() -> Result {
    let db = Database::create().await?;
    db.client().await?.batch_execute("INSERT INTO ticket_events (event_id) VALUES ('event-a')").await?;
    let dump = |more: &[&str]| -> Result<bool> {
        let text = program::run("pg_dump", &[&["-d", &db.url()], more].concat(), b"")?;
        Ok(String::from_utf8_lossy(&text).contains("event-a"))
    };
    assert!(dump(&[])? && dump(&["-t", "boxoffice.*"])?);
    for without in [["-n", "boxoffice"], ["-n", "public"], ["-N", "boxoffice"]] {
        assert!(!dump(&without)?, "{without:?} has the rows: the documents say that it has not");
    }
    Ok(())
}

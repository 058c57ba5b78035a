//! The public SQL surface. `golden/surface.txt` is all of it: a difference there is a change that users see.
//!
//! After a deliberate change, `BOXOFFICE_WRITE_GOLDEN=1` writes it anew: read the difference before you keep it.

use std::path::Path;

use boxoffice_tests::sql::lines;
use boxoffice_tests::{Database, Result};
use tokio_postgres::Client;

/// A heading and a query whose rows are lines. All names come out qualified: the search path is empty.
const SECTIONS: [(&str, &str); 11] = [
    (
        "extension",
        "SELECT format('%s in %s, relocatable %s, dumped: %s', extname, extnamespace::regnamespace, extrelocatable,
             (SELECT string_agg(c::regclass::text, ' ' ORDER BY c::regclass::text COLLATE \"C\") FROM unnest(extconfig) c))
         FROM pg_extension WHERE extname = 'boxoffice'",
    ),
    (
        // In newer versions of PostgreSQL the row and array types that come with tables and domains are members as well.
        "members",
        "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
         WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'boxoffice')
         AND NOT (classid = 'pg_type'::regclass AND objid IN (SELECT oid FROM pg_type WHERE typtype <> 'd'))",
    ),
    ("schema", "SELECT format('%s acl %s', nspname, coalesce(nspacl::text, 'default')) FROM pg_namespace WHERE nspname = 'boxoffice'"),
    (
        "domains",
        "SELECT concat_ws(', ', format('%s as %s', t.oid::regtype, format_type(typbasetype, typtypmod)), (SELECT 'collate ' || collname FROM pg_collation co WHERE co.oid = typcollation AND collname <> 'default'), CASE WHEN typnotnull THEN 'not null' END,
             'default ' || typdefault, 'acl ' || typacl::text,
             (SELECT string_agg(pg_get_constraintdef(c.oid), ', ') FROM pg_constraint c WHERE contypid = t.oid AND contype = 'c'))
         FROM pg_type t WHERE typnamespace = 'boxoffice'::regnamespace AND typtype = 'd'",
    ),
    (
        "relations",
        "SELECT concat_ws(', ', format('%s kind %s', oid::regclass, relkind), CASE WHEN relpersistence <> 'p' THEN relpersistence END,
             CASE WHEN relrowsecurity THEN 'row security' END, CASE WHEN relforcerowsecurity THEN 'also for the owner' END,
             'with ' || reloptions::text, 'acl ' || relacl::text)
         FROM pg_class WHERE relnamespace = 'boxoffice'::regnamespace AND relkind NOT IN ('i', 'c')",
    ),
    (
        "columns",
        "SELECT concat_ws(', ', format('%s %s %s %s', attrelid::regclass, to_char(attnum, 'FM00'), attname, format_type(atttypid, atttypmod)),
             (SELECT 'collate ' || collname FROM pg_collation co JOIN pg_type ty ON ty.oid = atttypid WHERE co.oid = attcollation AND attcollation <> ty.typcollation),
             CASE WHEN attnotnull THEN 'not null' END, 'default ' || pg_get_expr(d.adbin, d.adrelid),
             CASE WHEN attidentity <> '' THEN 'identity ' || attidentity::text END,
             CASE WHEN attgenerated <> '' THEN 'generated ' || attgenerated::text END, 'acl ' || attacl::text)
         FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
         WHERE relnamespace = 'boxoffice'::regnamespace AND relkind IN ('r', 'v', 'm', 'p') AND attnum > 0 AND NOT attisdropped",
    ),
    (
        // From PostgreSQL 18 on, NOT NULL is a constraint as well; it stands with the columns.
        "constraints",
        "SELECT format('%s %s: %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
         WHERE connamespace = 'boxoffice'::regnamespace AND conrelid <> 0 AND contype <> 'n'",
    ),
    ("indexes", "SELECT indexdef FROM pg_indexes WHERE schemaname = 'boxoffice'"),
    (
        "policies",
        "SELECT format('%s %s %s for %s to %s using %s check %s', tablename, policyname, lower(permissive), cmd, roles, qual,
             coalesce(with_check, 'none'))
         FROM pg_policies WHERE schemaname = 'boxoffice'",
    ),
    (
        "functions",
        "SELECT concat_ws(', ', format('%s(%s) returns %s | %s', oid::regproc, pg_get_function_arguments(oid), pg_get_function_result(oid),
                 (SELECT lanname FROM pg_language l WHERE l.oid = prolang)),
             CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
             CASE WHEN proisstrict THEN 'strict' END,
             CASE proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' ELSE 'parallel unsafe' END,
             CASE WHEN prosecdef THEN 'security definer' END, CASE WHEN proleakproof THEN 'leakproof' END,
             CASE WHEN proretset THEN 'rows ' || prorows END, 'set ' || array_to_string(proconfig, '; '),
             'acl ' || coalesce(proacl::text, 'default'))
         FROM pg_proc WHERE pronamespace = 'boxoffice'::regnamespace",
    ),
    (
        "triggers and rules",
        "SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
             WHERE relnamespace = 'boxoffice'::regnamespace AND NOT tgisinternal
         UNION ALL SELECT format('%s on %s', rulename, ev_class::regclass) FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class
             WHERE relnamespace = 'boxoffice'::regnamespace AND rulename <> '_RETURN'",
    ),
];

async fn catalog() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    client.batch_execute("SET search_path = ''").await?;
    Ok((db, client))
}

async fn surface(client: &Client) -> Result<String> {
    let owner: String = client.query_one("SELECT current_user::text", &[]).await?.get(0);
    let mut text = String::new();
    for (heading, query) in SECTIONS {
        let mut section = lines(client, query).await?;
        section.sort();
        text.push_str(&format!("[{heading}]\n"));
        section.iter().for_each(|line| text.push_str(&format!("{}\n", line.replace(&owner, "owner"))));
        text.push('\n');
    }
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_surface_is_the_golden_one() -> Result {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/surface.txt");
    let (_db, client) = catalog().await?;
    let found = surface(&client).await?;
    if std::env::var_os("BOXOFFICE_WRITE_GOLDEN").is_some() {
        std::fs::write(path, found)?;
        return Ok(());
    }
    let golden = std::fs::read_to_string(path)?;
    let missing: Vec<&str> = golden.lines().filter(|line| !found.lines().any(|other| other == *line)).collect();
    let added: Vec<&str> = found.lines().filter(|line| !golden.lines().any(|other| other == *line)).collect();
    assert_eq!(
        (&missing, &added),
        (&vec![], &vec![]),
        "the surface has changed\nmissing: {missing:#?}\nnew: {added:#?}"
    );
    assert_eq!(found, golden);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_and_every_column_has_a_comment() -> Result {
    let (_db, client) = catalog().await?;
    let query = "SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d
            LEFT JOIN pg_description c ON c.classoid = d.classid AND c.objoid = d.objid AND c.objsubid = 0
            WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'boxoffice')
            AND coalesce(c.description, '') = ''
            AND NOT (d.classid = 'pg_type'::regclass AND d.objid IN (SELECT oid FROM pg_type WHERE typtype <> 'd'))
        UNION ALL
        SELECT format('column %s.%s', attrelid::regclass, attname) FROM pg_attribute JOIN pg_class t ON t.oid = attrelid
            WHERE relnamespace = 'boxoffice'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND attnum > 0 AND NOT attisdropped
            AND coalesce(col_description(attrelid, attnum), '') = ''
        ORDER BY 1";
    assert_eq!(lines(&client, query).await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_run_as_the_owner_cannot_be_fooled() -> Result {
    let (_db, client) = catalog().await?;
    let query = "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'boxoffice'::regnamespace AND prosecdef
        AND NOT coalesce('search_path=pg_catalog, boxoffice, pg_temp' = ANY (proconfig), false)";
    assert_eq!(lines(&client, query).await?, [""; 0], "SECURITY DEFINER with another search_path");
    // And the others, which the owner calls, are not led astray by the owner's search_path.
    let query = "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'boxoffice'::regnamespace AND prolang <> 13
        AND NOT EXISTS (SELECT FROM unnest(proconfig) s WHERE s LIKE 'search\\_path=pg\\_catalog, %pg\\_temp')";
    assert_eq!(lines(&client, query).await?, [""; 0], "no pinned search_path");
    let query = "SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
        WHERE pronamespace = 'boxoffice'::regnamespace AND a.grantee = 0 ORDER BY p.proname";
    assert_eq!(
        lines(&client, query).await?,
        ["boxoffice._platforms()", "boxoffice.readable_events(name)"],
        "executable by PUBLIC"
    );
    let query = "SELECT c.oid::regclass FROM pg_class c, aclexplode(relacl) a
        WHERE relnamespace = 'boxoffice'::regnamespace AND a.grantee <> relowner";
    assert_eq!(lines(&client, query).await?, [""; 0], "a relation that others than the owner may use");
    Ok(())
}

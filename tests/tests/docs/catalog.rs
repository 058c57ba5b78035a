//! The reference, from both sides: as `docs/SQL.md` has it and as the catalog has it, each as a set of lines.

use std::collections::BTreeSet;

use boxoffice_tests::Result;
use tokio_postgres::Client;

use crate::docs::markdown::Document;

/// Rows as `docs/SQL.md` writes them, with the object that they belong to in front.
const OBJECTS: &str = r"
SELECT format('domain | `%s` | `%s` | %s |', t.typname, format_type(t.typbasetype, t.typtypmod), obj_description(t.oid, 'pg_type'))
FROM pg_type t WHERE t.typnamespace = 'boxoffice'::regnamespace AND t.typtype = 'd'
UNION ALL
SELECT format('%s: %s', c.relname, obj_description(c.oid, 'pg_class'))
FROM pg_class c WHERE c.relnamespace = 'boxoffice'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
UNION ALL
SELECT format('%s Key: `%s`', i.indrelid::regclass, string_agg(a.attname, ', ' ORDER BY k.position))
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, position)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'boxoffice'::regnamespace
WHERE i.indisprimary GROUP BY i.indrelid
UNION ALL
SELECT format('%s | `%s` | `%s` | %s |', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'boxoffice'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
UNION ALL
SELECT line FROM pg_proc p
CROSS JOIN LATERAL (SELECT format('`%s(%s)` → `%s`', p.proname,
    regexp_replace(regexp_replace(pg_get_function_arguments(p.oid), '(, )?OUT .*', ''), '::[a-z ]+(\[\])?', '', 'g'),
    COALESCE((SELECT string_agg(format('%s %s', p.proargnames[i], format_type(p.proallargtypes[i], NULL)), ', ' ORDER BY i)
              FROM generate_subscripts(p.proargmodes, 1) AS i WHERE p.proargmodes[i] IN ('o', 't')),
             pg_get_function_result(p.oid))) AS signature) AS s
CROSS JOIN LATERAL (VALUES (s.signature), (s.signature || ': ' || obj_description(p.oid, 'pg_proc'))) AS l (line)
WHERE p.pronamespace = 'boxoffice'::regnamespace";

/// What is installed. Types of the schema stand without it, as its search_path has them.
pub async fn installed(client: &Client) -> Result<BTreeSet<String>> {
    client.batch_execute("SET search_path = boxoffice, pg_catalog").await?;
    Ok(client.query(OBJECTS, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// What is documented. Under "Domains", "Tables" and "Views": rows of tables; under the latter two the object is the
/// nearest `###` heading, and the paragraph after it its comment. Under "Functions": lines `signature` → `result`, each
/// with its comment in the next line.
pub fn documented(document: &Document) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let (mut section, mut object, mut awaited) = ("", String::new(), None);
    for line in document.text.lines().map(str::trim_end) {
        if let Some(name) = line.strip_prefix("## ") {
            section = name;
            object = if section == "Domains" { "domain".to_owned() } else { String::new() };
        } else if !matches!(section, "Domains" | "Tables" | "Views" | "Functions") || line.is_empty() {
            continue;
        } else if let (Some(name), true) = (line.strip_prefix("### "), section != "Functions") {
            object = name.to_owned();
            awaited = Some(object.clone());
        } else if line.starts_with('`') && line.contains(")` → `") {
            lines.insert(line.to_owned());
            awaited = Some(line.to_owned());
        } else if let Some(owner) = awaited.take() {
            lines.insert(format!("{owner}: {line}"));
        } else if section != "Functions" && (line.starts_with("| `") || line.starts_with("Key: ")) {
            lines.insert(format!("{object} {line}"));
        }
    }
    lines
}

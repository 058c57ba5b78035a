//! The functions in C are declared by hand in `sql/`, and the server believes the declaration: a wrong type is undefined
//! behaviour. So each declaration is compared with the signature in the source of the extension.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use boxoffice_tests::sql::lines;
use boxoffice_tests::{Database, Result};
use syn::parse::{Parse as _, Parser as _};
use syn::{FnArg, GenericArgument, Item, ItemFn, Pat, PathArguments, ReturnType, Type};

/// Every function in C, in the words of [`signature`].
const DECLARED: &str = "SELECT concat_ws(' ', p.prosrc, '(' || concat(a.given) || ')', CASE WHEN p.proisstrict AND p.pronargs > 0 THEN 'strict' END, 'returns',
        CASE WHEN p.proretset THEN 'setof' END, CASE WHEN a.found IS NULL THEN p.prorettype::regtype::text ELSE '(' || a.found || ')' END)
    FROM pg_proc p CROSS JOIN LATERAL (
        SELECT string_agg(concat_ws(' ', n, t::regtype), ', ' ORDER BY o) FILTER (WHERE m = 'i') AS given,
               string_agg(concat_ws(' ', n, t::regtype), ', ' ORDER BY o) FILTER (WHERE m <> 'i') AS found
        FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames,
                    coalesce(p.proargmodes, array_fill('i'::\"char\", ARRAY[p.pronargs::integer]))) WITH ORDINALITY u (t, n, m, o)) a
    WHERE p.pronamespace = 'boxoffice'::regnamespace AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')";

type Aliases = BTreeMap<String, Type>;

/// The type in SQL of a type in Rust, and whether it can be NULL.
fn sql_type(ty: &Type) -> Result<(String, bool)> {
    match ty {
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => Ok(("text".to_owned(), false)),
            Type::Slice(slice) if matches!(&*slice.elem, Type::Path(p) if p.path.is_ident("u8")) => {
                Ok(("bytea".to_owned(), false))
            }
            _ => bail!("a reference to something unknown"),
        },
        Type::Tuple(unit) if unit.elems.is_empty() => Ok(("void".to_owned(), false)),
        Type::Path(path) => {
            let last = path.path.segments.last().context("an empty path")?;
            let name = last.ident.to_string();
            let inner = || sql_type(argument(&last.arguments)?);
            Ok(match name.as_str() {
                "Option" => (inner()?.0, true),
                "Array" | "Vec" => (format!("{}[]", inner()?.0), false),
                "String" => ("text".to_owned(), false),
                "i16" => ("smallint".to_owned(), false),
                "i32" => ("integer".to_owned(), false),
                "i64" => ("bigint".to_owned(), false),
                "f64" => ("double precision".to_owned(), false),
                "bool" => ("boolean".to_owned(), false),
                "JsonB" => ("jsonb".to_owned(), false),
                "AnyNumeric" => ("numeric".to_owned(), false),
                "Interval" => ("interval".to_owned(), false),
                "TimestampWithTimeZone" => ("timestamp with time zone".to_owned(), false),
                _ => bail!("nobody knows what {name} is in SQL"),
            })
        }
        _ => bail!("nobody knows what a type is in SQL"),
    }
}

/// The type in `Name<'_, Type>`; of several the first.
fn argument(arguments: &PathArguments) -> Result<&Type> {
    let PathArguments::AngleBracketed(list) = arguments else { bail!("a type without an argument") };
    let types = list.args.iter().filter_map(|a| if let GenericArgument::Type(ty) = a { Some(ty) } else { None });
    types.into_iter().next().context("a type without an argument")
}

/// What a function returns, as the catalog has it.
fn returned(ty: &Type, aliases: &Aliases) -> Result<String> {
    let Type::Path(path) = ty else { return Ok(sql_type(ty)?.0) };
    let last = path.path.segments.last().context("an empty path")?;
    let name = last.ident.to_string();
    match name.as_str() {
        "Rows" | "TableIterator" => Ok(format!("setof ({})", columns(argument(&last.arguments)?, aliases)?)),
        "Runs" | "SetOfIterator" => Ok(format!("setof {}", sql_type(argument(&last.arguments)?)?.0)),
        "Answer" | "Result" => returned(argument(&last.arguments)?, aliases),
        _ => Ok(sql_type(ty)?.0),
    }
}

/// The columns of a row: a tuple of `name!(column, type)`, or the name of one.
fn columns(ty: &Type, aliases: &Aliases) -> Result<String> {
    let tuple = match ty {
        Type::Tuple(tuple) => tuple,
        Type::Path(path) => {
            let name = path.path.require_ident()?.to_string();
            return columns(aliases.get(&name).with_context(|| format!("no type {name}"))?, aliases);
        }
        _ => bail!("a row is no tuple"),
    };
    let column = |ty: &Type| -> Result<String> {
        let Type::Macro(named) = ty else { bail!("a column without a name") };
        let parse = |input: syn::parse::ParseStream<'_>| {
            let name = syn::Ident::parse(input)?;
            let _: syn::Token![,] = input.parse()?;
            Ok((name, Type::parse(input)?))
        };
        let (name, ty) = parse.parse2(named.mac.tokens.clone())?;
        Ok(format!("{name} {}", sql_type(&ty)?.0))
    };
    Ok(tuple.elems.iter().map(column).collect::<Result<Vec<_>>>()?.join(", "))
}

/// A function as the catalog has to have it. That a NULL can come is what an `Option` says, and not STRICT in SQL.
fn signature(function: &ItemFn, aliases: &Aliases) -> Result<String> {
    let name = &function.sig.ident;
    let mut given = Vec::new();
    let mut nullable = BTreeSet::new();
    for input in &function.sig.inputs {
        let FnArg::Typed(input) = input else { bail!("{name} has a self") };
        let Pat::Ident(argument) = &*input.pat else { bail!("{name} has an argument without a name") };
        let (ty, can_be_null) = sql_type(&input.ty).with_context(|| format!("{name}, {}", argument.ident))?;
        given.push(format!("{} {ty}", argument.ident));
        nullable.insert(can_be_null);
    }
    ensure!(nullable.len() <= 1, "some arguments of {name} can be NULL and others cannot");
    let strict = if nullable.contains(&false) { " strict" } else { "" };
    let result = match &function.sig.output {
        ReturnType::Default => "void".to_owned(),
        ReturnType::Type(_, ty) => returned(ty, aliases).with_context(|| format!("{name}"))?,
    };
    Ok(format!("{name}_wrapper ({}){strict} returns {result}", given.join(", ")))
}

/// The functions of a source file that are to be called from SQL.
fn implemented(source: &str) -> Result<Vec<String>> {
    let file = syn::parse_file(source)?;
    let aliases: Aliases = file
        .items
        .iter()
        .filter_map(|item| if let Item::Type(alias) = item { Some(alias) } else { None })
        .map(|alias| (alias.ident.to_string(), (*alias.ty).clone()))
        .collect();
    let mut found = Vec::new();
    for item in &file.items {
        let Item::Fn(function) = item else { continue };
        let has = |name: &str| function.attrs.iter().any(|attribute| attribute.path().is_ident(name));
        if has("pg_extern") {
            found.push(signature(function, &aliases)?);
        } else if has("pg_trigger") {
            found.push(format!("{}_wrapper () returns trigger", function.sig.ident));
        }
    }
    Ok(found)
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

fn extension() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../extension/src")
}

#[tokio::test(flavor = "multi_thread")]
async fn declarations_in_sql_are_the_signatures_in_rust() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let declared: BTreeSet<String> = lines(&client, DECLARED).await?.into_iter().collect();
    let mut found = BTreeSet::new();
    for path in sources(&extension())? {
        found.extend(implemented(&std::fs::read_to_string(&path)?).with_context(|| path.display().to_string())?);
    }
    ensure!(found.len() > 30, "only {} functions were found", found.len());
    let only_in_sql: Vec<&String> = declared.difference(&found).collect();
    let only_in_rust: Vec<&String> = found.difference(&declared).collect();
    assert_eq!((&only_in_sql, &only_in_rust), (&vec![], &vec![]), "left: declared in SQL; right: the source");
    Ok(())
}

#[test]
fn a_signature_that_has_changed_is_seen() -> Result {
    let source = std::fs::read_to_string(extension().join("api/mod.rs"))?;
    let before = implemented(&source)?;
    for (old, new) in [
        ("max_jobs: Option<i32>", "max_jobs: Option<i64>"),
        ("max_jobs: Option<i32>", "max_jobs: i32"),
        ("fn sync_event(event_id: Option<&str>)", "fn sync_event(event_id: &str)"),
        ("fn end_lost_fetches() -> Answer<i32>", "fn end_lost_fetches() -> Answer<i64>"),
        ("fn sync_platform(platform: Option<&str>)", "fn sync_platform(name: Option<&str>)"),
        ("name!(path, String));\ntype Steps", "name!(path, i32));\ntype Steps"),
    ] {
        let changed = source.replacen(old, new, 1);
        assert_ne!(changed, source, "{old} is not in the source any more");
        // Seen, or refused as something that SQL cannot have.
        assert!(implemented(&changed).map_or(true, |after| after != before), "{old} became {new}");
    }
    let unknown = "#[pg_extern(sql = false)] fn f(x: Option<u64>) {}";
    let error = implemented(unknown).err().ok_or_else(|| anyhow!("u64 is no type of SQL"))?;
    assert!(format!("{error:#}").contains("u64"), "{error:#}");
    Ok(())
}

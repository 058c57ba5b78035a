//! Worlds of observations with the exact rows they must become, whatever their order, doubling and batching.
//!
//! One line of a vector file is `{"observations": [...], "expected": [...]}`, instants in milliseconds, money in minor
//! units of a currency with two decimals. The vectors come from an executable model of the merge rules, which is
//! independent of this implementation.
#![allow(clippy::expect_used, clippy::panic, reason = "a failing helper is a failing test")]

mod merge_support;

use std::collections::BTreeMap;
use std::path::Path;

use boxoffice_core::merge::{Derived, State};
use boxoffice_core::observation::{Fact, Payment};
use boxoffice_core::platform::Platform;
use merge_support::vectors::{
    amount, bool, currency, fact, int, list, opt_str, order_key, platform, platform_of, str, time,
};
use merge_support::{Rng, blake2b, fold_in_parts, folded};
use serde_json::Value;

/// Every world is merged in this many random ways.
const ORDERS: usize = 24;

#[test]
fn own_vectors_come_out_equal() {
    let worlds = check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/merge_vectors.jsonl"));
    assert_eq!(worlds, 250);
}

fn check(file: &Path) -> usize {
    let text = std::fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let world: Value = serde_json::from_str(line).expect("a JSON line");
        if let Err(why) = check_world(&world, number as u64) {
            wrong.push(format!("world {}: {why}", number + 1));
        }
    }
    let shown = wrong.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} worlds of {} are wrong:\n{shown}", wrong.len(), file.display());
    text.lines().count()
}

fn check_world(world: &Value, seed: u64) -> Result<(), String> {
    let mut facts: BTreeMap<(Platform, String), Vec<Fact>> = BTreeMap::new();
    for observation in list(world, "observations") {
        if let Some(key) = order_key(observation) {
            facts.entry(key).or_default();
        }
    }
    for observation in list(world, "observations") {
        let fact = fact(observation);
        for (key, facts) in &mut facts {
            // A sweep concerns every order of its event.
            if order_key(observation).is_none_or(|of| of == *key) && platform(observation) == key.0 {
                facts.push(fact.clone());
            }
        }
    }
    let expected: BTreeMap<(Platform, String), &Value> = list(world, "expected")
        .iter()
        .map(|row| ((platform_of(&str(row, "platform")), str(row, "order")), row))
        .collect();
    for key in expected.keys() {
        if !facts.contains_key(key) {
            return Err(format!("{key:?} is expected, but never observed"));
        }
    }
    let mut rng = Rng::new(seed);
    for (key, facts) in &facts {
        let reference = folded(facts);
        compare(reference.derive(key.0).as_ref(), expected.get(key).copied())?;
        for round in 0..ORDERS {
            let mut shuffled = facts.clone();
            for _ in 0..rng.below(facts.len() + 1) {
                shuffled.push(facts[rng.below(facts.len())].clone());
            }
            rng.shuffle(&mut shuffled);
            let state = if round % 2 == 0 { folded(&shuffled) } else { fold_in_parts(&shuffled, &mut rng) };
            if state != reference {
                return Err(format!("round {round}: the state depends on the order"));
            }
            compare(state.derive(key.0).as_ref(), expected.get(key).copied())?;
            let stored = State::decode(&state.encode()).map_err(|why| why.to_string())?;
            if stored != state {
                return Err("the stored state reads back differently".to_owned());
            }
        }
    }
    Ok(())
}

fn compare(derived: Option<&Derived>, expected: Option<&Value>) -> Result<(), String> {
    let (derived, expected) = match (derived, expected) {
        (None, None) => return Ok(()),
        (Some(derived), Some(expected)) => (derived, expected),
        (None, Some(_)) => return Err("no row".to_owned()),
        (Some(_), None) => return Err("a row where none is expected".to_owned()),
    };
    let sale = &derived.sale;
    let mut wrong = Vec::new();
    let mut field = |name: &str, got: String, want: String| {
        if got != want {
            wrong.push(format!("{name} is {got}, expected {want}"));
        }
    };
    field("name", show(&sale.customer_name), show(&opt_str(expected, "name")));
    field("email", show(&sale.customer_email), show(&opt_str(expected, "email")));
    field("currency", show(&sale.currency), show(&currency(expected)));
    field("total", show(&sale.total_amount), show(&amount(expected, "total")));
    field("fees", show(&sale.fee_amount), show(&amount(expected, "fees")));
    field("tax", show(&sale.tax_amount), show(&amount(expected, "tax")));
    field("refund_amount", show(&sale.refund_amount), show(&amount(expected, "refund_amount")));
    field("refund_status", sale.refund_status.as_str().to_owned(), str(expected, "refund_status"));
    field("refund_date", show(&sale.refund_date), show(&time(expected, "refund_date")));
    field("void_date", show(&sale.void_date), show(&time(expected, "void_date")));
    field(
        "payment_status",
        show(&sale.payment_status.map(Payment::as_str)),
        show(&expected["payment_status"].as_str()),
    );
    field("kept", show(&sale.kept_amount), show(&amount(expected, "kept")));
    field("net", show(&sale.net_amount), show(&amount(expected, "net")));
    field("ticket_quantity", show(&sale.ticket_quantity), show(&int(expected, "ticket_quantity")));
    field("valid_quantity", show(&sale.valid_quantity), show(&int(expected, "valid_quantity")));
    field("purchase_date", show(&sale.purchase_date), show(&time(expected, "purchase_date")));
    field("version", show(&sale.source_version), show(&time(expected, "version")));

    let attendees = expected["attendees"].as_object().expect("attendees");
    let ids = derived.attendees.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
    let mut want_ids = attendees.keys().cloned().collect::<Vec<_>>();
    want_ids.sort();
    field("attendees", show(&ids), show(&want_ids));
    for row in &derived.attendees {
        let Some(want) = attendees.get(&row.id) else { continue };
        let mut field = |name: &str, got: String, want: String| field(&format!("{}.{name}", row.id), got, want);
        field("name", show(&row.name), show(&opt_str(want, "name")));
        field("type", show(&row.ticket_type), show(&opt_str(want, "type")));
        field("price", show(&row.price), show(&amount(want, "price")));
        field("barcode", show(&row.barcode), show(&opt_str(want, "barcode")));
        field("status", row.status.as_str().to_owned(), str(want, "status"));
        field("checked_in_at", show(&row.checked_in_at), show(&time(want, "checked_in_at")));
        field("refunded", show(&row.refunded), show(&bool(want, "refunded")));
        field("donation", show(&row.donation), show(&bool(want, "donation")));
        field("version", show(&row.source_version), show(&time(want, "version")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

fn show(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

#[test]
fn the_hash_of_the_model() {
    let hash = |text: &str| blake2b::hash(text.as_bytes()).map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(hash(""), "cae66941d9efbd404e4d88758ea67670");
    assert_eq!(hash("abc"), "cf4ab791c62b8d2b2109c90275287816");
    assert_eq!(hash(&"x".repeat(300)), "c2f093e41879e412280bfcc0ed6533e4");
}

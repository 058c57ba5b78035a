//! Nothing that anybody sends makes this crate panic, and errors and notes never repeat what was sent.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use boxoffice_core::headers::Headers;
use boxoffice_core::platform::{Effect, Failure, Platform, ResourceKind};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Stands in mutated payloads where a message must not repeat it.
const MARK: &str = "zq-private@example.com";

fn deliver(platform: Platform, body: &[u8]) {
    let said = match platform.webhook(&platform.default_settings(), &Headers::default(), body, 1) {
        Ok(delivery) => match delivery.effect {
            Effect::Ignore(why) => [delivery.notes, vec![why]].concat(),
            _ => delivery.notes,
        },
        Err(Failure::Unusable { error, .. }) => vec![error.to_string()],
        Err(Failure::Refused(refusal)) => vec![refusal.to_string()],
    };
    assert!(!said.concat().contains(MARK), "{said:?}");
}

fn read(platform: Platform, kind: ResourceKind, body: &[u8]) {
    let said = match platform.resource(kind, body, Some(1), 1) {
        Ok(found) => found.notes,
        Err(error) => vec![error.to_string()],
    };
    assert!(!said.concat().contains(MARK), "{said:?}");
}

fn everything(body: &[u8]) {
    for platform in Platform::all() {
        deliver(platform, body);
        for kind in ResourceKind::ALL {
            read(platform, kind, body);
        }
    }
}

/// A fixture, and as what it is sent: a delivery where there is no kind.
struct Fixture {
    platform: Platform,
    kind: Option<ResourceKind>,
    body: Value,
}

impl Fixture {
    fn send(&self, body: &Value) {
        let body = body.to_string();
        match self.kind {
            Some(kind) => read(self.platform, kind, body.as_bytes()),
            None => deliver(self.platform, body.as_bytes()),
        }
    }
}

/// Every place in a document, as a path of keys and indexes; of a list the first two elements stand for all.
fn places(value: &Value, here: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(list) => list.iter().enumerate().take(2).map(|(i, value)| (i.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        here.push(key);
        out.push(here.clone());
        places(child, here, out);
        here.pop();
    }
}

fn at<'a>(mut value: &'a mut Value, path: &[String]) -> &'a mut Value {
    for key in path {
        value = match value {
            Value::Array(list) => &mut list[key.parse::<usize>().unwrap()],
            value => &mut value[key.as_str()],
        };
    }
    value
}

fn remove(value: &mut Value, path: &[String]) {
    let (last, parent) = path.split_last().unwrap();
    match at(value, parent) {
        Value::Object(map) => drop(map.remove(last)),
        Value::Array(list) => drop(list.remove(last.parse::<usize>().unwrap())),
        _ => {}
    }
}

fn fixtures() -> Vec<Fixture> {
    let mut found = Vec::new();
    for platform in Platform::all() {
        let folder = format!("{}/tests/fixtures/{}", env!("CARGO_MANIFEST_DIR"), platform.as_str());
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let kind = ResourceKind::from_name(name.split('_').next().unwrap());
            found.push(Fixture {
                platform,
                kind,
                body: serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
            });
        }
    }
    found
}

#[test]
fn each_field_in_turn() {
    let odd = [
        Value::Null,
        json!(true),
        json!(-1),
        json!({}),
        json!([]),
        json!([{}]),
        json!(MARK),
        json!({ "id": MARK, "_id": MARK }),
        json!("\u{0}"),
        serde_json::from_str("1e400").unwrap(),
        serde_json::from_str("-99999999999999999999999.5").unwrap(),
    ];
    for fixture in fixtures() {
        let mut all = Vec::new();
        places(&fixture.body, &mut Vec::new(), &mut all);
        for path in all {
            let mut without = fixture.body.clone();
            remove(&mut without, &path);
            fixture.send(&without);
            for value in &odd {
                let mut other = fixture.body.clone();
                *at(&mut other, &path) = value.clone();
                fixture.send(&other);
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(body in proptest::collection::vec(any::<u8>(), 0..500)) {
        everything(&body);
    }

    #[test]
    fn damaged_payloads(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let fixtures = fixtures();
        let mut body = which.get(&fixtures).body.to_string().into_bytes();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] = byte;
        }
        everything(&body);
    }
}

//! What holds for any platform: those of the registry, and one that nobody has heard of.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use std::collections::BTreeSet;

use boxoffice_core::headers::Headers;
use boxoffice_core::observation::{OrderDoc, OrderKey, Standing};
use boxoffice_core::platform::{Adapter, CredentialForm, Delivery, Effect, Failure, Family, Platform, ResourceKind};
use boxoffice_core::settings::Settings;
use boxoffice_core::time::Micros;
use serde_json::{Map, Value};

/// The least that a platform can be: it says nothing but its name.
struct Aardvark;

static AARDVARK: Aardvark = Aardvark;

impl Adapter for Aardvark {
    fn name(&self) -> &'static str {
        "aardvark"
    }

    fn title(&self) -> &'static str {
        "Aardvark"
    }

    fn set_up(&self) -> &'static [&'static str] {
        &[]
    }

    fn default_settings(&self) -> Settings {
        Platform::all()[0].default_settings()
    }

    fn family(&self) -> Family {
        Family::Swept
    }

    fn standing(&self, _doc: &OrderDoc) -> Standing {
        Standing::default()
    }

    fn read_delivery(
        &self,
        _settings: &Settings,
        _headers: &Headers,
        _body: &[u8],
        _arrived: Micros,
    ) -> Result<Delivery, Failure> {
        let effect = Effect::Ignore("it says nothing".to_owned());
        Ok(Delivery { event_type: "nothing".to_owned(), order_id: None, effect, event: None, notes: Vec::new() })
    }

    fn event_types(&self) -> &'static [&'static str] {
        &["nothing"]
    }

    fn sample(&self, _event_type: &str, _seed: u64, _now: Micros) -> String {
        "{}".to_owned()
    }

    fn body_of(&self, _event_type: &str, data: Map<String, Value>, _now: Micros) -> Value {
        Value::Object(data)
    }
}

#[test]
fn platforms_are_ordered_by_name_wherever_they_stand_in_the_registry() {
    let mut all = Platform::all();
    all.push(Platform::of(&AARDVARK));
    let names = |all: &[Platform]| all.iter().map(|platform| platform.as_str()).collect::<Vec<_>>();
    assert_eq!(names(&all).last(), Some(&"aardvark"), "registered last");
    let mut keys: Vec<OrderKey> = all.iter().map(|&platform| OrderKey { platform, order_id: "1".to_owned() }).collect();
    keys.sort();
    // Locks are taken in this order, and by SQL in the order of the names.
    let mut by_name = names(&all);
    by_name.sort_unstable();
    assert_eq!(keys.iter().map(|key| key.platform.as_str()).collect::<Vec<_>>(), by_name);
    assert_eq!(by_name[0], "aardvark");
    assert_eq!(Platform::from_name("aardvark"), None, "it is in no registry");
}

#[test]
fn whoever_says_nothing_is_asked_for_nothing() {
    let platform = Platform::of(&AARDVARK);
    assert_eq!((platform.access(), platform.ask_order(Some("1"), "2", None)), (None, None));
    assert_eq!(
        (platform.ask_attendee("1", "2"), platform.ask_event("1"), platform.ask_attendees_of("1")),
        (None, None, None)
    );
    assert!(platform.event_listings("1", None, None).is_empty() && platform.discovery(&[], &[]).is_empty());
    assert_eq!(platform.organization_listing("1", ResourceKind::Orders, 0), None);
    for kind in ResourceKind::ALL {
        let error = platform.resource(kind, b"{}", None, 0).unwrap_err().to_string();
        assert!(error.contains(&format!("aardvark has no {}", kind.as_str())), "{error}");
    }
    assert_eq!(platform.without_secrets(b"a secret!!", &["secret!!"]).as_ref(), b"a ********");
}

#[test]
fn each_platform_of_the_registry_says_what_people_need_to_set_it_up() {
    let mut variables = BTreeSet::new();
    for platform in Platform::all() {
        let name = platform.as_str();
        assert!(name.len() <= 32 && name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        assert_eq!(Platform::from_name(name), Some(platform));
        assert!(!platform.set_up().is_empty() && !platform.event_types().is_empty(), "{name}");
        let Some(access) = platform.access() else { continue };
        assert!(access.url.starts_with("https://") && !access.url.ends_with('/'), "{name}");
        assert!(access.calls_per_hour > 0, "{name}");
        if let CredentialForm::Header(header) = access.form {
            assert_eq!(header, header.to_ascii_lowercase());
        }
        for variable in [access.url_variable, access.credential_variable] {
            assert!(variables.insert(variable), "{variable} is used twice");
        }
        let steps = platform.set_up().join("\n");
        assert!(steps.contains(access.credential_variable), "{name} does not say where its credential goes");
    }
    assert!(variables.len() >= 4);
}

//! The samples that `Platform::sample` makes up are deliveries like any other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use boxoffice_core::Error;
use boxoffice_core::headers::Headers;
use boxoffice_core::platform::{Delivery, Platform};

fn deliver(platform: Platform, body: &str) -> Delivery {
    platform.webhook(&platform.default_settings(), &Headers::default(), body.as_bytes(), i64::MAX).unwrap()
}

#[test]
fn samples_are_deliveries() {
    for platform in Platform::all() {
        for event_type in platform.event_types() {
            for seed in 0..50 {
                let body = platform.sample_body(event_type, seed, 1_795_305_600_000_000).unwrap();
                assert_eq!(platform.sample_body(event_type, seed, 1_795_305_600_000_000).unwrap(), body);
                let delivery = deliver(platform, &body);
                assert_eq!(delivery.event_type, *event_type);
                assert_eq!(delivery.notes, [""; 0]);
                assert!(body.contains("example.com"));
            }
        }
        let Err(Error::Unknown(why)) = platform.sample_body("order.exploded", 1, 0) else { panic!() };
        assert!(platform.event_types().iter().all(|name| why.contains(name)));
        for now in [i64::MIN, i64::MAX, 0] {
            assert!(platform.event_types().iter().all(|name| platform.sample_body(name, u64::MAX, now).is_ok()));
        }
    }
}

#[test]
fn samples_of_a_seed_speak_of_one_order() {
    for platform in Platform::all() {
        let order = |event_type: &str, seed| {
            let body = platform.sample_body(event_type, seed, 1_795_305_600_000_000).unwrap();
            deliver(platform, &body).order_id
        };
        let names: Vec<_> = platform.event_types().iter().filter(|name| name.starts_with("order.")).collect();
        for name in &names {
            assert_eq!(order(name, 9), order(names[0], 9));
            assert_ne!(order(name, 9), order(name, 10));
        }
    }
}

//! A delivery is believed exactly when it was signed with a valid secret; everything else says why not.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::path::PathBuf;

use boxoffice_core::headers::{Headers, PATH_TOKEN};
use boxoffice_core::platform::Platform;
use boxoffice_core::settings::{Authentication, Encoding, Secret, Secrets, Settings, SignedContent};
use boxoffice_core::verify::{Refusal, Verified, sign, verify};
use proptest::prelude::*;
use serde_json::Value;

/// 2026-09-21T13:33:20Z, as `1790000000` says in the fixtures.
const NOW: i64 = 1_790_000_000_000_000;

/// The platform of that name.
fn named(name: &str) -> Platform {
    Platform::from_name(name).unwrap()
}

fn settings() -> Settings {
    named("humanitix").default_settings()
}

fn with_timestamp(content: SignedContent) -> Settings {
    Settings { timestamp_header: Some("x-timestamp".into()), signed_content: content, ..settings() }
}

fn secret(value: &str) -> Secret {
    Secret { value: value.into(), valid_until: None }
}

fn signing(values: &[&str]) -> Secrets {
    Secrets { signature: values.iter().map(|value| secret(value)).collect(), path_token: Vec::new() }
}

fn headers(pairs: &[(&str, &str)]) -> Headers {
    Headers::from_pairs(pairs.iter().copied())
}

fn signed(settings: &Settings, key: &str, body: &[u8], at: i64) -> Headers {
    Headers::from_pairs(sign(settings, key, body, at))
}

#[test]
fn our_vectors() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("fixtures/signatures.json")).unwrap();
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap_or_default();
        let settings = Settings {
            signature_header: text("header").into(),
            encoding: if text("encoding") == "hex" { Encoding::Hex } else { Encoding::Base64 },
            prefix: text("prefix").into(),
            timestamp_header: vector.get("timestamp").map(|_| "x-timestamp".into()),
            signed_content: match text("content") {
                "timestamp.body" => SignedContent::TimestampDotBody,
                "timestampbody" => SignedContent::TimestampBody,
                _ => SignedContent::Body,
            },
            ..settings()
        };
        let mut pairs: Vec<_> = vector["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| (text("header"), value.as_str().unwrap()))
            .collect();
        pairs.push(("x-timestamp", text("timestamp")));
        let answer = verify(&settings, &signing(&[text("secret")]), &headers(&pairs), text("body").as_bytes(), NOW);
        assert_eq!(answer, Ok(Verified::Signature(0)), "{}", text("name"));
        let answer = verify(&settings, &signing(&["another"]), &headers(&pairs), text("body").as_bytes(), NOW);
        assert_eq!(answer, Err(Refusal::SignatureMismatch), "{}", text("name"));
    }
}

/// Recorded vectors of other platforms, where they are at hand: those whose scheme these settings can express.
#[test]
fn recorded_vectors() {
    let samples = std::env::var_os("BOXOFFICE_SAMPLES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/samples"), Into::into);
    let Ok(text) = std::fs::read(samples.join("other/signature_vectors.json")) else { return };
    let vectors: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let mut tried = 0;
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap_or_default();
        if text("signed_content") != "raw_body" || !text("algorithm").starts_with("hmac-sha256") {
            continue;
        }
        let settings = Settings {
            signature_header: vector["header"].as_str().unwrap_or("x-signature").to_lowercase(),
            encoding: if text("encoding").starts_with("hex") { Encoding::Hex } else { Encoding::Base64 },
            ..settings()
        };
        let headers = headers(&[(&settings.signature_header, text("header_value"))]);
        let answer = verify(&settings, &signing(&[text("secret")]), &headers, text("raw_body").as_bytes(), NOW);
        assert_eq!(answer, Ok(Verified::Signature(0)), "{}", text("platform"));
        tried += 1;
    }
    assert!(tried >= 5, "only {tried} vectors were tried");
}

#[test]
fn published_vector() {
    // RFC 4231, test case 2.
    let settings = Settings { signature_header: "x".into(), ..settings() };
    let headers = headers(&[("x", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")]);
    let answer = verify(&settings, &signing(&["Jefe"]), &headers, b"what do ya want for nothing?", NOW);
    assert_eq!(answer, Ok(Verified::Signature(0)));
}

#[test]
fn closed_without_a_secret() {
    let answer = |secrets: &Secrets, settings: &Settings| {
        verify(settings, secrets, &signed(settings, "", b"{}", NOW), b"{}", NOW)
    };
    let by_token = named("eventbrite").default_settings();
    for secrets in [Secrets::default(), signing(&["", ""])] {
        assert_eq!(answer(&secrets, &settings()), Err(Refusal::NoSecret));
        assert_eq!(answer(&secrets, &by_token), Err(Refusal::NoSecret));
    }
    // A secret of the other kind opens nothing.
    assert_eq!(answer(&signing(&["a"]), &by_token), Err(Refusal::NoSecret));
    let open = Settings { authentication: Authentication::None, ..settings() };
    assert_eq!(answer(&Secrets::default(), &open), Ok(Verified::Open));
}

#[test]
fn signature_headers() {
    let answer = |pairs: &[(&str, &str)]| verify(&settings(), &signing(&["a"]), &headers(pairs), b"{}", NOW);
    let name = "x-humanitix-signature";
    assert_eq!(answer(&[]), Err(Refusal::SignatureMissing));
    assert_eq!(answer(&[(name, "  ")]), Err(Refusal::SignatureMissing));
    assert_eq!(answer(&[(name, "malformed")]), Err(Refusal::SignatureMalformed));
    assert_eq!(answer(&[(name, &"0".repeat(63))]), Err(Refusal::SignatureMalformed));
    assert_eq!(answer(&[(name, &"0".repeat(64))]), Err(Refusal::SignatureMismatch));
    assert_eq!(answer(&[("x-other", &"0".repeat(64))]), Err(Refusal::SignatureMissing));
    let good = sign(&settings(), "a", b"{}", NOW).remove(0).1;
    assert_eq!(answer(&[(name, "malformed"), (name, &"0".repeat(64)), (name, &good)]), Ok(Verified::Signature(0)));
    assert_eq!(answer(&[(name, &format!("zz,{} {good}", "0".repeat(64)))]), Ok(Verified::Signature(0)));
    assert_eq!(answer(&[(name, &good.to_uppercase())]), Ok(Verified::Signature(0)));
    // A proxy that repeats a header takes nothing from it.
    assert_eq!(answer(&[(name, &good), (name, &good)]), Ok(Verified::Signature(0)));
}

#[test]
fn rotation() {
    let mut secrets = signing(&["new", "old"]);
    let answer =
        |secrets: &Secrets, key| verify(&settings(), secrets, &signed(&settings(), key, b"{}", NOW), b"{}", NOW);
    assert_eq!(answer(&secrets, "new"), Ok(Verified::Signature(0)));
    assert_eq!(answer(&secrets, "old"), Ok(Verified::Signature(1)));
    secrets.signature[1].valid_until = Some(NOW + 1);
    assert_eq!(answer(&secrets, "old"), Ok(Verified::Signature(1)));
    secrets.signature[1].valid_until = Some(NOW);
    assert_eq!(answer(&secrets, "old"), Err(Refusal::SecretExpired));
    assert_eq!(answer(&secrets, "other"), Err(Refusal::SignatureMismatch));
    // The same value set anew is valid again.
    secrets.signature.push(secret("old"));
    assert_eq!(answer(&secrets, "old"), Ok(Verified::Signature(2)));
}

#[test]
fn times_of_signing() {
    for content in [SignedContent::TimestampDotBody, SignedContent::TimestampBody, SignedContent::Body] {
        let settings = with_timestamp(content);
        let answer = |at: i64| verify(&settings, &signing(&["a"]), &signed(&settings, "a", b"{}", at), b"{}", NOW);
        let second = 1_000_000;
        assert_eq!(answer(NOW), Ok(Verified::Signature(0)));
        assert_eq!(answer(NOW - 300 * second), Ok(Verified::Signature(0)));
        assert_eq!(answer(NOW + 300 * second), Ok(Verified::Signature(0)));
        assert_eq!(answer(NOW - 301 * second), Err(Refusal::TimestampStale));
        assert_eq!(answer(NOW + 301 * second), Err(Refusal::TimestampFuture));
        assert_eq!(answer(i64::MAX), Err(Refusal::TimestampFuture));
        assert_eq!(answer(i64::MIN), Err(Refusal::TimestampStale));
    }
}

#[test]
fn timestamps_that_are_none() {
    let settings = with_timestamp(SignedContent::TimestampDotBody);
    let good = sign(&settings, "a", b"{}", NOW);
    let answer = |timestamp: Option<&str>| {
        let pairs = good.iter().filter(|(name, _)| name != "x-timestamp").cloned();
        let timestamp = timestamp.map(|text| ("x-timestamp".to_owned(), text.to_owned()));
        verify(&settings, &signing(&["a"]), &Headers::from_pairs(pairs.chain(timestamp)), b"{}", NOW)
    };
    assert_eq!(answer(None), Err(Refusal::TimestampMissing));
    assert_eq!(answer(Some("")), Err(Refusal::TimestampMissing));
    for text in ["-1", "1e9", " 1790000000", "1790000000.0", "now", "1234567890123456"] {
        assert_eq!(answer(Some(text)), Err(Refusal::TimestampMalformed), "{text}");
    }
    // The same time, but not the same text: it is the text that is signed.
    assert_eq!(answer(Some("01790000000")), Err(Refusal::SignatureMismatch));
    assert_eq!(answer(Some("1790000001")), Err(Refusal::SignatureMismatch));
    assert_eq!(answer(Some("1790000000")), Ok(Verified::Signature(0)));
    // A huge tolerance must not overflow.
    let patient = Settings { tolerance_seconds: i64::MAX, ..settings.clone() };
    let headers = signed(&patient, "a", b"{}", 0);
    assert_eq!(verify(&patient, &signing(&["a"]), &headers, b"{}", i64::MAX), Ok(Verified::Signature(0)));
}

#[test]
fn tokens() {
    let settings = named("eventbrite").default_settings();
    let mut secrets = Secrets { signature: Vec::new(), path_token: vec![secret("new-token"), secret("old-token")] };
    let answer =
        |secrets: &Secrets, token: &str| verify(&settings, secrets, &headers(&[(PATH_TOKEN, token)]), b"", NOW);
    assert_eq!(verify(&settings, &secrets, &Headers::default(), b"", NOW), Err(Refusal::TokenMissing));
    assert_eq!(answer(&secrets, ""), Err(Refusal::TokenMissing));
    assert_eq!(answer(&secrets, "new-token"), Ok(Verified::PathToken(0)));
    assert_eq!(answer(&secrets, "old-token"), Ok(Verified::PathToken(1)));
    for token in ["new-toke", "new-token ", "NEW-TOKEN", "x"] {
        assert_eq!(answer(&secrets, token), Err(Refusal::TokenMismatch), "{token}");
    }
    secrets.path_token[1].valid_until = Some(NOW - 1);
    assert_eq!(answer(&secrets, "old-token"), Err(Refusal::SecretExpired));
    let token = sign(&settings, "new-token", b"any", NOW);
    assert_eq!(verify(&settings, &secrets, &Headers::from_pairs(token), b"any", NOW), Ok(Verified::PathToken(0)));
}

#[test]
fn a_token_platform_can_be_switched_to_signatures() {
    let settings = Settings { authentication: Authentication::Signature, ..named("eventbrite").default_settings() };
    let headers = signed(&settings, "a", b"{}", NOW);
    assert!(headers.get("x-eventbrite-signature").is_some());
    assert_eq!(verify(&settings, &signing(&["a"]), &headers, b"{}", NOW), Ok(Verified::Signature(0)));
}

proptest! {
    #[test]
    fn exactly_what_was_signed(
        body in proptest::collection::vec(any::<u8>(), 1..300),
        key in ".{1,40}",
        base64 in any::<bool>(),
        content in 0usize..4,
        prefix in "(sha256=|v1,|)",
        at in any::<prop::sample::Index>(),
        flip in 1u8..=255,
    ) {
        let settings = Settings {
            encoding: if base64 { Encoding::Base64 } else { Encoding::Hex },
            prefix,
            ..match content {
                0 => settings(),
                1 => with_timestamp(SignedContent::Body),
                2 => with_timestamp(SignedContent::TimestampBody),
                _ => with_timestamp(SignedContent::TimestampDotBody),
            }
        };
        let headers = signed(&settings, &key, &body, NOW);
        let secrets = signing(&[&key]);
        prop_assert_eq!(verify(&settings, &secrets, &headers, &body, NOW), Ok(Verified::Signature(0)));

        let mut other = body.clone();
        other[at.index(body.len())] ^= flip;
        prop_assert_eq!(verify(&settings, &secrets, &headers, &other, NOW), Err(Refusal::SignatureMismatch));
        other = body.clone();
        other.push(flip);
        prop_assert_eq!(verify(&settings, &secrets, &headers, &other, NOW), Err(Refusal::SignatureMismatch));

        // Another byte in the signature is another signature, unless it is the same digit in the other case.
        let name = &settings.signature_header;
        let value = headers.get(name).unwrap().to_owned();
        let from = settings.prefix.len();
        let place = from + at.index(value.len() - from);
        let mut bytes = value.clone().into_bytes();
        bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
        let pairs = sign(&settings, &key, &body, NOW).into_iter().filter(|(header, _)| header != name);
        let broken = Headers::from_pairs(pairs.chain([(name.clone(), String::from_utf8(bytes).unwrap())]));
        prop_assert!(verify(&settings, &secrets, &broken, &body, NOW).is_err());
    }

    #[test]
    fn hostile_headers_never_panic(signature in ".{0,200}", timestamp in ".{0,20}", prefix in ".{0,5}", body in ".{0,20}") {
        let settings = Settings { prefix, ..with_timestamp(SignedContent::TimestampDotBody) };
        let headers = headers(&[("x-humanitix-signature", &signature), ("x-timestamp", &timestamp)]);
        prop_assert!(verify(&settings, &signing(&["a"]), &headers, body.as_bytes(), NOW).is_err());
    }
}

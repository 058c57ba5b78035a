//! The headers of a delivery as the JSON object that the database expects.
//!
//! Names are lower case; a repeated header is an array of strings, in order; a value that is not UTF-8 is read as
//! Latin-1, so that nothing is lost. What HTTP does not carry as a header has a name that no header can have:
//! `:path-token` (last segment of the path, as sent) and `:remote-addr` (address of the sender, without port).

use std::net::IpAddr;

use boxoffice_contract::headers::{PATH_TOKEN, REMOTE_ADDR};
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use serde_json::{Map, Value};

/// Builds the object.
pub fn to_json(headers: &HeaderMap, token: Option<&str>, remote: IpAddr) -> String {
    let mut object = Map::new();
    for name in headers.keys() {
        // hyper delivers no such name; if it ever did, a stranger could choose our own fields.
        if name.as_str().starts_with(':') {
            continue;
        }
        let mut values = headers.get_all(name).iter().map(|value| Value::String(text(value)));
        let value = match (values.next(), values.next()) {
            (Some(only), None) => only,
            (first, second) => first.into_iter().chain(second).chain(values).collect(),
        };
        object.insert(name.as_str().to_owned(), value);
    }
    if let Some(token) = token {
        object.insert(PATH_TOKEN.to_owned(), token.into());
    }
    object.insert(REMOTE_ADDR.to_owned(), remote.to_string().into());
    Value::Object(object).to_string()
}

fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderName;

    fn map(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        map
    }

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn object() {
        let map =
            map(&[("x-a", b"1"), ("x-b", b"\xe9"), ("x-a", b"2"), ("x-c", "\u{20ac}\"\t".as_bytes()), ("x-a", b"3")]);
        let value: Value = serde_json::from_str(&to_json(&map, Some("t%20"), PEER)).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "x-a": ["1", "2", "3"], "x-b": "\u{e9}", "x-c": "\u{20ac}\"\t", ":path-token": "t%20", ":remote-addr": "192.0.2.1"
            })
        );
        assert_eq!(to_json(&HeaderMap::new(), None, PEER), r#"{":remote-addr":"192.0.2.1"}"#);
    }
}

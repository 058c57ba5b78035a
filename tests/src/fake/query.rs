//! Paths and queries of requests.

/// A request as a platform reads it.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(super) fn parse(query: &str) -> Query {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Query { pairs: pairs.collect() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// The first parameter that is not one of these.
    pub(super) fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.pairs.iter().map(|pair| pair.0.as_str()).find(|name| !known.contains(name))
    }

    /// Names and values without some, in one order, for comparing.
    pub(super) fn without(&self, names: &[&str]) -> String {
        let mut pairs: Vec<_> = self.pairs.iter().filter(|pair| !names.contains(&pair.0.as_str())).collect();
        pairs.sort();
        format!("{pairs:?}")
    }

    /// Values of a list with commas.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&str>> {
        self.get(name).map(|value| value.split(',').map(str::trim).filter(|value| !value.is_empty()).collect())
    }
}

/// Undoes percent encoding; what is not encoded properly stays.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (byte, hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

//! Names that a Python program has printed as bytes: `b'M\xc3\xbcller'`, seen in API answers since August 2026.

/// The text that was meant; anything that is not wholly such a print stays as it is.
pub(super) fn undo(text: String) -> String {
    if !text.starts_with("b'") && !text.starts_with("b\"") {
        return text;
    }
    let mut words = Vec::new();
    let mut rest = text.as_str();
    // A whole name is several prints: `b'Eva' b'M\xc3\xbcller'`.
    while let Some((word, tail)) = literal(rest) {
        words.push(word);
        rest = tail.trim_start();
        if rest.is_empty() {
            return words.join(" ");
        }
    }
    text
}

/// A bytes literal at the start, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let (quote, body) = match text.as_bytes() {
        [b'b', quote @ (b'\'' | b'"'), ..] => (*quote, &text[2..]),
        _ => return None,
    };
    let (bytes, mut out, mut at) = (body.as_bytes(), Vec::new(), 0);
    loop {
        match *bytes.get(at)? {
            byte if byte == quote => break,
            b'\\' => {
                let escape = *bytes.get(at + 1)?;
                at += 1;
                out.push(match escape {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'\\' | b'\'' | b'"' => escape,
                    b'x' => {
                        let digits = body.get(at + 1..at + 3)?;
                        at += 2;
                        u8::from_str_radix(digits, 16).ok()?
                    }
                    _ => return None,
                });
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    // The quote is ASCII, so this is a boundary. What follows must be the next print, or nothing.
    let tail = &body[at + 1..];
    if !tail.is_empty() && !tail.starts_with(' ') {
        return None;
    }
    // A NUL written as an escape would come back to life here.
    Some((String::from_utf8(out).ok()?.replace('\0', ""), tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_are_undone_and_nothing_else() {
        let cases = [
            ("b'Eva'", "Eva"),
            (r"b'M\xc3\xbcller'", "Müller"),
            (r"b'Eva' b'M\xc3\xbcller'", "Eva Müller"),
            ("b\"O'Brien\"", "O'Brien"),
            (r"b'O\'Brien'", "O'Brien"),
            (r"b'\xff'", r"b'\xff'"),
            (r"b'\x0", r"b'\x0"),
            (r"b'\xé'", r"b'\xé'"),
            ("b'", "b'"),
            ("b'Eva'x", "b'Eva'x"),
            ("b'Eva' and b", "b'Eva' and b"),
            ("Bob b'Eva'", "Bob b'Eva'"),
            ("b\u{301}'Eva'", "b\u{301}'Eva'"),
            ("", ""),
        ];
        for (sent, meant) in cases {
            assert_eq!(undo(sent.to_owned()), meant);
        }
    }
}

//! Lenient reading of JSON objects: absent is `None`, a wrong type is `None` and a note, an unusable amount is an error.

use std::cell::RefCell;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::money::{Amount, Currency};
use crate::time::{self, Micros, Precision, Reading};

/// Longest text that is kept, in characters.
const MAX_TEXT: usize = 4096;
/// Longest label, in characters.
const MAX_LABEL: usize = 128;
/// Longest id that is believed, in bytes.
const MAX_ID: usize = 256;
/// More notes than that help nobody.
const MAX_NOTES: usize = 100;

/// What was odd about a body. Names fields and positions, never values.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    list: RefCell<Vec<String>>,
    place: RefCell<String>,
}

impl Notes {
    /// Adds a note about what is being read now.
    pub(crate) fn add(&self, note: impl std::fmt::Display) {
        let mut list = self.list.borrow_mut();
        match list.len() {
            MAX_NOTES => list.push("further notes are left out".into()),
            0..MAX_NOTES => {
                let place = self.place.borrow();
                list.push(if place.is_empty() { note.to_string() } else { format!("{place}: {note}") });
            }
            _ => {}
        }
    }

    /// Says what is being read from here on (`orders[3]`), for the notes that follow.
    pub(crate) fn at(&self, place: &str, index: usize) {
        *self.place.borrow_mut() = format!("{place}[{index}]");
    }

    /// The notes.
    pub(crate) fn into_vec(self) -> Vec<String> {
        self.list.into_inner()
    }
}

/// A JSON object under its path in the body, with a place for notes.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    map: &'a Map<String, Value>,
    path: &'static str,
    notes: &'a Notes,
}

/// Names of a field, the preferred one first.
type Names<'n> = &'n [&'n str];

impl<'a> Object<'a> {
    /// An object that must be there.
    pub(crate) fn required(value: &'a Value, path: &'static str, notes: &'a Notes) -> Result<Object<'a>> {
        match value {
            Value::Object(map) => Ok(Object { map, path, notes }),
            _ => Err(Error::Shape(format!("{} is not an object", if path.is_empty() { "it" } else { path }))),
        }
    }

    /// An object within this one. `path` is its whole path.
    pub(crate) fn object(self, name: &str, path: &'static str) -> Option<Object<'a>> {
        match self.get(&[name])?.1 {
            Value::Object(map) => Some(Object { map, path, notes: self.notes }),
            _ => self.wrong_type(name),
        }
    }

    /// The elements of an array that the object is there for.
    pub(crate) fn items(self, name: &str) -> Option<&'a [Value]> {
        if !self.has(&[name]) {
            self.note(name, "is missing");
        }
        self.array(name)
    }

    /// The elements of an array.
    pub(crate) fn array(self, name: &str) -> Option<&'a [Value]> {
        match self.get(&[name])?.1 {
            Value::Array(items) => Some(items),
            _ => self.wrong_type(name),
        }
    }

    /// An element of an array as an object.
    pub(crate) fn element(self, value: &'a Value, path: &'static str) -> Option<Object<'a>> {
        match value {
            Value::Object(map) => Some(Object { map, path, notes: self.notes }),
            _ => None,
        }
    }

    /// Present with any value but null?
    pub(crate) fn has(self, names: Names<'_>) -> bool {
        self.get(names).is_some()
    }

    /// Text: without NUL characters, trimmed, `None` when nothing is left, cut when absurdly long.
    pub(crate) fn text(self, names: Names<'_>) -> Option<String> {
        let (name, value) = self.get(names)?;
        match value {
            Value::String(text) => {
                let (text, cut) = clean(text);
                if cut {
                    self.note(name, "is longer than 4096 characters and was cut");
                }
                text
            }
            Value::Number(number) => Some(clean(number.as_str()).0?),
            _ => self.wrong_type(name),
        }
    }

    /// A short word, as it is used for filtering and in indexes.
    pub(crate) fn label(self, names: Names<'_>) -> Option<String> {
        let mut text = self.text(names)?;
        if let Some((end, _)) = text.char_indices().nth(MAX_LABEL) {
            text.truncate(end);
        }
        Some(text)
    }

    /// An id that must be there: text or an integer.
    pub(crate) fn required_id(self, names: Names<'_>) -> Result<String> {
        let name = names.first().copied().unwrap_or_default();
        let Some((name, value)) = self.get(names) else {
            return Err(Error::Shape(format!("{} is missing", self.field(name))));
        };
        id(value).map_err(|why| Error::Shape(format!("{} {why}", self.field(name))))
    }

    /// An id that may be absent.
    pub(crate) fn id(self, names: Names<'_>) -> Option<String> {
        let (name, value) = self.get(names)?;
        // An unset field is often an empty text; that is nothing to report.
        if value.as_str().is_some_and(str::is_empty) {
            return None;
        }
        id(value).map_err(|why| self.note(name, why)).ok()
    }

    /// A truth value; the texts `true` and `false` count.
    pub(crate) fn flag(self, names: Names<'_>) -> Option<bool> {
        let (name, value) = self.get(names)?;
        match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            _ => self.wrong_type(name),
        }
    }

    /// A whole number, also as text.
    pub(crate) fn integer(self, names: Names<'_>) -> Option<i64> {
        let (name, value) = self.get(names)?;
        let literal = match value {
            Value::Number(number) => number.as_str(),
            Value::String(text) => text.trim(),
            _ => return self.wrong_type(name),
        };
        // `2.0` is how some languages write two.
        let number = literal
            .split_once('.')
            .map_or(literal, |(whole, rest)| if rest.bytes().all(|b| b == b'0') { whole } else { literal });
        number.parse().map_err(|_| self.note(name, "is not a whole number")).ok()
    }

    /// A number of places. What cannot be one (negative, or more than ten million, as in "unlimited") is unknown.
    pub(crate) fn places(self, names: Names<'_>) -> Option<i64> {
        let (name, number) = (self.get(names)?.0, self.integer(names)?);
        if (0..=10_000_000).contains(&number) {
            return Some(number);
        }
        self.note(
            name,
            if number < 0 { "is negative and counts as unknown" } else { "is too large and counts as unknown" },
        );
        None
    }

    /// An instant.
    pub(crate) fn instant(self, names: Names<'_>) -> Option<Micros> {
        self.reading(names).map(|reading| reading.at)
    }

    /// An instant, and how sure it is.
    pub(crate) fn reading(self, names: Names<'_>) -> Option<Reading> {
        let (name, value) = self.get(names)?;
        let text = match value {
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) => text.as_str(),
            Value::Number(number) => number.as_str(),
            _ => return self.wrong_type(name),
        };
        let reading = time::read(text);
        match reading.map(|reading| reading.precision) {
            Some(Precision::Exact) => {}
            Some(Precision::AssumedUtc) => self.note(name, "has no offset and was read as UTC"),
            Some(Precision::Date) => self.note(name, "is a date without a time and was read in UTC"),
            None => self.note(name, "is not a time that can be read"),
        }
        reading
    }

    /// A currency.
    pub(crate) fn currency(self, names: Names<'_>) -> Option<Currency> {
        let name = self.get(names)?.0;
        Currency::parse(&self.text(&[name])?).or_else(|| {
            self.note(name, "is not an ISO 4217 code");
            None
        })
    }

    /// An amount in major units, never negative; a number or a numeric text.
    pub(crate) fn amount(self, names: Names<'_>, currency: Option<Currency>) -> Result<Option<Amount>> {
        let Some((name, value)) = self.get(names) else { return Ok(None) };
        let Some(literal) = self.literal(name, value) else { return Ok(None) };
        let amount = Amount::from_major(literal, currency).map_err(|error| self.unusable(name, error))?;
        self.not_negative(name, amount).map(Some)
    }

    /// An amount in minor units, never negative; a whole number or its text.
    pub(crate) fn minor_amount(self, name: &str, currency: Currency) -> Result<Option<Amount>> {
        let Some((_, value)) = self.get(&[name]) else { return Ok(None) };
        let Some(literal) = self.literal(name, value) else { return Ok(None) };
        let minor = match literal.parse() {
            Ok(minor) => minor,
            // `3369.0` and `3.369e3` are whole numbers too; a fraction of a cent is not.
            Err(_) => match Amount::from_major(literal, None).map_err(|error| self.unusable(name, error))? {
                Amount(scaled) if scaled % 10_000 == 0 => scaled / 10_000,
                _ => return Err(Error::Amount(format!("{}: not a whole number of minor units", self.field(name)))),
            },
        };
        let amount = Amount::from_minor(minor, currency).map_err(|error| self.unusable(name, error))?;
        self.not_negative(name, amount).map(Some)
    }

    /// Notes something about a field of this object.
    pub(crate) fn note(self, name: &str, what: &str) {
        self.notes.add(format_args!("{} {what}", self.field(name)));
    }

    fn get<'n>(self, names: Names<'n>) -> Option<(&'n str, &'a Value)> {
        names.iter().find_map(|name| match self.map.get(*name) {
            None | Some(Value::Null) => None,
            Some(value) => Some((*name, value)),
        })
    }

    fn field(self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn wrong_type<T>(self, name: &str) -> Option<T> {
        self.note(name, "has the wrong type and was left out");
        None
    }

    fn literal(self, name: &str, value: &'a Value) -> Option<&'a str> {
        match value {
            Value::Number(number) => Some(number.as_str()),
            Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => self.wrong_type(name),
        }
    }

    fn not_negative(self, name: &str, amount: Amount) -> Result<Amount> {
        if amount.is_negative() {
            return Err(Error::Amount(format!("{}: the value is negative", self.field(name))));
        }
        Ok(amount)
    }

    fn unusable(self, name: &str, error: Error) -> Error {
        match error {
            Error::Amount(why) => Error::Amount(format!("{}: {why}", self.field(name))),
            other => other,
        }
    }
}

/// Cleaned text, and whether it had to be cut.
fn clean(text: &str) -> (Option<String>, bool) {
    let without_nul;
    let text = if text.contains('\0') {
        without_nul = text.replace('\0', "");
        without_nul.trim()
    } else {
        text.trim()
    };
    if text.is_empty() {
        return (None, false);
    }
    match text.char_indices().nth(MAX_TEXT).filter(|_| text.len() > MAX_TEXT) {
        Some((end, _)) => (Some(text[..end].to_owned()), true),
        None => (Some(text.to_owned()), false),
    }
}

fn id(value: &Value) -> std::result::Result<String, &'static str> {
    let text = match value {
        Value::String(text) => text.replace('\0', "").trim().to_owned(),
        Value::Number(number) if number.as_str().bytes().all(|b| b.is_ascii_digit() || b == b'-') => number.to_string(),
        _ => return Err("is neither text nor a whole number"),
    };
    match text.len() {
        0 => Err("is empty"),
        1..=MAX_ID => Ok(text),
        _ => Err("is longer than 256 bytes"),
    }
}

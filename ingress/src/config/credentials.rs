//! Accounts: credentials, and the URL that each may be sent to.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use boxoffice_core::platform::Access;
use hyper::header::{HeaderName, HeaderValue};

use crate::config::access;
use crate::config::settings::{self, Strings, UsageError};
use crate::config::target::Base;
use crate::config::values::{optional, required, wrong};

/// Account of the credential that a variable holds.
const DEFAULT: &str = "default";
/// Longest name of an account.
const NAME_MAX: usize = 40;
/// Shorter and longer secrets are mistakes.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 8..=4096;
/// A longer file is another file, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// An account of a platform that we have a credential of. Its `Debug` hides the credential.
#[derive(Debug, Clone)]
pub struct Account {
    /// `platform/account`, the name by which the database knows it.
    pub name: String,
    /// The platform's part of the name.
    pub platform: &'static str,
    /// The only place where the credential goes.
    pub base: Base,
    /// The header that carries the credential.
    pub header: HeaderName,
    /// The credential as that header wants it, marked as sensitive.
    pub value: HeaderValue,
}

/// Reads the variables and the file. Fails when something is not as it must be, in words without secrets.
pub fn accounts(strings: &impl Strings) -> Result<Vec<Account>, UsageError> {
    let mut accounts = BTreeMap::new();
    let mut bases = Vec::new();
    for (_, platform, access) in access::all() {
        let (Some(url), Some(credential)) =
            (settings::named(access.url_variable), settings::named(access.credential_variable))
        else {
            continue;
        };
        let base = Base::parse(&required(strings, url)?).map_err(|why| wrong(url, why))?;
        if let Some(secret) = optional(strings, credential)? {
            let account = account(platform, access, &base, DEFAULT, &secret).map_err(|why| wrong(credential, why))?;
            accounts.insert(account.name.clone(), account);
        }
        bases.push((platform, access, base));
    }
    let names: Vec<&str> = bases.iter().map(|(name, ..)| *name).collect();
    let unknown = format!("platform must be {}", names.join(" or "));
    if let Some(path) = optional(strings, &settings::CREDENTIALS_FILE)? {
        let in_file = |why: &str| wrong(&settings::CREDENTIALS_FILE, why);
        let text = read(&path).map_err(|why| in_file(&why))?;
        for (line, number) in text.lines().zip(1..) {
            let at = |why: &str| in_file(&format!("line {number}: {why}"));
            let Some((platform, name, secret)) = entry(line).map_err(at)? else { continue };
            let (platform, access, base) =
                bases.iter().find(|(known, ..)| *known == platform).ok_or_else(|| at(&unknown))?;
            let account = account(platform, access, base, name, secret).map_err(at)?;
            let twice = format!("{} is given twice", account.name);
            if accounts.insert(account.name.clone(), account).is_some() {
                return Err(at(&twice));
            }
        }
    }
    Ok(accounts.into_values().collect())
}

/// The three words of a line; `None` when there is nothing in it.
fn entry(line: &str) -> Result<Option<(&str, &str, &str)>, &'static str> {
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (None, ..) => Ok(None),
        (Some(first), ..) if first.starts_with('#') => Ok(None),
        (Some(platform), Some(account), Some(secret), None) => Ok(Some((platform, account, secret))),
        _ => Err("must be three words: platform, account, secret"),
    }
}

fn account(
    platform: &'static str,
    access: &Access,
    base: &Base,
    name: &str,
    secret: &str,
) -> Result<Account, &'static str> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(word) {
        return Err("account must be 1 to 40 of a-z, 0-9, _ and -");
    }
    check(secret)?;
    let (header, text) = access::header(access.form, secret);
    let mut value = HeaderValue::from_str(&text).map_err(|_| CHARACTERS)?;
    value.set_sensitive(true);
    Ok(Account { name: format!("{platform}/{name}"), platform, base: base.clone(), header, value })
}

const CHARACTERS: &str = "the credential has spaces, control characters or characters beyond ASCII in it";

/// Finds what cannot be a credential, so that it is noticed now and not at the first refusal.
fn check(secret: &str) -> Result<(), &'static str> {
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CHARACTERS);
    }
    if !SECRET_LENGTH.contains(&secret.len()) {
        return Err("the credential must have 8 to 4096 characters");
    }
    let quote = |character| matches!(character, '"' | '\'' | '`');
    if secret.starts_with(quote) || secret.ends_with(quote) {
        return Err("the credential is in quotation marks, which belong to no credential");
    }
    let lower = secret.to_ascii_lowercase();
    if lower.contains("your_") || lower.contains("your-") || lower.contains("changeme") || lower.starts_with('<') {
        return Err("the credential is the placeholder of an example");
    }
    Ok(())
}

/// The text of a file that only its owner has access to.
fn read(path: &str) -> Result<String, String> {
    const REGULAR: &str = "is not a regular file";
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    // Asked before opening, since opening a named pipe waits for somebody to write, and again afterwards of what was opened.
    if !fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(REGULAR.to_owned());
    }
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        return Err(REGULAR.to_owned());
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!("others than its owner have access to it (mode {mode:04o}): chmod 600 {path}"));
    }
    if metadata.len() > FILE_MAX {
        return Err("is longer than a megabyte".to_owned());
    }
    let mut text = String::new();
    // The limit again, should it be growing. What is not UTF-8 is an error of kind InvalidData, without the data.
    file.take(FILE_MAX).read_to_string(&mut text).map_err(cannot)?;
    Ok(text)
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;

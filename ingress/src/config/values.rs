//! Single values, and what is said of one that cannot be.

use std::time::Duration;

use crate::config::settings::{Setting, Strings, UsageError};

pub(crate) fn wrong(setting: &Setting, why: &str) -> UsageError {
    let flag = if setting.flag.is_empty() { String::new() } else { format!(" ({})", setting.flag) };
    UsageError(format!("{}{flag}: {why}", setting.name))
}

pub(crate) fn optional(strings: &impl Strings, setting: &Setting) -> Result<Option<String>, UsageError> {
    match strings.get(setting.name)? {
        Some(value) if value.trim().is_empty() => Err(wrong(setting, "is set but empty")),
        Some(value) => Ok(Some(value)),
        None => Ok((!setting.default.is_empty()).then(|| setting.default.to_owned())),
    }
}

pub(crate) fn required(strings: &impl Strings, setting: &Setting) -> Result<String, UsageError> {
    optional(strings, setting)?.ok_or_else(|| wrong(setting, "is not set"))
}

pub(crate) fn number(setting: &Setting, text: &str, min: usize, max: usize) -> Result<usize, UsageError> {
    match text.parse() {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(wrong(setting, &format!("must be a whole number from {min} to {max}, not `{text}`"))),
    }
}

pub(crate) fn seconds(setting: &Setting, text: &str) -> Result<Duration, UsageError> {
    match text.parse::<f64>() {
        Ok(value) if (0.001..=86_400.0).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err(wrong(setting, &format!("must be a number of seconds from 0.001 to 86400, not `{text}`"))),
    }
}

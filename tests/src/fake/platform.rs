//! The platforms that are faked.

use std::ops::Deref;
use std::sync::OnceLock;

use boxoffice_core::platform::Platform as Known;

/// One of them. It is the platform of that name to everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// A listing that names its attendees, and thin webhooks.
    Eventbrite,
    /// Orders and tickets apart, and no webhooks.
    Humanitix,
}

impl Platform {
    /// All of them.
    pub const ALL: [Platform; 2] = [Platform::Eventbrite, Platform::Humanitix];

    /// Its name in SQL and in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Eventbrite => "eventbrite",
            Platform::Humanitix => "humanitix",
        }
    }

    /// The fake of that name.
    pub fn from_name(name: &str) -> Option<Platform> {
        Platform::ALL.into_iter().find(|platform| platform.as_str() == name)
    }
}

impl Deref for Platform {
    type Target = Known;

    fn deref(&self) -> &Known {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        let known =
            KNOWN.get_or_init(|| Platform::ALL.iter().filter_map(|fake| Known::from_name(fake.as_str())).collect());
        assert_eq!(known.len(), Platform::ALL.len(), "there is a fake of a platform that is not known");
        &known[*self as usize]
    }
}

//! One body on its way in: believed or not, understood or not.

use boxoffice_core::headers::Headers;
use boxoffice_core::observation::{EventCopy, Observation};
use boxoffice_core::platform::{Delivery, Effect, Failure, FetchRequest, Platform};
use boxoffice_core::time::Micros;
use boxoffice_core::verify::{self, Refusal, Verified};

use crate::store::settings::AllSettings;

/// What a believed body asks for.
pub enum Meaning {
    /// Merge these facts.
    Apply(Vec<Observation>),
    /// Look at this resource.
    Fetch(FetchRequest),
    /// Nothing, for this reason.
    Ignore(String),
    /// It cannot be understood.
    Unusable(boxoffice_core::Error),
}

/// A believed body, understood as far as possible.
pub struct Understood {
    /// Whose it is.
    pub platform: Platform,
    /// What it calls itself.
    pub event_type: Option<String>,
    /// The order it speaks of.
    pub order_id: Option<String>,
    /// What it asks for.
    pub meaning: Meaning,
    /// An event that it mentions.
    pub mentioned: Option<EventCopy>,
    /// Copies of events.
    pub events: Vec<EventCopy>,
    /// Oddities.
    pub notes: Vec<String>,
}

impl Understood {
    /// The same, about nothing; events and notes stay.
    pub fn without_facts(&self) -> Understood {
        Understood {
            platform: self.platform,
            event_type: self.event_type.clone(),
            order_id: self.order_id.clone(),
            meaning: Meaning::Apply(Vec::new()),
            mentioned: self.mentioned.clone(),
            events: self.events.clone(),
            notes: self.notes.clone(),
        }
    }
}

/// A delivery that is not believed.
pub struct Rejected {
    /// `None`: there is no such platform.
    pub platform: Option<Platform>,
    /// Why.
    pub refusal: Refusal,
}

/// Verifies a delivery on its raw bytes, then reads it.
pub fn judge(
    platform: &str,
    headers: &Headers,
    body: &[u8],
    settings: &AllSettings,
    now: Micros,
) -> Result<(&'static str, Understood), Rejected> {
    let unknown = Rejected { platform: None, refusal: Refusal::UnknownPlatform };
    let Some(platform) = Platform::from_name(platform) else { return Err(unknown) };
    let Some((settings, secrets)) = settings.get(&platform) else { return Err(unknown) };
    let rejected = |refusal| Rejected { platform: Some(platform), refusal };
    let verified_by = match verify::verify(settings, secrets, headers, body, now).map_err(rejected)? {
        Verified::Signature(_) => "signature",
        Verified::PathToken(_) => "path_token",
        Verified::Open => "open",
    };
    match platform.webhook(settings, headers, body, now) {
        Err(Failure::Refused(refusal)) => Err(rejected(refusal)),
        other => Ok((verified_by, understand(platform, other))),
    }
}

/// Reads a body that needs no proof: a kept one, or one from a trusted caller. `arrived`: when it came.
pub fn trust(platform: Platform, headers: &Headers, body: &[u8], arrived: Micros) -> Understood {
    // No list of registrations: that question was settled when the delivery came.
    understand(platform, platform.webhook(&platform.default_settings(), headers, body, arrived))
}

fn understand(platform: Platform, read: Result<Delivery, Failure>) -> Understood {
    let nothing = |event_type, meaning| Understood {
        platform,
        event_type,
        order_id: None,
        meaning,
        mentioned: None,
        events: Vec::new(),
        notes: Vec::new(),
    };
    match read {
        Ok(delivery) => Understood {
            platform,
            event_type: Some(delivery.event_type),
            order_id: delivery.order_id,
            meaning: match delivery.effect {
                Effect::Apply(facts) => Meaning::Apply(facts),
                Effect::Fetch(request) => Meaning::Fetch(request),
                Effect::Ignore(reason) => Meaning::Ignore(reason),
            },
            mentioned: delivery.event,
            events: Vec::new(),
            notes: delivery.notes,
        },
        Err(Failure::Unusable { event_type, error }) => nothing(event_type, Meaning::Unusable(error)),
        Err(Failure::Refused(refusal)) => nothing(None, Meaning::Ignore(refusal.message().to_owned())),
    }
}

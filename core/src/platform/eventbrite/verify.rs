//! Eventbrite does not sign its deliveries: what proves them is a secret in the URL, and that we registered the webhook.

use crate::document::access::Object;
use crate::settings::{Authentication, Encoding, Settings, SignedContent};
use crate::verify::Refusal;

/// A token at the end of the URL. The signature settings serve those who put a signing bridge in front.
pub(in crate::platform) fn default_settings() -> Settings {
    Settings {
        authentication: Authentication::PathToken,
        signature_header: "x-eventbrite-signature".into(),
        encoding: Encoding::Hex,
        prefix: String::new(),
        timestamp_header: None,
        signed_content: SignedContent::Body,
        tolerance_seconds: 300,
        webhook_ids: Vec::new(),
    }
}

/// Is `config.webhook_id` one that we registered? Creating a webhook sends a `test` before anybody can know its id.
pub(super) fn check_webhook_id(settings: &Settings, action: &str, config: Object<'_>) -> Result<(), Refusal> {
    if settings.webhook_ids.is_empty() || action == "test" {
        return Ok(());
    }
    match config.id(&["webhook_id"]) {
        Some(id) if settings.webhook_ids.contains(&id) => Ok(()),
        _ => Err(Refusal::WebhookNotAllowed),
    }
}

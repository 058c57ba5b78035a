//! Deliveries from the wire: verified, applied, kept, answered; all in the caller's transaction.

use std::borrow::Cow;

use boxoffice_core::headers::{Headers, PATH_TOKEN};
use boxoffice_core::platform::Platform;
use boxoffice_core::verify::Refusal;
use pgrx::Spi;

use crate::deliver::apply;
use crate::deliver::judge::{self, Rejected, Understood};
use crate::error::{Error, Result};
use crate::server;
use crate::store::deliveries::{self, Entry, Source, Status, Verdict};
use crate::store::now;
use crate::store::rejections::{self, Rejection};
use crate::store::settings::{self, AllSettings};

/// How much of a rejected body is searched for secrets: far more than a sample keeps of it.
const REJECTED: usize = 4096;

/// A delivery as it arrives.
pub struct Incoming<'a> {
    /// Name of the platform, as in the URL.
    pub platform: &'a str,
    /// Its headers.
    pub headers: Headers,
    /// Its exact bytes.
    pub body: &'a [u8],
}

/// The answer to a delivery.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Row of `webhook_logs`; `None` for what was turned away.
    pub log_id: Option<i64>,
    /// processed, duplicate, ignored, queued, invalid, failed or rejected.
    pub outcome: &'static str,
    /// What the platform is to be answered.
    pub http_status: i32,
    /// In words; never a secret, never personal data.
    pub message: String,
}

/// Takes deliveries; one receipt each, in order.
pub fn ingest(items: &[Incoming<'_>]) -> Result<Vec<Receipt>> {
    let now = now();
    Spi::connect_mut(|client| {
        server::require_writable()?;
        server::lock_links()?;
        let settings = settings::read(client)?;
        let judged: Vec<_> =
            items.iter().map(|i| judge::judge(i.platform, &i.headers, i.body, &settings, now)).collect();
        // Of what is turned away only a sample is kept, and seldom.
        let kept_headers: Vec<String> = items
            .iter()
            .zip(&judged)
            .map(|(item, judgement)| match judgement {
                Ok(_) => item.headers.redacted_json(&[signature_header(&settings, item.platform)]),
                Err(_) => String::new(),
            })
            .collect();
        let kept_bodies: Vec<Cow<'_, [u8]>> = items
            .iter()
            .zip(&judged)
            .map(|(item, judgement)| {
                let body = if judgement.is_ok() { item.body } else { &item.body[..item.body.len().min(REJECTED)] };
                match Platform::from_name(item.platform) {
                    Some(platform) => without_secrets(platform, &settings, &item.headers, body),
                    None => Cow::Borrowed(body),
                }
            })
            .collect();
        let accepted: Vec<&Understood> = judged.iter().flatten().map(|(_, understood)| understood).collect();
        let applied = apply::apply(client, &accepted);

        let mut verdicts = applied.verdicts.iter();
        let mut entries = Vec::with_capacity(accepted.len());
        let mut turned_away = Vec::new();
        for (((item, body), judgement), headers) in items.iter().zip(&kept_bodies).zip(&judged).zip(&kept_headers) {
            match judgement {
                Ok((verified_by, understood)) => entries.extend(verdicts.next().map(|verdict| Entry {
                    platform: understood.platform.as_str(),
                    source: Source::Webhook,
                    verified_by,
                    headers,
                    body,
                    fetched_at: None,
                    verdict,
                })),
                Err(Rejected { platform, refusal }) => turned_away.push(Rejection {
                    platform: *platform,
                    refusal: *refusal,
                    headers: &item.headers,
                    signature_header: signature_header(&settings, item.platform),
                    body,
                }),
            }
        }
        let ids = deliveries::append(client, &entries, now)?;
        rejections::count(client, &turned_away, now)?;

        let mut kept = applied.verdicts.iter().zip(ids);
        let answer = |judgement: &std::result::Result<_, Rejected>| match judgement {
            Ok(_) => kept.next().map(|(verdict, id)| receipt(verdict, id)),
            Err(rejected) => Some(refused(rejected)),
        };
        Ok(judged.iter().filter_map(answer).collect())
    })
}

fn signature_header<'s>(settings: &'s AllSettings, platform: &str) -> &'s str {
    let found = Platform::from_name(platform).and_then(|platform| settings.get(&platform));
    found.map_or("", |(settings, _)| settings.signature_header.as_str())
}

/// Applies an event by hand: kept and applied like a delivery, without a proof.
pub fn process(platform: &str, event_type: &str, data: serde_json::Value) -> Result<Receipt> {
    let platform = known(platform)?;
    let now = now();
    let body = platform.manual_body(event_type, data, now)?;
    let understood = judge::trust(platform, &Headers::default(), body.as_bytes(), now);
    Spi::connect_mut(|client| {
        server::require_writable()?;
        server::lock_links()?;
        let settings = settings::read(client)?;
        let kept = without_secrets(platform, &settings, &Headers::default(), body.as_bytes());
        let applied = apply::apply(client, &[&understood]);
        let entries: Vec<Entry<'_>> = applied
            .verdicts
            .iter()
            .map(|verdict| Entry {
                platform: platform.as_str(),
                source: Source::Manual,
                verified_by: "trusted",
                headers: "{}",
                body: &kept,
                fetched_at: None,
                verdict,
            })
            .collect();
        let ids = deliveries::append(client, &entries, now)?;
        let mut receipts = applied.verdicts.iter().zip(ids).map(|(verdict, id)| receipt(verdict, id));
        receipts.next().ok_or_else(|| Error::Spi("the delivery was not kept".to_owned()))
    })
}

/// The body as it may be kept.
fn without_secrets<'b>(platform: Platform, settings: &AllSettings, headers: &Headers, body: &'b [u8]) -> Cow<'b, [u8]> {
    let known = settings.get(&platform).into_iter().flat_map(|(_, secrets)| &secrets.path_token);
    let presented = headers.all(PATH_TOKEN).iter().map(String::as_str);
    platform.without_secrets(body, &known.map(|secret| secret.value.as_str()).chain(presented).collect::<Vec<_>>())
}

/// The platform of that name, or a clear error.
pub fn known(platform: &str) -> Result<Platform> {
    Platform::from_name(platform).ok_or_else(|| Error::Argument {
        message: format!("unknown platform \"{platform}\""),
        hint: "SELECT name, title FROM boxoffice.platforms shows them.",
    })
}

fn receipt(verdict: &Verdict, log_id: i64) -> Receipt {
    let http_status = match verdict.status {
        Status::Processed | Status::Duplicate | Status::Ignored | Status::Queued => 200,
        // Kept, and tried again by ourselves: the platform need not send it again.
        Status::Failed | Status::Dead => 202,
        Status::Invalid => 400,
    };
    Receipt { log_id: Some(log_id), outcome: verdict.status.as_str(), http_status, message: in_words(verdict) }
}

/// What became of a delivery, in words.
pub fn in_words(verdict: &Verdict) -> String {
    let error = || verdict.error.as_ref().map_or("", |(_, message)| message.as_str());
    match verdict.status {
        Status::Processed => "processed successfully".to_owned(),
        Status::Duplicate => "nothing new: known already, or older than what is known".to_owned(),
        Status::Ignored => {
            verdict.notes.first().map_or_else(|| "ignored".to_owned(), |reason| format!("ignored: {reason}"))
        }
        Status::Queued => "accepted, the resource will be fetched".to_owned(),
        Status::Invalid => format!("kept, but not usable: {}", error()),
        Status::Failed => "kept, could not be applied yet, will be tried again".to_owned(),
        Status::Dead => "kept, could not be applied".to_owned(),
    }
}

fn refused(rejected: &Rejected) -> Receipt {
    let http_status = if rejected.refusal == Refusal::UnknownPlatform { 404 } else { 401 };
    Receipt { log_id: None, outcome: "rejected", http_status, message: rejected.refusal.answer().to_owned() }
}

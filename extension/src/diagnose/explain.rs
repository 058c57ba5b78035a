//! What would become of a delivery, step by step. Reads, never writes, and shows no personal data.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use boxoffice_core::headers::{Headers, REDACTED};
use boxoffice_core::merge::Sale;
use boxoffice_core::money::Amount;
use boxoffice_core::platform::Platform;
use boxoffice_core::settings::{Authentication, Encoding, Secret, Secrets, Settings};
use boxoffice_core::time::{self, Micros};
use boxoffice_core::verify::{self, Refusal, Verified};
use pgrx::Spi;
use pgrx::spi::SpiClient;

use crate::deliver::apply;
use crate::deliver::judge::{self, Meaning, Understood};
use crate::error::Result;
use crate::store::orders::{Changed, Merged};
use crate::store::{events, now, orders, settings};

/// One line of the explanation.
pub struct Step {
    /// What was looked at.
    pub step: &'static str,
    /// Whether it is as it should be; `None` where that is no question.
    pub passed: Option<bool>,
    /// What was found.
    pub detail: String,
}

/// Explains a delivery.
pub fn explain(platform: &str, headers: &Headers, body: &[u8]) -> Result<Vec<Step>> {
    let Some(platform) = Platform::from_name(platform) else {
        let names: Vec<&str> = Platform::all().iter().map(|p| p.as_str()).collect();
        let detail = format!("{}. There are {}.", because(Refusal::UnknownPlatform), names.join(" and "));
        return Ok(vec![Step { step: "platform", passed: Some(false), detail }, answer("HTTP 404")]);
    };
    let now = now();
    Spi::connect(|client| {
        let all = settings::read(client)?;
        let (settings, secrets) =
            all.get(&platform).cloned().unwrap_or((platform.default_settings(), Secrets::default()));
        let mut steps = vec![Step { step: "platform", passed: Some(true), detail: platform.as_str().to_owned() }];
        steps.push(authentication(&settings, &secrets, now));
        let verified = verify::verify(&settings, &secrets, headers, body, now);
        steps.push(verification(&verified, &settings, &secrets, headers, body, now));
        steps.push(Step { step: "body", passed: None, detail: format!("{} bytes", body.len()) });

        let judged = judge::judge(platform.as_str(), headers, body, &all, now);
        let refusal = judged.as_ref().err().map(|r| r.refusal);
        // What cannot be believed is still read, to show what is wrong besides.
        let understood =
            judged.map_or_else(|_| judge::trust(platform, headers, body, now), |(_, understood)| understood);
        if let (Ok(_), Some(refusal)) = (&verified, refusal) {
            steps.push(Step { step: "registration", passed: Some(false), detail: because(refusal) });
        }
        steps.extend(content(&understood));
        if let Meaning::Apply(facts) = &understood.meaning {
            let preview = orders::preview(client, &facts.iter().collect::<Vec<_>>(), orders::Tell::Changes)?;
            steps.extend(link(client, &understood, &preview)?);
            steps.push(effect(&preview));
        }
        steps.push(match (refusal, &understood.meaning) {
            (Some(_), _) => answer("HTTP 401; the delivery is counted, not kept"),
            (None, Meaning::Unusable(_)) => answer("HTTP 400; the delivery is kept as invalid"),
            (None, _) => answer("HTTP 200; the delivery is kept"),
        });
        Ok(steps)
    })
}

fn answer(detail: &str) -> Step {
    Step { step: "answer", passed: None, detail: detail.to_owned() }
}

fn because(refusal: Refusal) -> String {
    format!("{}: {}. {}", refusal.code(), refusal.message(), refusal.hint())
}

fn authentication(settings: &Settings, secrets: &Secrets, now: Micros) -> Step {
    let count = |list: &[Secret]| {
        let valid = list.iter().filter(|s| s.valid_until.is_none_or(|until| until > now)).count();
        format!("{valid} valid and {} expired", list.len() - valid)
    };
    let (passed, detail) = match settings.authentication {
        Authentication::Signature => {
            let encoding = if settings.encoding == Encoding::Hex { "hex" } else { "base64" };
            let after =
                if settings.prefix.is_empty() { String::new() } else { format!(" after \"{}\"", settings.prefix) };
            let time = settings.timestamp_header.as_ref().map_or(String::new(), |header| {
                format!("; time of signing in {header}, tolerance {} s", settings.tolerance_seconds)
            });
            let keys = count(&secrets.signature);
            let text =
                format!("HMAC-SHA256 in header {}, {encoding}{after}{time}; {keys} secrets", settings.signature_header);
            (!secrets.signature.is_empty(), text)
        }
        Authentication::PathToken => {
            let text = format!("token at the end of the URL path; {} tokens", count(&secrets.path_token));
            (!secrets.path_token.is_empty(), text)
        }
        Authentication::None => (true, "none: the platform is open to everybody".to_owned()),
    };
    Step { step: "authentication", passed: Some(passed), detail }
}

fn verification(
    verified: &std::result::Result<Verified, Refusal>,
    settings: &Settings,
    secrets: &Secrets,
    headers: &Headers,
    body: &[u8],
    now: Micros,
) -> Step {
    let detail = match verified {
        Ok(Verified::Signature(0) | Verified::PathToken(0)) => "right, with the newest secret".to_owned(),
        Ok(Verified::Signature(n) | Verified::PathToken(n)) => {
            format!("right, with secret number {} from the newest", n + 1)
        }
        Ok(Verified::Open) => "not asked for".to_owned(),
        Err(refusal) => {
            let finding = finding(settings, secrets, headers, body, now);
            let finding = finding.map_or(String::new(), |f| format!(" Found: {f}."));
            format!("{}{finding}", because(*refusal))
        }
    };
    Step { step: "verification", passed: Some(verified.is_ok()), detail }
}

/// Tries the usual mistakes: which change of settings or body would have made the signature right?
fn finding(settings: &Settings, secrets: &Secrets, headers: &Headers, body: &[u8], now: Micros) -> Option<String> {
    if settings.authentication != Authentication::Signature {
        return None;
    }
    let right = |settings: &Settings, body: &[u8]| verify::verify(settings, secrets, headers, body, now).is_ok();
    let with = |change: fn(&mut Settings)| {
        let mut changed = settings.clone();
        change(&mut changed);
        changed
    };
    if headers.get(&settings.signature_header) == Some(REDACTED) {
        return Some("these are the headers of a kept delivery, whose signature is not kept; verified_by says how it was verified".to_owned());
    }
    let without_end = body.strip_suffix(b"\n").map(|b| b.strip_suffix(b"\r").unwrap_or(b));
    if right(&with(|s| s.encoding = Encoding::Base64), body) {
        return Some("the signature is right, but in base64; see configure_platform(signature_encoding)".to_owned());
    }
    if right(&with(|s| s.encoding = Encoding::Hex), body) {
        return Some("the signature is right, but in hex; see configure_platform(signature_encoding)".to_owned());
    }
    for prefix in ["sha256=", "v1=", "v1,"] {
        let mut changed = settings.clone();
        prefix.clone_into(&mut changed.prefix);
        if right(&changed, body) {
            return Some(format!(
                "the signature is right, but stands after \"{prefix}\"; see configure_platform(signature_prefix)"
            ));
        }
    }
    if without_end.is_some_and(|b| right(settings, b)) {
        return Some("the signature was made without the line end at the end of the body".to_owned());
    }
    if right(settings, &[body, b"\n"].concat()) {
        return Some("the signature was made with a line end after the body".to_owned());
    }
    let others: Vec<&str> =
        headers.names().filter(|n| n.contains("signature") && *n != settings.signature_header).collect();
    (!others.is_empty()).then(|| format!("other headers that may hold a signature: {}", others.join(", ")))
}

fn content(understood: &Understood) -> Vec<Step> {
    let what = understood.event_type.as_deref().unwrap_or("unknown event");
    let order = understood.order_id.as_ref().map_or(String::new(), |id| format!(", order {}", plain(id)));
    let what = plain(what);
    let (passed, detail) = match &understood.meaning {
        Meaning::Apply(_) => (true, format!("{what}{order}")),
        Meaning::Fetch(request) => (true, format!("{what}: a hint; GET {} will be asked for", request.path)),
        Meaning::Ignore(reason) => (true, format!("{what}: ignored, {reason}")),
        Meaning::Unusable(error) => (false, format!("{what}: {error}")),
    };
    let mut steps = vec![Step { step: "content", passed: Some(passed), detail }];
    steps.extend(understood.notes.iter().map(|note| Step { step: "note", passed: None, detail: note.clone() }));
    steps
}

/// Whether the event is linked: the commonest reason for sales that seem to be missing.
fn link(client: &SpiClient<'_>, understood: &Understood, preview: &Merged<'_>) -> Result<Option<Step>> {
    let platform = understood.platform;
    let shown = preview.changed.iter().find_map(|c| c.after.as_ref()?.sale.external_event_id.clone());
    let Some(id) = shown.or_else(|| understood.mentioned.as_ref().map(|e| e.external_event_id.clone())) else {
        return Ok(None);
    };
    let links = events::read_links(client, &BTreeSet::from([(platform, id.as_str())]))?;
    let link = links.event_id(platform, Some(&id));
    let passed = Some(link.is_some());
    let detail = match link {
        Some(event) => format!("event {} is linked to {event}", plain(&id)),
        None => {
            let call = format!("SELECT boxoffice.link_event({}, {})", literal(platform.as_str()), literal(&id));
            format!("event {} is not linked yet, so its sales have no event_id; {call}", plain(&id))
        }
    };
    Ok(Some(Step { step: "event link", passed, detail }))
}

/// Text of a stranger, as it may be shown in a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A word for a state, as platforms have them; what is none may be anything, a name too.
fn shown_word(text: &str) -> String {
    let is_word =
        (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if is_word { text.to_owned() } else { "(not a word)".to_owned() }
}

/// Text of a stranger as an SQL literal that can be pasted, whatever it holds.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    let escape = if out.contains('\\') { "E" } else { "" };
    format!("{escape}'{out}'")
}

fn effect(preview: &Merged<'_>) -> Step {
    if !preview.overruled.is_empty() {
        let detail = apply::OVERRULED.to_owned();
        return Step { step: "effect", passed: Some(false), detail };
    }
    let parts: Vec<String> = preview.changed.iter().filter_map(in_words).collect();
    let detail = if parts.is_empty() { "nothing new".to_owned() } else { parts.join("; ") };
    Step { step: "effect", passed: None, detail }
}

/// What would change about an order; `None` when it would show nothing.
pub fn in_words(order: &Changed<'_>) -> Option<String> {
    let after = order.after.as_ref()?;
    let before = order.before.as_ref();
    let changes = differences(before.map(|b| &b.sale), &after.sale);
    let known = before.map_or(&[][..], |b| &b.attendees);
    let attendees = after.attendees.iter().filter(|a| !a.donation && !known.contains(a)).count();
    let kind = if before.is_some() { "changes" } else { "new order with" };
    let columns = if changes.is_empty() { "no column".to_owned() } else { changes.join(", ") };
    Some(format!("{kind} {columns}; {attendees} attendees written"))
}

/// Columns that differ; values only of those that say nothing about a person.
fn differences(before: Option<&Sale>, after: &Sale) -> Vec<String> {
    let none = Sale::default();
    let b = before.unwrap_or(&none);
    let mut list = Vec::new();
    let mut say = |name: &str, old: Option<String>, new: Option<String>| {
        if old != new {
            let text = |v: Option<String>| v.unwrap_or_else(|| "null".to_owned());
            list.push(if before.is_some() {
                format!("{name} {} -> {}", text(old), text(new))
            } else {
                format!("{name} {}", text(new))
            });
        }
    };
    let money = |sale: &Sale, amount: Option<Amount>| amount.map(|a| a.to_numeric(sale.currency));
    let count = |n: Option<i64>| n.map(|n| n.to_string());
    let time = |at: Option<Micros>| at.map(time::to_text);
    say("total_amount", money(b, b.total_amount), money(after, after.total_amount));
    say("currency", b.currency.map(|c| c.as_str().to_owned()), after.currency.map(|c| c.as_str().to_owned()));
    say("ticket_quantity", count(b.ticket_quantity), count(after.ticket_quantity));
    say("valid_quantity", count(b.valid_quantity), count(after.valid_quantity));
    say(
        "refund_status",
        before.map(|b| b.refund_status.as_str().to_owned()),
        Some(after.refund_status.as_str().to_owned()),
    );
    say("refund_amount", money(b, b.refund_amount), money(after, after.refund_amount));
    say("refund_date", time(b.refund_date), time(after.refund_date));
    say("kept_amount", money(b, b.kept_amount), money(after, after.kept_amount));
    say("net_amount", money(b, b.net_amount), money(after, after.net_amount));
    let paid = |sale: &Sale| sale.payment_status.map(|payment| payment.as_str().to_owned());
    say("payment_status", paid(b), paid(after));
    say("void_date", time(b.void_date), time(after.void_date));
    say("purchase_date", time(b.purchase_date), time(after.purchase_date));
    let word = |sale: &Sale| sale.platform_status.as_deref().map(shown_word);
    say("platform_status", word(b), word(after));
    say("fee_amount", money(b, b.fee_amount), money(after, after.fee_amount));
    say("tax_amount", money(b, b.tax_amount), money(after, after.tax_amount));
    say("discount_amount", money(b, b.discount_amount), money(after, after.discount_amount));
    let personal = [
        ("customer_name", b.customer_name != after.customer_name),
        ("customer_email", b.customer_email != after.customer_email),
        ("customer_phone", b.customer_phone != after.customer_phone),
    ];
    list.extend(personal.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()));
    list
}

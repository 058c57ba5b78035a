//! The deliveries: signed envelopes of 1.4 kB, each order with two attendees.

use boxoffice_core::time::{Micros, to_text};
use boxoffice_tests::sign;

/// Key of the signatures.
pub const SECRET: &str = "whsec_4f1d2c7a9b3e8056";
/// How many events the orders are spread over.
pub const EVENTS: u64 = 20;
/// First numbers of the ranges of orders, so that no two measurements share one.
pub const NEW: u64 = 0;
/// Deliveries of the mixed stream.
pub const MIXED: u64 = 100_000_000;
/// Orders that are known before the mixed stream begins.
pub const KNOWN: u64 = 200_000_000;

/// 2026-03-01T10:00:00Z
const START: Micros = 1_772_359_200_000_000;
const SECOND: Micros = 1_000_000;

/// A delivery.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The exact body.
    pub body: String,
    /// Its signature, as the header carries it.
    pub signature: String,
}

/// Which copy of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// The first one.
    Created,
    /// One with another telephone number and another second guest, an hour later.
    Updated,
    /// The first one of an order without a list of attendees.
    Alone,
    /// Of a type that is kept and ignored.
    Unknown,
}

impl Delivery {
    /// A copy of the order of that number.
    pub fn of(order: u64, copy: Copy) -> Delivery {
        let body = envelope(order, copy);
        let signature = sign::hex(SECRET, body.as_bytes());
        Delivery { body, signature }
    }

    /// The same with a signature that is well formed and wrong.
    pub fn forged(order: u64) -> Delivery {
        let genuine = Delivery::of(order, Copy::Created);
        Delivery { signature: sign::hex("somebody else's key", genuine.body.as_bytes()), ..genuine }
    }

    /// Position `i` of the mixed stream: 14 of 20 orders are new, three are updates and three duplicates of known ones.
    /// Each known order comes once.
    pub fn mixed(i: u64) -> Delivery {
        match i % 20 {
            0..14 => Delivery::of(MIXED + i, Copy::Created),
            old => {
                let copy = if old % 2 == 0 { Copy::Updated } else { Copy::Created };
                Delivery::of(KNOWN + i / 20 * 6 + (old - 14), copy)
            }
        }
    }

    /// How many known orders the first `count` of the mixed stream speak of, rounded up.
    pub fn known_in_mixed(count: u64) -> u64 {
        count.div_ceil(20) * 6
    }

    /// The headers as they reach the database.
    pub fn headers(&self) -> String {
        format!(
            r#"{{"accept":"*/*","content-length":"{}","content-type":"application/json","host":"127.0.0.1:8080","user-agent":"bridge/1.4","x-humanitix-signature":"{}",":remote-addr":"127.0.0.1"}}"#,
            self.body.len(),
            self.signature
        )
    }

    /// The request as it goes over the wire.
    pub fn request(&self, host: &str) -> String {
        format!(
            "POST /webhooks/humanitix HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\nuser-agent: bridge/1.4\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nx-humanitix-signature: {}\r\n\r\n{}",
            self.body.len(),
            self.signature,
            self.body
        )
    }
}

/// The platform's id of an event.
pub fn event_id(number: u64) -> String {
    format!("evt_{:010}", 4_100_000_000 + number)
}

fn envelope(n: u64, copy: Copy) -> String {
    let (event_type, later, phone, guest) = match copy {
        Copy::Created | Copy::Alone => ("order.created", 0, "+61491570006", "Jack"),
        Copy::Updated => ("order.updated", 3600, "+61491570156", "Siobhán"),
        Copy::Unknown => ("order.archived", 0, "+61491570006", "Jack"),
    };
    let bought = START + (n % 100_000_000) as i64 * SECOND;
    let (created_at, timestamp) = (to_text(bought), to_text(bought + (20 + later) * SECOND));
    let event = event_id(n % EVENTS);
    let attendees = if copy == Copy::Alone {
        String::new()
    } else {
        format!(
            r#","attendees":[{{"id":"att_{n:09}_1","first_name":"Amelia","last_name":"Placeholder","email":"fan{n}@example.com","phone":"+61491570006","ticket_type_name":"General Admission","price":33.75,"barcode":"HXB{n:09}A","status":"registered"}},{{"id":"att_{n:09}_2","first_name":"{guest}","last_name":"O'Sample","email":"guest{n}@example.com","phone":"+61491570110","ticket_type_name":"General Admission","price":33.75,"barcode":"HXB{n:09}B","status":"registered"}}]"#
        )
    };
    format!(
        r#"{{"event_type":"{event_type}","data":{{"event":{{"id":"{event}","name":"Laughs on the Harbour: the Autumn Gala","date":"2026-04-18T09:30:00Z","venue":{{"name":"The Wharf Cellar","address":"1 Example Street, Sydney NSW 2000"}}}},"order":{{"id":"ord_{n:09}","status":"paid","total_amount":71.25,"fees":3.75,"tax":6.48,"discount":0.00,"currency":"AUD","created_at":"{created_at}","customer":{{"first_name":"Amelia","last_name":"Placeholder","email":"fan{n}@example.com","phone":"{phone}","marketing_opt_in":true}},"tickets":[{{"id":"tkt_{n:09}","ticket_type_id":"tt_general","ticket_type_name":"General Admission","quantity":2,"price":33.75,"total":67.50}}],"payment":{{"method":"card","brand":"visa","last4":"4242"}},"utm":{{"source":"newsletter","medium":"email","campaign":"autumn-gala-2026"}},"answers":{{"how_did_you_hear":"A friend told me about the show","seating":"Together, near the aisle","postcode":"2000"}}{attendees}}}}},"timestamp":"{timestamp}"}}"#
    )
}

#[cfg(test)]
mod tests {
    use boxoffice_core::headers::Headers;
    use boxoffice_core::merge::State;
    use boxoffice_core::platform::Effect;
    use boxoffice_tests::fake::Platform;

    use super::*;

    #[test]
    fn is_what_it_claims_to_be() {
        for (copy, attendees) in [(Copy::Created, 2), (Copy::Updated, 2), (Copy::Alone, 0)] {
            let delivery = Delivery::of(NEW + 7, copy);
            let settings = Platform::Humanitix.default_settings();
            let read = Platform::Humanitix
                .webhook(&settings, &Headers::default(), delivery.body.as_bytes(), i64::MAX)
                .unwrap();
            assert_eq!(read.notes, [""; 0]);
            let Effect::Apply(facts) = read.effect else { panic!("not applied") };
            let mut state = State::default();
            assert!(facts.iter().all(|fact| state.observe(&fact.fact)));
            let rows = state.derive(*Platform::Humanitix).unwrap();
            assert_eq!((rows.sale.ticket_quantity, rows.attendees.len()), (Some(2), attendees));
            if attendees == 2 {
                assert!((1390..1450).contains(&delivery.body.len()), "{} bytes", delivery.body.len());
            }
            Headers::from_json(&delivery.headers()).unwrap();
        }
    }

    #[test]
    fn mixed_stream() {
        let kind = |i| {
            let body = Delivery::mixed(i).body;
            let id = body.split_once("\"ord_").unwrap().1[..9].to_owned();
            (body.contains("order.updated"), id)
        };
        let all: Vec<_> = (0..200).map(kind).collect();
        assert_eq!(all.iter().filter(|(updated, _)| *updated).count(), 30);
        assert_eq!(all.iter().filter(|(updated, id)| !updated && id.starts_with('2')).count(), 30);
        let mut ids: Vec<_> = all.iter().map(|(_, id)| id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 200);
        let last = format!("{}", KNOWN + Delivery::known_in_mixed(200) - 1);
        assert_eq!(*ids.last().unwrap(), &last);
    }
}

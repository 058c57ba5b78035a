//! What the connections that have a place are doing, and which of them have to go first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::inbound::admission::rate::Rate;
use crate::inbound::admission::source::Source;
use crate::lock::lock;

/// Nobody has to go before this time is over, but who has been refused.
pub(crate) const GRACE: Duration = Duration::from_secs(1);
/// The same for the sake of others with the same address.
pub(crate) const GRACE_OF_SOURCE: Duration = Duration::from_millis(250);
/// What the database thinks of the last delivery that came over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// There was none.
    None,
    /// It was believed.
    Believed,
    /// It was not.
    Rejected,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It has been refused, and is made to wait for that answer.
    Refused,
    /// Its request has not arrived whole.
    Headers,
    /// Its body is being read.
    Body,
    /// It has been answered, and may send another request.
    Idle,
    /// We are working for it.
    Working,
}

#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) source: Option<Source>,
    doing: Mutex<Doing>,
    /// It has to go.
    pub(crate) go: Notify,
}

#[derive(Debug)]
struct Doing {
    phase: Phase,
    since: Instant,
    rate: Rate,
    record: Record,
}

/// Who may have to go, the first at the end.
pub(crate) struct Evictable {
    all: Vec<(Reason, u64)>,
    of_source: BTreeMap<Source, Vec<(Reason, u64)>>,
    gone: Vec<u64>,
}

impl Evictable {
    pub(crate) fn of(taken: &BTreeMap<u64, Arc<Seat>>) -> Evictable {
        let (mut all, mut of_source) = (Vec::new(), BTreeMap::<Source, Vec<(Reason, u64)>>::new());
        for (number, seat) in taken {
            let Some((reason, waited)) = seat.reason() else { continue };
            if waited >= GRACE || reason.1 == Phase::Refused {
                all.push((reason, *number));
            }
            if let Some(source) = seat.source.filter(|_| waited >= GRACE_OF_SOURCE || reason.1 == Phase::Refused) {
                of_source.entry(source).or_default().push((reason, *number));
            }
        }
        for list in of_source.values_mut().chain([&mut all]) {
            list.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal));
        }
        Evictable { all, of_source, gone: Vec::new() }
    }

    pub(crate) fn next(&mut self) -> Option<u64> {
        let gone = &self.gone;
        while self.all.last().is_some_and(|(_, number)| gone.contains(number)) {
            self.all.pop();
        }
        let (_, number) = self.all.pop()?;
        self.gone.push(number);
        Some(number)
    }

    pub(crate) fn next_of(&mut self, source: Source) -> Option<u64> {
        let list = self.of_source.get_mut(&source)?;
        while list.last().is_some_and(|(_, number)| self.gone.contains(number)) {
            list.pop();
        }
        let (_, number) = list.pop()?;
        self.gone.push(number);
        Some(number)
    }
}

/// Why somebody should go; the least first: strangers before others, then what it is doing, then how slowly or for how long.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Reason(bool, Phase, f64);

impl Seat {
    /// Of a connection from there that has said nothing yet. Proxies have no source.
    pub(crate) fn new(source: Option<Source>) -> Seat {
        let doing = Doing { phase: Phase::Headers, since: Instant::now(), rate: Rate::new(), record: Record::None };
        Seat { source, doing: Mutex::new(doing), go: Notify::new() }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        let mut doing = lock(&self.doing);
        (doing.phase, doing.since) = (phase, Instant::now());
    }

    pub(crate) fn came(&self, bytes: usize) {
        lock(&self.doing).rate.add(bytes);
    }

    pub(crate) fn record(&self) -> Record {
        lock(&self.doing).record
    }

    pub(crate) fn set_record(&self, record: Record) {
        lock(&self.doing).record = record;
    }

    /// And how long it has been so. `None`: it stays.
    fn reason(&self) -> Option<(Reason, Duration)> {
        let doing = lock(&self.doing);
        let (waited, believed) = (doing.since.elapsed(), doing.record == Record::Believed);
        let least = match doing.phase {
            Phase::Working => return None,
            Phase::Body if believed => return None,
            Phase::Body => doing.rate.present(),
            Phase::Refused | Phase::Headers | Phase::Idle => -waited.as_secs_f64(),
        };
        Some((Reason(believed, doing.phase, least), waited))
    }
}

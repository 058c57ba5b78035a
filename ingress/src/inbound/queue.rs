//! Where deliveries wait for their turn. Bounded in number, in bytes and in time; whoever waits gets exactly one answer.
//! Those of senders who are believed and those of strangers wait apart, and never travel together.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::inbound::admission::door::{Entry, Visit};
use crate::inbound::admission::memory::Held;
use crate::inbound::admission::source::Source;
use crate::inbound::respond::Problem;
use crate::lock::lock;
use crate::store::{Delivery, Row};

/// What becomes of a delivery: a decision of the database, or why there is none.
pub type Outcome = Result<Row, Problem>;

/// Strangers who travel together: few, so that nobody waits long for them.
const STRANGERS_MAX: usize = 16;
const STRANGERS_BYTES: usize = 1 << 20;

/// With whom a delivery travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Those whose sender was believed lately.
    Believed,
    /// All others.
    Strangers,
}

/// Which lanes a pump takes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Only those who are believed: they never wait for a stranger.
    Believed,
    /// Both, by turns when there is something in both; last it was from this one.
    Both(Lane),
}

/// A delivery that waits, and its claim on an answer.
#[derive(Debug)]
pub struct Item {
    /// What was sent.
    pub delivery: Delivery,
    /// Who has sent it.
    pub visit: Visit,
    /// How it came in.
    pub entry: Entry,
    /// Its share of the memory, given back with the item.
    _held: Held,
    since: Instant,
    reply: oneshot::Sender<Outcome>,
}

impl Item {
    /// Makes an item and the other end, where its answer will come.
    pub fn new(delivery: Delivery, visit: Visit, entry: Entry, held: Held) -> (Item, oneshot::Receiver<Outcome>) {
        let (reply, answer) = oneshot::channel();
        (Item { delivery, visit, entry, _held: held, since: Instant::now(), reply }, answer)
    }

    /// Answers. A client that is gone is no error: its delivery was carried all the same.
    pub fn answer(self, outcome: Outcome) {
        let _ = self.reply.send(outcome);
    }
}

/// The queue between the HTTP side and the pumps.
#[derive(Debug)]
pub struct Queue {
    max: usize,
    state: Mutex<State>,
    /// An item has come into the lane, or the queue is closed.
    believed: Notify,
    strangers: Notify,
    closing: Notify,
}

#[derive(Debug, Default)]
struct State {
    believed: VecDeque<Item>,
    strangers: VecDeque<Item>,
    closed: bool,
}

impl State {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Item> {
        match lane {
            Lane::Believed => &mut self.believed,
            Lane::Strangers => &mut self.strangers,
        }
    }

    fn len(&self) -> usize {
        self.believed.len() + self.strangers.len()
    }
}

impl Queue {
    /// An empty queue for at most `max` items, of which strangers have three quarters at most.
    pub fn new(max: usize) -> Queue {
        let (believed, strangers, closing) = (Notify::new(), Notify::new(), Notify::new());
        Queue { max, state: Mutex::default(), believed, strangers, closing }
    }

    /// Adds an item at the end of its lane, or answers it when there is no room.
    pub fn push(&self, item: Item) {
        let refused = {
            let mut state = lock(&self.state);
            let full = match item.entry.lane {
                Lane::Believed => false,
                Lane::Strangers => state.strangers.len() >= self.max - self.max / 4,
            };
            if state.closed {
                Problem::Stopping
            } else if full || state.len() >= self.max {
                Problem::QueueFull
            } else {
                let lane = item.entry.lane;
                state.lane(lane).push_back(item);
                drop(state);
                self.wake(lane).notify_one();
                return;
            }
        };
        item.answer(Err(refused));
    }

    /// A sender was believed: what else has come from there need not wait among strangers.
    pub fn promote(&self, source: Source) {
        let mut state = lock(&self.state);
        if state.strangers.is_empty() {
            return;
        }
        let all = std::mem::take(&mut state.strangers);
        let (theirs, others): (Vec<Item>, Vec<Item>) = all.into_iter().partition(|item| item.visit.source == source);
        state.strangers = others.into();
        let some = !theirs.is_empty();
        state.believed.extend(theirs);
        // Each lane is in the order of arrival, which ends searches early.
        state.believed.make_contiguous().sort_by_key(|item| item.since);
        drop(state);
        if some {
            self.believed.notify_one();
        }
    }

    fn wake(&self, lane: Lane) -> &Notify {
        match lane {
            Lane::Believed => &self.believed,
            Lane::Strangers => &self.strangers,
        }
    }

    /// Waits for an item and takes it with everything else that is waiting in its lane, up to `max` items and `bytes`; a
    /// single item may be larger. `None` when the queue is closed and the lanes are empty. Losing the future loses no item.
    pub async fn pop(&self, takes: Takes, max: usize, bytes: usize) -> Option<(Lane, Vec<Item>)> {
        let lanes = match takes {
            Takes::Believed => [Lane::Believed; 2],
            Takes::Both(Lane::Strangers) => [Lane::Believed, Lane::Strangers],
            Takes::Both(Lane::Believed) => [Lane::Strangers, Lane::Believed],
        };
        loop {
            let (believed, strangers) = (self.believed.notified(), self.strangers.notified());
            {
                let mut state = lock(&self.state);
                for lane in lanes {
                    let (max, bytes) = match lane {
                        Lane::Believed => (max, bytes),
                        Lane::Strangers => (max.min(STRANGERS_MAX), bytes.min(STRANGERS_BYTES)),
                    };
                    let items = state.lane(lane);
                    let batch = take(items, max, bytes);
                    if !batch.is_empty() {
                        if !items.is_empty() {
                            // The next pump need not wait for the next arrival.
                            self.wake(lane).notify_one();
                        }
                        return Some((lane, batch));
                    }
                }
                if state.closed {
                    return None;
                }
            }
            match takes {
                Takes::Believed => believed.await,
                Takes::Both(_) => tokio::select! { () = believed => {}, () = strangers => {} },
            }
        }
    }

    /// Answers what has waited since before `before`.
    pub fn expire(&self, before: Instant) {
        self.answer_front(Problem::Waited, |item| item.since < before);
    }

    /// Answers everything that waits.
    pub fn fail_all(&self, problem: Problem) {
        self.answer_front(problem, |_| true);
    }

    fn answer_front(&self, problem: Problem, which: impl Fn(&Item) -> bool) {
        let mut late: Vec<Item> = Vec::new();
        {
            let mut state = lock(&self.state);
            for lane in [Lane::Believed, Lane::Strangers] {
                let items = state.lane(lane);
                // In order of arrival, so the first that may stay ends the search.
                let count = items.iter().take_while(|item| which(item)).count();
                late.extend(items.drain(..count));
            }
        }
        for item in late {
            item.answer(Err(problem));
        }
    }

    /// Nothing more comes in; the pumps end when they have carried what is left.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.believed.notify_waiters();
        self.strangers.notify_waiters();
        self.closing.notify_waiters();
    }

    /// Resolves when the queue is closed: a pump without a connection must not try for ever.
    pub async fn closed(&self) {
        loop {
            let woken = self.closing.notified();
            if lock(&self.state).closed {
                return;
            }
            woken.await;
        }
    }

    /// Number of items that wait.
    pub fn len(&self) -> usize {
        lock(&self.state).len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn take(items: &mut VecDeque<Item>, max: usize, bytes: usize) -> Vec<Item> {
    let mut batch = Vec::new();
    let mut size = 0;
    while let Some(item) = items.front() {
        size += item.delivery.bytes();
        if batch.len() == max || (!batch.is_empty() && size > bytes) {
            break;
        }
        batch.extend(items.pop_front());
    }
    batch
}

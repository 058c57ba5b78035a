//! Where deliveries wait for their turn. Bounded in number, in bytes and in time; whoever waits gets exactly one answer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::lock;
use crate::respond::Problem;
use crate::store::{Delivery, Row};

/// What becomes of a delivery: a decision of the database, or why there is none.
pub type Outcome = Result<Row, Problem>;

/// A delivery that waits, and its claim on an answer.
#[derive(Debug)]
pub struct Item {
    /// What was sent.
    pub delivery: Delivery,
    /// Its share of the memory, given back with the item.
    _held: Held,
    since: Instant,
    reply: oneshot::Sender<Outcome>,
}

impl Item {
    /// Makes an item and the other end, where its answer will come.
    pub fn new(delivery: Delivery, held: Held) -> (Item, oneshot::Receiver<Outcome>) {
        let (reply, answer) = oneshot::channel();
        (Item { delivery, _held: held, since: Instant::now(), reply }, answer)
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
    /// An item has come, or the queue is closed.
    wake: Notify,
    closing: Notify,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    closed: bool,
}

impl Queue {
    /// An empty queue for at most `max` items.
    pub fn new(max: usize) -> Queue {
        Queue { max, state: Mutex::default(), wake: Notify::new(), closing: Notify::new() }
    }

    /// Adds an item at the end, or answers it when there is no room.
    pub fn push(&self, item: Item) {
        let refused = {
            let mut state = lock(&self.state);
            if state.closed {
                Problem::Stopping
            } else if state.items.len() >= self.max {
                Problem::QueueFull
            } else {
                state.items.push_back(item);
                drop(state);
                self.wake.notify_one();
                return;
            }
        };
        item.answer(Err(refused));
    }

    /// Waits for an item and takes it with everything else that is waiting, up to `max` items and `bytes`; a single
    /// item may be larger. `None` when the queue is closed and empty. Losing the future loses no item.
    pub async fn pop(&self, max: usize, bytes: usize) -> Option<Vec<Item>> {
        loop {
            let woken = self.wake.notified();
            {
                let mut state = lock(&self.state);
                let batch = take(&mut state.items, max, bytes);
                if !batch.is_empty() {
                    if !state.items.is_empty() {
                        // The next pump need not wait for the next arrival.
                        self.wake.notify_one();
                    }
                    return Some(batch);
                }
                if state.closed {
                    return None;
                }
            }
            woken.await;
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
        let late: Vec<Item> = {
            let mut state = lock(&self.state);
            // In order of arrival, so the first that may stay ends the search.
            let count = state.items.iter().take_while(|item| which(item)).count();
            state.items.drain(..count).collect()
        };
        for item in late {
            item.answer(Err(problem));
        }
    }

    /// Nothing more comes in; the pumps end when they have carried what is left.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.wake.notify_waiters();
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
        lock(&self.state).items.len()
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

/// How many bytes of bodies may be in memory at a time, over all connections: without it a thousand slow senders of a
/// megabyte each would be a gigabyte.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Budget> {
        Arc::new(Budget { limit, used: AtomicUsize::new(0) })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A share of it, empty at first.
    pub fn hold(self: &Arc<Self>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }
}

/// A share of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    /// Takes `bytes` more; false, and nothing taken, when there are not so many left.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let before = self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.budget.limit;
        if fits {
            self.bytes += bytes;
        } else {
            self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

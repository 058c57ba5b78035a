//! Applies what has been understood: merge, project, enqueue. Failures stay with the delivery that caused them.

use std::collections::BTreeMap;

use boxoffice_core::merge::Look;
use boxoffice_core::observation::{Observation, OrderKey};
use boxoffice_core::platform::Platform;
use pgrx::spi::SpiClient;

use crate::deliver::judge::{Meaning, Understood};
use crate::deliver::patience::Patience;
use crate::error::{Error, Result, body_code, sqlstate};
use crate::server;
use crate::store::compare::{self, Difference};
use crate::store::deliveries::{Status, Verdict};
use crate::store::orders::Tell;
use crate::store::projection::Written;
use crate::store::{events, jobs, orders, projection};

/// How facts are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Rows are written where the merge has changed something. The rule.
    Trusting,
    /// The same, but rows of new orders may be there already.
    Careful,
    /// All rows are compared with what they should be, and put right.
    Comparing,
}

/// What applying has done besides the verdicts.
#[derive(Default)]
pub struct Effects {
    /// Rows written.
    pub written: Written,
    /// Orders that were not shown before.
    pub new_orders: usize,
    /// What has to be looked at once more, with the event it belongs to.
    pub looks: Vec<(OrderKey, Option<String>, Look)>,
    /// Rows that were not as they should be.
    pub differences: Vec<Difference>,
}

impl Effects {
    fn add(&mut self, more: Effects) {
        self.written.add(more.written);
        self.new_orders += more.new_orders;
        self.looks.extend(more.looks);
        self.differences.extend(more.differences);
    }
}

/// What came of applying a batch.
pub struct Applied {
    /// One for each delivery, in order.
    pub verdicts: Vec<Verdict>,
    /// What it has done.
    pub effects: Effects,
}

/// Applies deliveries in one subtransaction; if that fails, each in one of its own, and with care.
pub fn apply(client: &mut SpiClient<'_>, tasks: &[&Understood]) -> Applied {
    apply_so(client, tasks, Manner::Trusting)
}

/// The same as part of more that is done in one transaction, which shares its patience.
pub fn apply_within(client: &mut SpiClient<'_>, tasks: &[&Understood], patience: &mut Patience) -> Applied {
    apply_with(client, tasks, Manner::Trusting, patience)
}

/// Applies facts that came with no delivery; fails as a whole.
pub fn apply_facts(
    client: &mut SpiClient<'_>,
    platform: Platform,
    facts: Vec<Observation>,
    manner: Manner,
) -> Result<Written> {
    if facts.is_empty() {
        return Ok(Written::default());
    }
    let task = Understood {
        platform,
        event_type: None,
        order_id: None,
        meaning: Meaning::Apply(facts),
        mentioned: None,
        events: Vec::new(),
        notes: Vec::new(),
    };
    Ok(together(client, &[&task], manner)?.1.written)
}

/// The same in the given manner.
pub fn apply_so(client: &mut SpiClient<'_>, tasks: &[&Understood], manner: Manner) -> Applied {
    apply_with(client, tasks, manner, &mut Patience::default())
}

fn apply_with(client: &mut SpiClient<'_>, tasks: &[&Understood], manner: Manner, patience: &mut Patience) -> Applied {
    if tasks.iter().all(|t| matches!(t.meaning, Meaning::Ignore(_) | Meaning::Unusable(_))) {
        return Applied {
            verdicts: tasks.iter().map(|t| verdict(t, Ok(News::Nothing))).collect(),
            effects: Effects::default(),
        };
    }
    let all_together = || together(client, tasks, manner);
    let result = if tasks.len() == 1 { patience.alone(all_together) } else { Patience::together(all_together) };
    match result {
        Ok((news, effects)) => {
            let verdicts = tasks.iter().zip(news).map(|(task, news)| verdict(task, Ok(news))).collect();
            Applied { verdicts, effects }
        }
        Err(Error::Locked) if tasks.len() == 1 => {
            // It has been waited for already.
            let mut effects = Effects::default();
            let result = order_by_order(client, tasks[0], careful(manner), Error::Locked, &mut effects, patience);
            Applied { verdicts: vec![verdict(tasks[0], result)], effects }
        }
        Err(_) => one_by_one(client, tasks, manner, patience),
    }
}

fn careful(manner: Manner) -> Manner {
    if manner == Manner::Trusting { Manner::Careful } else { manner }
}

fn one_by_one(client: &mut SpiClient<'_>, tasks: &[&Understood], manner: Manner, patience: &mut Patience) -> Applied {
    let manner = careful(manner);
    let mut all = Effects::default();
    let mut verdicts: Vec<Option<Verdict>> = tasks.iter().map(|_| None).collect();
    // Key order, as in a batch: locks of earlier deliveries are held until the end of the transaction.
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|&i| (tasks[i].platform, tasks[i].order_id.as_deref()));
    for i in order {
        server::check_interrupts();
        let result = match patience.alone(|| together(client, &tasks[i..=i], manner)) {
            Ok((news, effects)) => {
                all.add(effects);
                Ok(news.first().copied().unwrap_or(News::Nothing))
            }
            Err(error) => order_by_order(client, tasks[i], manner, error, &mut all, patience),
        };
        verdicts[i] = Some(verdict(tasks[i], result));
    }
    Applied { verdicts: verdicts.into_iter().flatten().collect(), effects: all }
}

/// A page that could not be applied as a whole: each order of it by itself, so that one does not take the others with it.
/// The page counts as failed all the same, and is tried again.
fn order_by_order(
    client: &mut SpiClient<'_>,
    task: &Understood,
    manner: Manner,
    error: Error,
    all: &mut Effects,
    patience: &mut Patience,
) -> Result<News> {
    let Meaning::Apply(facts) = &task.meaning else { return Err(error) };
    let mut orders: BTreeMap<&OrderKey, Vec<Observation>> = BTreeMap::new();
    for fact in facts {
        orders.entry(&fact.key).or_default().push(fact.clone());
    }
    if orders.len() < 2 {
        return Err(error);
    }
    for facts in orders.into_values() {
        server::check_interrupts();
        let alone = Understood { meaning: Meaning::Apply(facts), ..task.without_facts() };
        if let Ok((_, effects)) = patience.alone(|| together(client, &[&alone], manner)) {
            all.add(effects);
        }
    }
    Err(error)
}

/// Why a cancellation or refund stays without effect.
pub const OVERRULED: &str = "something newer is known of the order, so this cancellation or refund was not applied";

/// What applying a delivery has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// It said nothing new.
    Nothing,
    /// It said something new.
    Something,
    /// It takes something back, and something newer is known: that stays.
    Overruled,
}

/// Applies all of them or fails. Says what each has done.
fn together(client: &mut SpiClient<'_>, tasks: &[&Understood], manner: Manner) -> Result<(Vec<News>, Effects)> {
    let mut facts: Vec<&Observation> = Vec::new();
    let mut owner = Vec::new();
    let mut fetches = Vec::new();
    let mut mentioned = Vec::new();
    let mut copies = Vec::new();
    for (i, task) in tasks.iter().enumerate() {
        match &task.meaning {
            Meaning::Apply(observations) => {
                facts.extend(observations);
                owner.resize(facts.len(), i);
            }
            Meaning::Fetch(request) => fetches.push((task.platform, request)),
            Meaning::Ignore(_) | Meaning::Unusable(_) => continue,
        }
        mentioned.extend(task.mentioned.iter().map(|event| (task.platform, event)));
        copies.extend(task.events.iter().map(|event| (task.platform, event)));
    }
    let comparing = manner == Manner::Comparing;
    let merged = orders::merge(client, &facts, if comparing { Tell::All } else { Tell::Changes })?;
    let events = events::upsert(client, &copies)?;
    let shown: Vec<&orders::Changed<'_>> = if comparing { &merged.shown } else { &merged.changed }.iter().collect();
    let links = events::links(client, &shown, &mentioned)?;
    let mut effects = Effects::default();
    if comparing {
        effects.differences = compare::compare(client, &shown, &links, true)?;
    }
    effects.written = projection::write(client, &merged.changed, &links, manner != Manner::Trusting)?;
    effects.written.events = events;
    for difference in &effects.differences {
        let rows =
            if difference.attendee_id.is_empty() { &mut effects.written.sales } else { &mut effects.written.attendees };
        *rows += 1;
    }
    let is_new = |order: &&orders::Changed<'_>| order.before.is_none() && order.after.is_some();
    effects.new_orders = merged.changed.iter().filter(is_new).count();
    let looks = merged.changed.iter().flat_map(|order| {
        let event = order.after.as_ref().and_then(|after| after.sale.external_event_id.clone());
        order.looks.iter().map(move |look| (order.key.clone(), event.clone(), look.clone()))
    });
    effects.looks = looks.collect();
    jobs::enqueue(client, &fetches)?;
    // A changed event is news too; events only come with API bodies, one a batch.
    let mut news = vec![if events > 0 { News::Something } else { News::Nothing }; tasks.len()];
    for (positions, what) in [(merged.news, News::Something), (merged.overruled, News::Overruled)] {
        for position in positions {
            news[owner[position]] = what;
        }
    }
    Ok((news, effects))
}

fn verdict(task: &Understood, result: Result<News>) -> Verdict {
    let mut notes = task.notes.clone();
    let (status, error) = match (&task.meaning, result) {
        (_, Err(error)) => (Status::Failed, Some(described(&error))),
        (Meaning::Apply(_), Ok(News::Something)) => (Status::Processed, None),
        (Meaning::Apply(_), Ok(News::Nothing)) => (Status::Duplicate, None),
        (Meaning::Apply(_), Ok(News::Overruled)) => {
            notes.insert(0, OVERRULED.to_owned());
            (Status::Ignored, None)
        }
        (Meaning::Fetch(_), Ok(_)) => (Status::Queued, None),
        (Meaning::Ignore(reason), Ok(_)) => {
            notes.insert(0, reason.clone());
            (Status::Ignored, None)
        }
        (Meaning::Unusable(error), Ok(_)) => (Status::Invalid, Some((sqlstate(body_code(error)), error.to_string()))),
    };
    let event_id = match &task.meaning {
        Meaning::Fetch(request) => request.external_event_id.clone(),
        _ => task.mentioned.as_ref().map(|event| event.external_event_id.clone()),
    };
    Verdict { status, event_type: task.event_type.clone(), order_id: task.order_id.clone(), event_id, error, notes }
}

fn described(error: &Error) -> (String, String) {
    (sqlstate(error.code()), error.message())
}

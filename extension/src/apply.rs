//! Applies what has been understood: merge, project, enqueue. Failures stay with the delivery that caused them.

use boxoffice_core::observation::Observation;
use pgrx::spi::SpiClient;

use crate::delivery::{Meaning, Understood};
use crate::error::{Error, Result, body_code, sqlstate};
use crate::server;
use crate::store::deliveries::{Status, Verdict};
use crate::store::projection::Written;
use crate::store::{events, jobs, orders, projection};

/// What came of applying a batch.
pub struct Applied {
    /// One for each delivery, in order.
    pub verdicts: Vec<Verdict>,
    /// Rows written.
    pub written: Written,
}

/// Applies deliveries in one subtransaction; if that fails, each in one of its own, and with care.
pub fn apply(client: &mut SpiClient<'_>, tasks: &[&Understood]) -> Applied {
    if tasks.iter().all(|t| matches!(t.meaning, Meaning::Ignore(_) | Meaning::Unusable(_))) {
        return Applied {
            verdicts: tasks.iter().map(|t| verdict(t, Ok(false))).collect(),
            written: Written::default(),
        };
    }
    match server::in_subtransaction(|| together(client, tasks, false)) {
        Ok((news, written)) => {
            let verdicts = tasks.iter().zip(news).map(|(task, news)| verdict(task, Ok(news))).collect();
            Applied { verdicts, written }
        }
        Err(_) => one_by_one(client, tasks),
    }
}

fn one_by_one(client: &mut SpiClient<'_>, tasks: &[&Understood]) -> Applied {
    let mut written = Written::default();
    let mut verdicts: Vec<Option<Verdict>> = tasks.iter().map(|_| None).collect();
    // Key order, as in a batch: locks of earlier deliveries are held until the end of the transaction.
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|&i| (tasks[i].platform, tasks[i].order_id.as_deref()));
    for i in order {
        let result = server::in_subtransaction(|| together(client, &tasks[i..=i], true));
        if let Ok((_, rows)) = &result {
            written.sales += rows.sales;
            written.attendees += rows.attendees;
            written.events += rows.events;
        }
        verdicts[i] = Some(verdict(tasks[i], result.map(|(news, _)| news == [true])));
    }
    Applied { verdicts: verdicts.into_iter().flatten().collect(), written }
}

/// Applies all of them or fails. Says which of them said something new.
fn together(client: &mut SpiClient<'_>, tasks: &[&Understood], careful: bool) -> Result<(Vec<bool>, Written)> {
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
    let merged = orders::merge(client, &facts)?;
    let events = events::upsert(client, &copies)?;
    let links = events::links(client, &merged.changed, &mentioned)?;
    let written = Written { events, ..projection::write(client, &merged.changed, &links, careful)? };
    jobs::enqueue(client, &fetches)?;
    // A changed event is news too; events only come with API bodies, one a batch.
    let mut news = vec![events > 0; tasks.len()];
    for position in merged.news {
        news[owner[position]] = true;
    }
    Ok((news, written))
}

fn verdict(task: &Understood, result: Result<bool>) -> Verdict {
    let mut notes = task.notes.clone();
    let (status, error) = match (&task.meaning, result) {
        (_, Err(error)) => (Status::Failed, Some(described(&error))),
        (Meaning::Apply(_), Ok(true)) => (Status::Processed, None),
        (Meaning::Apply(_), Ok(false)) => (Status::Duplicate, None),
        (Meaning::Fetch(_), Ok(_)) => (Status::Queued, None),
        (Meaning::Ignore(reason), Ok(_)) => {
            notes.insert(0, reason.clone());
            (Status::Ignored, None)
        }
        (Meaning::Unusable(error), Ok(_)) => (Status::Invalid, Some((sqlstate(body_code(error)), error.to_string()))),
    };
    Verdict { status, event_type: task.event_type.clone(), order_id: task.order_id.clone(), error, notes }
}

fn described(error: &Error) -> (String, String) {
    (sqlstate(error.code()), error.message())
}

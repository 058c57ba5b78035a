//! (a) What a delivery costs without a database: verified, read, merged, encoded.

use std::hint::black_box;

use anyhow::{Context as _, bail};
use boxoffice_core::headers::Headers;
use boxoffice_core::merge::State;
use boxoffice_core::observation::Observation;
use boxoffice_core::platform::Effect;
use boxoffice_core::settings::{Secret, Secrets};
use boxoffice_core::time::Micros;
use boxoffice_core::verify;

use crate::bodies::{self, Copy, Delivery};
use crate::options::Options;
use crate::statistics::Spread;
use crate::{Result, cpu};

/// Any time will do: these signatures have none.
const NOW: Micros = 1_772_359_200_000_000;
const PLATFORM: boxoffice_tests::fake::Platform = boxoffice_tests::fake::Platform::Humanitix;

/// CPU time of each part, in microseconds a delivery.
#[derive(Debug, Clone, Copy)]
pub struct CoreCost {
    /// Headers to a map, HMAC over the body, comparison.
    pub verify: f64,
    /// JSON to facts.
    pub read: f64,
    /// Facts to a new state, to the rows it shows, to bytes.
    pub merge: f64,
}

impl CoreCost {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.verify + self.read + self.merge
    }
}

/// Measures each part on a thousand different deliveries.
pub fn measure(options: &Options) -> Result<CoreCost> {
    let passes = if options.quick { 20 } else { 60 };
    let settings = PLATFORM.default_settings();
    let secret = Secret { value: bodies::SECRET.to_owned(), valid_until: None };
    let secrets = Secrets { signature: vec![secret], path_token: Vec::new() };
    let deliveries: Vec<(String, String)> =
        (0..1000).map(|i| Delivery::of(bodies::NEW + i, Copy::Created)).map(|d| (d.headers(), d.body)).collect();
    let facts: Vec<Vec<Observation>> = deliveries.iter().map(|(_, body)| read(body)).collect::<Result<_>>()?;

    let verify = time(passes, &deliveries, |(headers, body)| {
        let headers = Headers::from_json(headers)?;
        match verify::verify(&settings, &secrets, &headers, body.as_bytes(), NOW) {
            Ok(verified) => Ok(black_box(verified)),
            Err(refusal) => bail!("refused: {}", refusal.message()),
        }
    })?;
    let read = time(passes, &deliveries, |(_, body)| read(body))?;
    let merge = time(passes, &facts, |facts| {
        let mut state = State::default();
        for fact in facts {
            state.observe(&fact.fact);
        }
        Ok((state.derive(*PLATFORM), state.encode()))
    })?;
    Ok(CoreCost { verify, read, merge })
}

fn read(body: &str) -> Result<Vec<Observation>> {
    let delivery = PLATFORM.webhook(&PLATFORM.default_settings(), &Headers::default(), body.as_bytes(), i64::MAX);
    match delivery.map(|delivery| delivery.effect) {
        Ok(Effect::Apply(facts)) => Ok(facts),
        other => bail!("a delivery of the benchmark is not applied: {other:?}"),
    }
}

/// Microseconds for each input: the middle of several passes over all of them.
fn time<I, O>(passes: usize, inputs: &[I], mut step: impl FnMut(&I) -> Result<O>) -> Result<f64> {
    let mut figures = Vec::new();
    // The kernel brings the time of a running thread up to date at its ticks: a figure takes many of them.
    for _ in 0..5 {
        let before = cpu::of_this_thread()?;
        for _ in 0..passes {
            for input in inputs {
                black_box(step(black_box(input))?);
            }
        }
        figures.push((cpu::of_this_thread()? - before) / (passes * inputs.len()) as f64);
    }
    Ok(Spread::of(figures).context("no figures")?.median)
}

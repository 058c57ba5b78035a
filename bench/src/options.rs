//! What to measure, and for how long.

use crate::Result;

/// What `--help` prints.
pub const HELP: &str = "\
Usage: make bench [QUICK=1] [ARGS=\"...\"]
  --quick         a minute instead of five; the table is printed, but not kept (QUICK=1 does the same)
  --rounds N      rounds of everything that is compared
  --only LETTERS  some of: b floor, c single calls, d batches of 64, e HTTP, f updates and duplicates, g steps,
                  h synchronisation, i floods of forgeries
  --help          this
";

/// Letters that `--only` takes.
const PARTS: &str = "bcdefghi";

/// Clients of pgbench.
pub const CLIENTS: usize = 8;
/// Deliveries in a call of `ingest_webhooks`.
pub const BATCH: usize = 64;

/// The choices of a run.
#[derive(Debug)]
pub struct Options {
    /// Short.
    pub quick: bool,
    /// How often everything is measured.
    pub rounds: usize,
    /// Calls of each pgbench client in a round.
    pub calls: usize,
    /// Batches of each pgbench client in a round.
    pub batches: usize,
    /// Seconds of each HTTP measurement.
    pub seconds: usize,
    /// Calls for each step whose CPU time is measured.
    pub step_calls: usize,
    /// Whether the steps are measured.
    pub steps: bool,
    /// Orders of each platform in a synchronisation.
    pub orders: usize,
    /// How often it is measured: a round takes minutes.
    pub sync_rounds: usize,
    /// Calls whose times are measured one by one.
    pub jobs: usize,
    /// Seconds for which an idle worker is watched.
    pub idle_seconds: u64,
    only: String,
}

impl Options {
    /// From arguments and `QUICK`. `None`: help was asked for.
    pub fn from_environment() -> Result<Option<Options>> {
        let quick = std::env::var("QUICK").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
        Options::parse(std::env::args().skip(1), quick)
    }

    fn parse(arguments: impl IntoIterator<Item = String>, mut quick: bool) -> Result<Option<Options>> {
        let (mut rounds, mut only) = (None, PARTS.to_owned());
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| anyhow::anyhow!("{argument} needs a value"));
            match argument.as_str() {
                "--help" => return Ok(None),
                "--quick" => quick = true,
                "--rounds" => rounds = Some(value()?.parse::<usize>()?.clamp(1, 100)),
                "--only" => only = value()?,
                _ => anyhow::bail!("unknown argument {argument}"),
            }
        }
        if let Some(letter) = only.chars().find(|letter| !PARTS.contains(*letter)) {
            anyhow::bail!("--only: there is no part {letter}");
        }
        let (rounds_default, calls, batches, seconds, step_calls) =
            if quick { (2, 400, 12, 1, 200) } else { (5, 1000, 30, 3, 1000) };
        let (orders, jobs, idle_seconds) = if quick { (1000, 300, 5) } else { (10_000, 2000, 20) };
        let rounds = rounds.unwrap_or(rounds_default);
        let steps = only.contains('g');
        let sync_rounds = rounds.min(3);
        Ok(Some(Options {
            quick,
            rounds,
            calls,
            batches,
            seconds,
            step_calls,
            steps,
            orders,
            sync_rounds,
            jobs,
            idle_seconds,
            only,
        }))
    }

    /// Whether a part is to be measured. The floor always is: the others are compared with it.
    pub fn wants(&self, part: char) -> bool {
        part == 'b' || self.only.contains(part)
    }

    /// Whether anything is to be compared with the floor.
    pub fn wants_rounds(&self) -> bool {
        "bcdef".chars().any(|part| self.only.contains(part))
    }

    /// Whether the table is worth keeping.
    pub fn is_whole(&self) -> bool {
        !self.quick && PARTS.chars().all(|part| self.wants(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>> {
        Options::parse(line.split_whitespace().map(str::to_owned), false)
    }

    #[test]
    fn arguments() {
        let options = parse("").unwrap().unwrap();
        assert!(options.is_whole() && options.steps && options.wants('f'));
        let options = parse("--quick --only cd --rounds 7").unwrap().unwrap();
        assert_eq!((options.quick, options.rounds, options.is_whole()), (true, 7, false));
        assert!(options.wants('b') && options.wants('c') && !options.wants('e') && !options.steps);
        assert!(parse("--help").unwrap().is_none());
        for bad in ["--rounds", "--rounds x", "--only xyz", "huh"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}

//! Who gets how many of an account's calls of an hour.

use crate::store::jobs::claim::Calls;
use crate::store::jobs::words::Priority;

/// Single hints leave a fifth of the calls to what somebody or the schedule asks for.
const HINTS: Percent = Percent(80);
/// Of what nobody has heard of; three quarters are for the others.
const DOUBTFUL: Percent = Percent(25);
/// From here on comparisons, second looks and hints of what nobody has heard of yield.
const PATIENT: Percent = Percent(60);
/// From here on the schedule yields.
const SCHEDULE: Percent = Percent(80);
/// What yields keeps as its own.
const OWN: Percent = Percent(10);

#[derive(Clone, Copy)]
struct Percent(i64);

impl Percent {
    /// That part, rounded up.
    const fn of(self, calls: i64) -> i64 {
        (calls * self.0 + 99) / 100
    }

    /// Whether `used` is less than that part.
    const fn is_above(self, used: i64, calls: i64) -> bool {
        used * 100 < calls * self.0
    }
}

/// The calls of an account: those of the last hour, and those of this claim.
#[derive(Debug)]
pub struct Shares {
    per_hour: i64,
    used: i64,
    hints: i64,
    doubtful: i64,
    scheduled: i64,
    /// Of this claim: all, hints, doubtful ones, those of the schedule.
    now: [i64; 4],
}

impl Shares {
    /// With what was called before.
    pub fn new(per_hour: i32, calls: &Calls) -> Shares {
        Shares {
            per_hour: per_hour.into(),
            used: calls.all,
            hints: calls.hints,
            doubtful: calls.doubtful,
            scheduled: calls.scheduled,
            now: [0; 4],
        }
    }

    /// Calls that are left of the hour.
    pub fn left(&self) -> i64 {
        self.per_hour - self.used
    }

    /// Whether single hints may be fetched; when not, a few that wait for long are enough for a list.
    pub fn has_room_for_hints(&self) -> bool {
        HINTS.is_above(self.hints, self.per_hour) && self.has_room_for_doubtful()
    }

    /// Whether what nobody has heard of may be fetched.
    pub fn has_room_for_doubtful(&self) -> bool {
        DOUBTFUL.is_above(self.doubtful, self.per_hour)
    }

    /// How many jobs of a priority may be handed out, when there is room for so many.
    pub fn most(&self, priority: Priority, room: i64) -> i64 {
        let hints = HINTS.of(self.per_hour) - self.hints;
        let own = OWN.of(self.per_hour) - self.scheduled;
        match priority {
            Priority::Hint => room.min(hints),
            Priority::Doubtful if PATIENT.is_above(self.used, self.per_hour) => {
                room.min(DOUBTFUL.of(self.per_hour) - self.doubtful).min(hints)
            }
            Priority::Doubtful => 0,
            // What is not urgent leaves calls for hints, but for a tenth that is its own.
            Priority::Scheduled if !SCHEDULE.is_above(self.used, self.per_hour) => room.min(own),
            Priority::Daily | Priority::SecondLook if !PATIENT.is_above(self.used, self.per_hour) => room.min(own),
            _ => room,
        }
    }

    /// Counts jobs that were handed out.
    pub fn spend(&mut self, priority: Priority, jobs: usize, doubtful: usize) {
        let jobs = i64::try_from(jobs).unwrap_or(i64::MAX);
        self.used += jobs;
        self.now[0] += jobs;
        match priority {
            Priority::Hint | Priority::Doubtful => {
                let doubtful = i64::try_from(doubtful).unwrap_or(i64::MAX);
                self.hints += jobs;
                self.doubtful += doubtful;
                self.now[1] += jobs;
                self.now[2] += doubtful;
            }
            Priority::Scheduled | Priority::Daily | Priority::SecondLook => {
                self.scheduled += jobs;
                self.now[3] += jobs;
            }
            Priority::Examination | Priority::List | Priority::Manual => {}
        }
    }

    /// What this claim has spent, in the order of [`crate::store::jobs::claim::count`]; `None`: nothing.
    pub fn spent(&self) -> Option<[i32; 4]> {
        (self.now[0] > 0).then(|| self.now.map(|count| i32::try_from(count).unwrap_or(i32::MAX)))
    }
}

use super::*;

const POLL: Duration = Duration::from_secs(1000);

fn desk(concurrency: usize) -> Arc<Desk> {
    let now = Instant::now();
    Arc::new(Desk {
        concurrency,
        claims: true,
        poll: POLL,
        tasks: POLL,
        state: Mutex::new(State {
            answers: VecDeque::new(),
            in_flight: 0,
            wanted: false,
            claiming: false,
            next_claim: now,
            working: false,
            next_tasks: now + POLL,
            stopping: false,
        }),
        work: Notify::new(),
        ended: Notify::new(),
        cut: watch::Sender::new(false),
    })
}

fn jobs(count: usize) -> Vec<Job> {
    let job = |id| Job { id, platform: "p".to_owned(), account: "a".to_owned(), path: "/".to_owned() };
    (1..=count as i64).map(job).collect()
}

/// What a look finds, in a word, and how long the wait would be.
fn seen(desk: &Arc<Desk>) -> &'static str {
    let now = Instant::now();
    match desk.look(now) {
        Look::Found(Call::Tasks(_)) => "tasks",
        Look::Found(Call::Claim(..)) => "claim",
        Look::Found(Call::Complete(_)) => "complete",
        Look::Nothing(Some(until)) if until <= now => "busy loop",
        Look::Nothing(_) => "nothing",
        Look::Ended => "ended",
    }
}

fn claim(desk: &Arc<Desk>, count: usize) -> Vec<Lease> {
    match desk.look(Instant::now()) {
        Look::Found(Call::Claim(turn, room)) => turn.leases(jobs(count), room),
        _ => panic!("no claim"),
    }
}

#[test]
fn an_empty_claim_waits_and_a_full_one_does_not() {
    let desk = desk(2);
    assert!(claim(&desk, 0).is_empty());
    assert_eq!(seen(&desk), "nothing");
    desk.want();
    let leases = claim(&desk, 2);
    assert_eq!(seen(&desk), "nothing", "no room, and no wait for a time that has passed");
    desk.want();
    assert_eq!(seen(&desk), "nothing");
    drop(leases);
    assert_eq!(desk.in_flight(), 2, "answers have their places until they are handed over");
    assert_eq!([seen(&desk), seen(&desk)], ["complete", "claim"], "half of the room is free");
}

#[test]
fn one_claim_at_a_time() {
    let desk = desk(4);
    let Look::Found(Call::Claim(turn, 4)) = desk.look(Instant::now()) else { panic!("no claim") };
    desk.want();
    assert_eq!(seen(&desk), "nothing");
    let leases = turn.leases(jobs(1), 4);
    assert_eq!(seen(&desk), "claim", "what was wanted during the claim may have come too late for it");
    drop(leases);
}

#[test]
fn a_fetch_that_breaks_down_leaves_an_answer() {
    let desk = desk(4);
    drop(claim(&desk, 1));
    let Look::Found(Call::Complete(answer)) = desk.look(Instant::now()) else { panic!("no answer") };
    assert_eq!((answer.job.id, &answer.fetched), (1, &Err(NoAnswer::Broken)));
    drop(answer);
    assert_eq!(desk.in_flight(), 0);
}

#[test]
fn old_answers_are_forgotten_with_their_places() {
    let desk = desk(4);
    drop(claim(&desk, 2));
    let before = Instant::now();
    assert_eq!(desk.forget(before - POLL).len(), 0);
    assert_eq!(desk.forget(before + POLL).len(), 2);
    assert_eq!(desk.in_flight(), 0);
}

#[test]
fn a_desk_ends_when_the_last_answer_is_gone() {
    let desk = desk(4);
    let mut leases = claim(&desk, 2);
    desk.stop();
    desk.want();
    assert_eq!(seen(&desk), "nothing");
    leases.pop();
    assert_eq!([seen(&desk), seen(&desk)], ["complete", "nothing"]);
    leases.pop();
    let Look::Found(Call::Complete(answer)) = desk.look(Instant::now()) else { panic!("no answer") };
    assert_eq!(seen(&desk), "nothing", "it is being handed over");
    desk.put_back(answer);
    assert_eq!([seen(&desk), seen(&desk)], ["complete", "ended"]);
}

#[test]
fn a_worker_shows_that_it_is_there_once_a_minute() {
    struct Polling(&'static str);
    impl crate::config::settings::Strings for Polling {
        fn get(&self, name: &str) -> Result<Option<String>, crate::config::settings::UsageError> {
            Ok(match name {
                "INGRESS_DATABASE_URL" => Some("postgresql://u@h/d".to_owned()),
                "BOXOFFICE_FETCH_POLL_SECONDS" => Some(self.0.to_owned()),
                _ => None,
            })
        }
    }
    let config = |seconds| Config::from_strings(&Polling(seconds)).unwrap();
    assert_eq!(Desk::new(&config("600")).poll, Duration::from_secs(60));
    assert_eq!(Desk::new(&config("2")).poll, Duration::from_secs(2));
}

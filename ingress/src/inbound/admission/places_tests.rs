use super::*;
use crate::inbound::admission::seats::{GRACE, GRACE_OF_SOURCE};
use tokio::time::{Instant, advance};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn places(max: usize, per_source: usize) -> Arc<Places> {
    let places = Places::new(max, per_source, Arc::new(Proxies::parse("10.0.0.1").unwrap()));
    let running = Arc::clone(&places);
    tokio::spawn(async move { running.run().await });
    places
}

fn gone(place: &Place) -> bool {
    !lock(&place.places.state).taken.contains_key(&place.number)
}

async fn take(places: &Arc<Places>, peer: &str) -> Option<Place> {
    places.take(ip(peer)).await
}

#[tokio::test(start_paused = true)]
async fn who_makes_least_of_a_place_goes() {
    let places = places(5, 5);
    let (refused, silent, slow, idle, working) = (
        take(&places, "192.0.2.1").await.unwrap(),
        take(&places, "192.0.2.2").await.unwrap(),
        take(&places, "192.0.2.3").await.unwrap(),
        take(&places, "192.0.2.4").await.unwrap(),
        take(&places, "192.0.2.5").await.unwrap(),
    );
    refused.enter(Phase::Refused);
    slow.enter(Phase::Body);
    idle.enter(Phase::Idle);
    idle.set_record(Record::Believed);
    working.enter(Phase::Working);
    for expected in [&refused, &silent, &slow, &idle] {
        advance(GRACE).await;
        let newcomer = take(&places, "198.51.100.1").await.unwrap();
        newcomer.enter(Phase::Working);
        assert!(gone(expected), "{:?}", expected.seat);
        expected.has_to_go().await;
        std::mem::forget(newcomer);
    }
    assert!(!gone(&working));
    assert_eq!((places.taken(), places.evicted()), (5, 4));
    // All are at work: whoever comes waits until one leaves.
    advance(GRACE).await;
    let waits = tokio::spawn({
        let places = Arc::clone(&places);
        async move { take(&places, "198.51.100.2").await.is_some() }
    });
    tokio::time::sleep(GRACE).await;
    assert!(!waits.is_finished());
    drop(working);
    assert!(waits.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_slower_of_two_bodies_goes_and_a_believed_one_stays() {
    let places = places(3, 3);
    let all = [
        take(&places, "192.0.2.1").await.unwrap(),
        take(&places, "192.0.2.2").await.unwrap(),
        take(&places, "192.0.2.3").await.unwrap(),
    ];
    all.iter().for_each(|place| place.enter(Phase::Body));
    all[0].set_record(Record::Believed);
    advance(GRACE).await;
    all[2].came(1000);
    all[1].came(10);
    let _new = take(&places, "198.51.100.1").await.unwrap();
    assert_eq!(all.each_ref().map(gone), [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn an_address_has_so_many_and_a_proxy_as_many_as_there_are() {
    let places = places(100, 4);
    let mine: Vec<Place> = {
        let mut mine = Vec::new();
        for _ in 0..4 {
            mine.push(take(&places, "192.0.2.1").await.unwrap());
        }
        mine
    };
    mine.iter().for_each(|place| place.enter(Phase::Working));
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let places = Arc::clone(&places);
            tokio::spawn(async move { take(&places, "192.0.2.1").await.is_some() })
        })
        .collect();
    tokio::time::sleep(GRACE).await;
    assert!(waiting.iter().all(|one| !one.is_finished()), "all of them are at work");
    assert!(take(&places, "192.0.2.1").await.is_none(), "and as many wait");
    assert!(take(&places, "192.0.2.2").await.is_some());
    mine[2].enter(Phase::Idle);
    tokio::time::sleep(GRACE_OF_SOURCE + LOOK * 2).await;
    assert_eq!(mine.iter().map(gone).collect::<Vec<_>>(), [false, false, true, false]);
    assert_eq!(waiting.iter().filter(|one| one.is_finished()).count(), 4, "each of them leaves at once here");
    let mut through_proxy = Vec::new();
    for _ in 0..50 {
        through_proxy.push(take(&places, "10.0.0.1").await.unwrap());
    }
    assert!(places.taken() > 50);
}

#[tokio::test(start_paused = true)]
async fn everybody_has_a_moment() {
    let places = places(2, 2);
    let (_one, _two) = (take(&places, "192.0.2.1").await, take(&places, "192.0.2.2").await);
    let began = Instant::now();
    let _three = take(&places, "192.0.2.3").await.unwrap();
    assert!(began.elapsed() >= GRACE && began.elapsed() < GRACE * 2);
}

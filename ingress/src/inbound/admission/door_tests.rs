use std::sync::Arc;

use hyper::header::HeaderValue;
use tokio::time::{Instant, advance};

use super::*;
use crate::inbound::admission::suspects::{SUSPECTS_MAX, SUSPICION};

const QUOTAS: Quotas = Quotas { source: 10, platform: 100 };

fn headers(agent: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static(agent));
    headers
}

fn from(door: &Door, address: &str, agent: &'static str) -> Visit {
    door.visit(&headers(agent), Source::of(address.parse().unwrap()), "humanitix", None)
}

fn open() -> Arc<Door> {
    let door = Arc::new(Door::new(QUOTAS));
    let running = Arc::clone(&door);
    tokio::spawn(async move { running.run().await });
    door
}

/// The lane, or when to come back.
async fn enter(door: &Door, visit: &Visit) -> Result<Lane, Duration> {
    door.enter(visit, Record::None).await.map(|entry| entry.lane)
}

/// Comes in, and is not believed.
async fn forge(door: &Door, visit: &Visit, bytes: usize) -> Result<(), Duration> {
    let entry = door.enter(visit, Record::None).await?;
    door.rejected(visit, entry, bytes, true);
    Ok(())
}

/// More forgeries than the platform takes, each from an address of its own.
async fn flood(door: &Door) {
    for number in 0..=QUOTAS.platform {
        let visit = from(door, &format!("203.0.{}.{}", number / 250, number % 250), "forger");
        forge(door, &visit, 0).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_forges_is_refused_and_may_try_again_later() {
    let door = open();
    let forger = from(&door, "192.0.2.1", "forger");
    for _ in 0..QUOTAS.source {
        forge(&door, &forger, 0).await.unwrap();
    }
    let wait = enter(&door, &forger).await.unwrap_err();
    assert!(wait > Duration::from_secs(1) && wait <= Duration::from_secs(6), "{wait:?}");
    // However it looks; and nobody else.
    assert!(enter(&door, &from(&door, "192.0.2.1", "other")).await.is_err());
    assert_eq!(enter(&door, &from(&door, "192.0.2.2", "forger")).await, Ok(Lane::Strangers));
    assert_eq!(door.take_refused(), 2);
    advance(Duration::from_secs(6)).await;
    forge(&door, &forger, 0).await.unwrap();
    assert!(enter(&door, &forger).await.is_err());
    // In the end it is forgotten.
    advance(SUSPICION).await;
    for _ in 0..QUOTAS.source {
        forge(&door, &forger, 0).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn long_bodies_and_slow_ones_cost_more() {
    let door = open();
    let long = from(&door, "192.0.2.1", "forger");
    forge(&door, &long, 20 * BYTES_A_CELL).await.unwrap();
    assert!(enter(&door, &long).await.is_err());
    let slow = from(&door, "192.0.2.2", "forger");
    door.slow(&slow);
    assert!(enter(&door, &slow).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn neighbours_in_a_network_of_ipv6_are_one() {
    let door = open();
    for number in 0..QUOTAS.source {
        forge(&door, &from(&door, &format!("2001:db8:1:2::{number:x}"), "forger"), 0).await.unwrap();
    }
    assert!(enter(&door, &from(&door, "2001:db8:1:2:ffff::1", "forger")).await.is_err());
    assert!(enter(&door, &from(&door, "2001:db8:1:3::1", "forger")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn whoever_was_believed_is_never_held_up() {
    let door = open();
    let platform = from(&door, "198.51.100.1", "platform");
    assert_eq!(enter(&door, &platform).await, Ok(Lane::Strangers));
    assert!(door.believed(&platform) && !door.believed(&platform));
    assert_eq!(enter(&door, &platform).await, Ok(Lane::Believed));
    // As long as nobody forges from there, in whatever form it comes.
    assert_eq!(enter(&door, &from(&door, "198.51.100.1", "platform/2")).await, Ok(Lane::Believed));
    flood(&door).await;
    assert_eq!(enter(&door, &platform).await, Ok(Lane::Believed));
    // Forgers who share its address use up nothing of what it needs, until they look the same.
    let same_address = from(&door, "198.51.100.1", "forger");
    door.rejected(&same_address, STRANGER, 100 * BYTES_A_CELL, true);
    assert_eq!(enter(&door, &platform).await, Ok(Lane::Believed));
    // A connection that has just been believed is another sign.
    let new = from(&door, "198.51.100.1", "something new");
    assert_eq!(door.enter(&new, Record::Believed).await.map(|entry| entry.lane), Ok(Lane::Believed));
    advance(BELIEF_ENDS).await;
    assert_ne!(enter(&door, &platform).await, Ok(Lane::Believed));
}

const BELIEF_ENDS: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn a_secret_in_the_path_is_a_sign_wherever_it_comes_from() {
    let door = open();
    let visit = |address: &str, platform, token| {
        door.visit(&headers("platform"), Source::of(address.parse().unwrap()), platform, Some(token))
    };
    door.believed(&visit("198.51.100.1", "eventbrite", "secret"));
    flood(&door).await;
    assert_eq!(enter(&door, &visit("198.51.100.9", "eventbrite", "secret")).await, Ok(Lane::Believed));
    assert_eq!(enter(&door, &visit("198.51.100.9", "eventbrite", "guess")).await, Ok(Lane::Strangers));
    assert_eq!(enter(&door, &visit("198.51.100.9", "other", "secret")).await, Ok(Lane::Strangers));
    // One that is not believed any more, as after a rotation, is no sign.
    door.rejected(&visit("198.51.100.9", "eventbrite", "secret"), BELIEVED, 0, true);
    assert_eq!(enter(&door, &visit("198.51.100.8", "eventbrite", "secret")).await, Ok(Lane::Strangers));
}

#[tokio::test(start_paused = true)]
async fn belief_ends_with_the_first_forgery_of_the_same_look() {
    let door = open();
    let platform = from(&door, "198.51.100.1", "platform");
    door.believed(&platform);
    forge(&door, &platform, 0).await.unwrap();
    assert_eq!(enter(&door, &platform).await, Ok(Lane::Strangers));
    // For a while its look says nothing any more; its connection does.
    door.believed(&platform);
    assert_eq!(enter(&door, &platform).await, Ok(Lane::Strangers));
    assert_eq!(door.enter(&platform, Record::Believed).await.map(|entry| entry.lane), Ok(Lane::Believed));
    advance(Duration::from_secs(60)).await;
    assert_eq!(enter(&door, &platform).await, Ok(Lane::Believed));
}

#[tokio::test(start_paused = true)]
async fn of_an_address_of_which_both_are_known_so_many_are_judged() {
    let door = open();
    let platform = from(&door, "198.51.100.1", "platform");
    door.believed(&platform);
    door.rejected(&from(&door, "198.51.100.1", "forger"), STRANGER, 100 * BYTES_A_CELL, true);
    let began = Instant::now();
    let forgers: Vec<_> = (0..2000)
        .map(|_| {
            let (door, visit) = (Arc::clone(&door), from(&door, "198.51.100.1", "forger"));
            tokio::spawn(async move { forge(&door, &visit, 0).await })
        })
        .collect();
    tokio::task::yield_now().await;
    // Among them somebody new, with a look of his own; and then all who look like him.
    let others: Vec<_> = (0..20)
        .map(|_| {
            let (door, visit) = (Arc::clone(&door), from(&door, "198.51.100.1", "platform/2"));
            tokio::spawn(async move {
                let entry = door.enter(&visit, Record::None).await;
                door.believed(&visit);
                entry.is_ok()
            })
        })
        .collect();
    for other in others {
        assert!(other.await.unwrap());
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let mut judged = 0;
    for forger in forgers {
        judged += u32::from(forger.await.unwrap().is_ok());
    }
    // A second's worth at once would be too many.
    assert!(judged <= 550, "{judged}");
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_gets_through_however_many_forge() {
    let door = open();
    flood(&door).await;
    // A thousand addresses that have forged before stand at the door.
    let mut forgers = Vec::new();
    for number in 0..1000 {
        let (door, visit) = (Arc::clone(&door), from(&door, &format!("203.0.113.{}", number % 100), "forger"));
        door.rejected(&visit, STRANGER, 0, false);
        forgers.push(tokio::spawn(async move { forge(&door, &visit, 0).await }));
    }
    tokio::task::yield_now().await;
    let began = Instant::now();
    let newcomer = from(&door, "198.51.100.7", "platform");
    assert_eq!(enter(&door, &newcomer).await, Ok(Lane::Strangers));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // Believed, it takes along those who came with it, and waits no more.
    assert!(door.believed(&newcomer));
    assert_eq!(enter(&door, &newcomer).await, Ok(Lane::Believed));
    // The forgers have come in as slowly as the platform takes them, or not at all.
    let mut entered = 0;
    for forger in forgers {
        entered += u32::from(forger.await.unwrap().is_ok());
    }
    let limit = f64::from(QUOTAS.platform) / 60.0 * WAIT_MAX.as_secs_f64();
    assert!(f64::from(entered) <= limit + 2.0, "{entered} of at most {limit}");
}

#[tokio::test(start_paused = true)]
async fn those_who_came_with_a_newcomer_come_in_with_it() {
    let door = open();
    flood(&door).await;
    let newcomer = from(&door, "198.51.100.7", "platform");
    let others: Vec<_> = (0..50)
        .map(|_| {
            let (door, visit) = (Arc::clone(&door), newcomer.clone());
            tokio::spawn(async move { enter(&door, &visit).await })
        })
        .collect();
    tokio::task::yield_now().await;
    door.believed(&newcomer);
    let began = Instant::now();
    let mut believed = 0;
    for other in others {
        believed += u32::from(other.await.unwrap() == Ok(Lane::Believed));
    }
    assert!(believed >= 45 && began.elapsed() < TURN, "{believed}");
}

#[tokio::test(start_paused = true)]
async fn names_without_end_share_one_guard_and_leave_real_platforms_alone() {
    let door = open();
    for number in 0..5000 {
        let address = format!("203.0.{}.{}", number / 250, number % 250);
        let visit = door.visit(&headers("x"), Source::of(address.parse().unwrap()), &format!("p{number}"), None);
        door.rejected(&visit, STRANGER, 0, false);
    }
    assert_eq!(lock(&door.state).guards.len(), 1);
    let visit = door.visit(&headers("x"), Source::of("198.51.100.1".parse().unwrap()), "humanitix", None);
    door.rejected(&visit, STRANGER, 0, true);
    let began = Instant::now();
    assert!(enter(&door, &from(&door, "198.51.100.2", "platform")).await.is_ok());
    assert!(began.elapsed() < TURN);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded_and_strangers_push_nobody_out() {
    let door = open();
    let platform = from(&door, "198.51.100.1", "platform");
    door.believed(&platform);
    for number in 0..3 * SUSPECTS_MAX as u32 {
        let visit = from(&door, &std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string(), "forger");
        door.rejected(&visit, STRANGER, 0, true);
    }
    assert_eq!(door.counts().0, SUSPECTS_MAX);
    assert_eq!(enter(&door, &platform).await, Ok(Lane::Believed));
    for number in 0..20_000_u32 {
        door.believed(&from(&door, &std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string(), "open"));
    }
    assert!(lock(&door.state).belief.len() <= 8192);
}

#[tokio::test(start_paused = true)]
async fn without_quotas_everybody_comes_in() {
    let door = Door::new(Quotas { source: 0, platform: 0 });
    let forger = from(&door, "192.0.2.1", "forger");
    for _ in 0..1000 {
        forge(&door, &forger, 1 << 20).await.unwrap();
    }
    assert_eq!(door.counts(), (0, 0));
}

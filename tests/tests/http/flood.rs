//! Floods: of forgeries, of bodies that stand still, of connections that say nothing. Signed deliveries get through, from
//! the same address and from others. Against the real worker and a real database.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use boxoffice_tests::body::envelope;
use boxoffice_tests::http::{Connection, stream_from};
use boxoffice_tests::scene::{SECRET, TOKEN, bytes};
use boxoffice_tests::{Database, Result, Scene, body, sign};
use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x7f01_0000 + u32::try_from(number).unwrap_or_default())
}

/// A signed delivery over a connection of its own; the status.
async fn signed(scene: &Scene, from: Ipv4Addr, order: &str) -> Result<u16> {
    let body = bytes(&envelope("order.created", order));
    let signature = sign::hex(SECRET, &body);
    let headers = [("x-humanitix-signature", signature.as_str()), ("user-agent", "a platform")];
    let mut connection = Connection::open_from(from, scene.worker.address()).await?;
    let answer = connection.send(Method::POST, "/webhooks/humanitix", &headers, body).await?;
    Ok(scene.keep(&answer)?.status)
}

/// Forges over one connection after the other until it is told to stop; counts 401 and 429.
struct Flood {
    stop: Arc<AtomicBool>,
    forgers: JoinSet<()>,
    counts: Arc<[AtomicUsize; 2]>,
}

impl Flood {
    fn begin(scene: &Scene, forgers: usize, from: impl Fn(usize) -> Ipv4Addr, body: Vec<u8>) -> Flood {
        let (stop, counts) = (Arc::new(AtomicBool::new(false)), Arc::<[AtomicUsize; 2]>::default());
        let mut set = JoinSet::new();
        for number in 0..forgers {
            let (from, stop, counts, body) = (from(number), Arc::clone(&stop), Arc::clone(&counts), body.clone());
            let target = scene.worker.address().to_owned();
            set.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut connection) = Connection::open_from(from, &target).await else { continue };
                    let headers = [("x-humanitix-signature", "00"), ("user-agent", "a forger")];
                    let answer = connection.send(Method::POST, "/webhooks/humanitix", &headers, body.clone()).await;
                    match answer.map(|answer| answer.status) {
                        Ok(401) => counts[0].fetch_add(1, Ordering::Relaxed),
                        Ok(429) => counts[1].fetch_add(1, Ordering::Relaxed),
                        _ => 0,
                    };
                }
            });
        }
        Flood { stop, forgers: set, counts }
    }

    /// How many the database has seen, and how many were refused before.
    async fn end(mut self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        while self.forgers.join_next().await.is_some() {}
        (self.counts[0].load(Ordering::Relaxed), self.counts[1].load(Ordering::Relaxed))
    }

    async fn refused(&self) {
        while self.counts[1].load(Ordering::Relaxed) < 20 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_forgeries_reaches_the_database_as_a_trickle() -> Result {
    for body in [b"forged".to_vec(), vec![b'x'; 1 << 20]] {
        let scene = Scene::open().await?;
        assert_eq!(signed(&scene, HERE, "before").await?, 200);
        let flood = Flood::begin(&scene, 48, |_| address(1), body);
        flood.refused().await;
        for number in 0..100 {
            assert_eq!(signed(&scene, HERE, &format!("o{number}")).await?, 200);
        }
        // A newcomer as well.
        assert_eq!(signed(&scene, address(2), "new").await?, 200);
        flood.end().await;
        let counted: i64 = scene.value("SELECT sum(count)::bigint FROM webhook_rejections").await?;
        // A minute's worth, what was on its way when it was used up, and what has come back since.
        assert!(counted < 60 + 48 + 60, "{counted}");
        scene.acknowledged_is_kept().await?;
        scene.logs_are_clean()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn forgers_who_share_the_address_of_the_platform_do_not_keep_it_out() -> Result {
    let scene = Scene::open().await?;
    assert_eq!(signed(&scene, HERE, "before").await?, 200);
    // The connection that is kept was believed, and whoever looks like it.
    let mut kept = Connection::open(scene.worker.address()).await?;
    let mut over_kept = async |order: &str| -> Result<u16> {
        let body = bytes(&envelope("order.created", order));
        let signature = sign::hex(SECRET, &body);
        let headers = [("x-humanitix-signature", signature.as_str()), ("x-kept", "y")];
        Ok(scene.keep(&kept.send(Method::POST, "/webhooks/humanitix", &headers, body).await?)?.status)
    };
    assert_eq!(over_kept("kept").await?, 200);
    let flood = Flood::begin(&scene, 48, |_| HERE, b"forged".to_vec());
    while scene.metric("boxoffice_ingress_waiting_at_the_door").await? < 20.0 {
        tokio::task::yield_now().await;
    }
    for number in 0..50 {
        assert_eq!(signed(&scene, HERE, &format!("o{number}")).await?, 200);
        assert_eq!(over_kept(&format!("k{number}")).await?, 200);
    }
    // And the secret in the path, from wherever it comes.
    let hint = bytes(&body::hint("order.placed", &body::order_url("1")));
    assert_eq!(scene.eventbrite(hint.clone()).await?.status, 200);
    let mut elsewhere = Connection::open_from(address(9), scene.worker.address()).await?;
    let answer = elsewhere.send(Method::POST, &format!("/webhooks/eventbrite/{TOKEN}"), &[], hint).await?;
    assert_eq!(scene.keep(&answer)?.status, 200);
    flood.end().await;
    scene.acknowledged_is_kept().await
}

#[tokio::test(flavor = "multi_thread")]
async fn forgers_with_many_addresses_are_bounded_and_a_newcomer_gets_through() -> Result {
    let settings = [("BOXOFFICE_PLATFORM_REJECTED", "120")];
    let scene = Scene::open_with(Database::create().await?, &settings).await?;
    assert_eq!(signed(&scene, HERE, "before").await?, 200);
    // Each address forges for the first time, over and over.
    let next = Arc::new(AtomicUsize::new(100));
    let mut forgers = JoinSet::new();
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..64 {
        let (next, stop, target) = (Arc::clone(&next), Arc::clone(&stop), scene.worker.address().to_owned());
        forgers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let from = address(next.fetch_add(1, Ordering::Relaxed));
                let Ok(mut connection) = Connection::open_from(from, &target).await else { continue };
                let _ = connection
                    .send(Method::POST, "/webhooks/humanitix", &[("x-humanitix-signature", "00")], "forged")
                    .await;
            }
        });
    }
    while scene.metric("boxoffice_ingress_waiting_at_the_door").await? < 50.0 {
        tokio::task::yield_now().await;
    }
    let since = Instant::now();
    let before: i64 = scene.value("SELECT sum(count)::bigint FROM webhook_rejections").await?;
    for number in 0..50 {
        assert_eq!(signed(&scene, HERE, &format!("o{number}")).await?, 200);
    }
    let mut tries = 0;
    while signed(&scene, address(1), "new").await? != 200 {
        tries += 1;
        assert!(tries < 20, "a newcomer does not get through");
    }
    assert_eq!(signed(&scene, address(1), "believed now").await?, 200);
    stop.store(true, Ordering::Relaxed);
    while forgers.join_next().await.is_some() {}
    let after: i64 = scene.value("SELECT sum(count)::bigint FROM webhook_rejections").await?;
    assert!(before <= 120 + 64, "{before}");
    // Two a second, and those that were on their way.
    let most = since.elapsed().as_secs() as i64 * 2 + 64;
    assert!(after - before <= most, "{} of at most {most} after {tries} tries", after - before);
    scene.acknowledged_is_kept().await
}

/// Connections that have sent all but the last byte of a body of a megabyte, as far as they could.
async fn stalled(scene: &Scene, count: usize, from: impl Fn(usize) -> Ipv4Addr) -> Result<Vec<tokio::net::TcpStream>> {
    let mut all = Vec::new();
    let head = b"POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n";
    let body = vec![b'x'; (1 << 20) - 1];
    for number in 0..count {
        let mut stream = stream_from(from(number), scene.worker.address()).await?;
        stream.write_all(head).await?;
        // The worker may give it up meanwhile.
        let _ = stream.write_all(&body).await;
        all.push(stream);
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_stand_still_refuse_nobody() -> Result {
    for same_address in [true, false] {
        let scene = Scene::open().await?;
        let from = |number| if same_address { HERE } else { address(number) };
        let _stalled = stalled(&scene, 64, from).await?;
        for number in 0..50 {
            assert_eq!(signed(&scene, HERE, &format!("o{number}")).await?, 200, "{same_address}");
        }
        // They are gone before long, and their memory with them.
        boxoffice_tests::hold::until("all of it is free", async || {
            Ok(scene.metric("boxoffice_ingress_buffered_bytes").await? == 0.0)
        })
        .await?;
        assert_eq!(scene.count("webhook_logs").await?, 50);
        scene.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_keep_nobody_out() -> Result {
    let settings = [
        ("BOXOFFICE_MAX_CONNECTIONS", "100"),
        ("BOXOFFICE_HEADER_SECONDS", "600"),
        ("BOXOFFICE_SOURCE_CONNECTIONS", "40"),
    ];
    for (addresses, silent_ones) in [(1, 70), (50, 300)] {
        let scene = Scene::open_with(Database::create().await?, &settings).await?;
        let (stop, target) = (Arc::new(AtomicBool::new(false)), scene.worker.address().to_owned());
        // They come back whenever they are closed.
        let mut silent = JoinSet::new();
        for number in 0..silent_ones {
            let (stop, target) = (Arc::clone(&stop), target.clone());
            silent.spawn(async move {
                let from = if addresses == 1 { HERE } else { address(number % addresses) };
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut stream) = stream_from(from, &target).await else { continue };
                    let _ = stream.write_all(b"POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\n").await;
                    let mut answer = [0];
                    let end = stream.read(&mut answer);
                    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), end).await;
                }
            });
        }
        while scene.metric("boxoffice_ingress_http_connections").await? < 35.0 {
            tokio::task::yield_now().await;
        }
        for number in 0..38 {
            assert_eq!(signed(&scene, HERE, &format!("o{number}")).await?, 200, "{addresses} {number}");
        }
        stop.store(true, Ordering::Relaxed);
        while silent.join_next().await.is_some() {}
        scene.close().await?;
    }
    Ok(())
}

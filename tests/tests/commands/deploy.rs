//! The files in `docs/deploy`: they do what the documents say.

use std::fs;
use std::path::Path;
use std::process::Command;

use boxoffice_tests::body::{self, PEOPLE, envelope};
use boxoffice_tests::hold::until;
use boxoffice_tests::nginx::Nginx;
use boxoffice_tests::scene::{SECRET, TOKEN, bytes};
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Database, Result, Scene, environment, sign};

#[tokio::test(flavor = "multi_thread")]
async fn nginx_carries_both_families_and_logs_no_secret() -> Result {
    let scene = Scene::open_with(Database::create().await?, &[("BOXOFFICE_TRUSTED_PROXIES", "127.0.0.1")]).await?;
    let nginx = Nginx::start(scene.worker.address())?;
    let signed = |path: &str, order: &str| {
        let body = bytes(&envelope("order.created", order));
        let signature = format!("x-humanitix-signature: {}", sign::hex(SECRET, &body));
        // What a sender says about his own address counts for nothing.
        nginx.post("127.0.0.5", path, &[&signature, "x-forwarded-for: 192.0.2.99"], &body)
    };
    assert_eq!(signed("/webhooks/humanitix", "o1")?, 200);
    assert_eq!(signed("/functions/v1/humanitix-webhook", "o2")?, 200);
    let hint = bytes(&body::hint("order.placed", &body::order_url("1")));
    for path in ["/webhooks/eventbrite", "/functions/v1/eventbrite-webhook"] {
        assert_eq!(nginx.post("127.0.0.6", &format!("{path}/{TOKEN}"), &[], &hint)?, 200, "{path}");
        assert_eq!(nginx.post("127.0.0.6", &format!("{path}/{TOKEN}-wrong?{TOKEN}"), &[], &hint)?, 401, "{path}");
    }
    let senders = "SELECT platform, headers->>':remote-addr', count(*) FROM webhook_logs GROUP BY 1, 2 ORDER BY 1";
    assert_eq!(lines(&scene.client, senders).await?, ["eventbrite|127.0.0.6|2", "humanitix|127.0.0.5|2"]);
    // The body comes as it was sent, to the last byte of the longest.
    let mut longest = bytes(&envelope("order.created", "long"));
    longest.resize(1 << 20, b' ');
    let signature = format!("x-humanitix-signature: {}", sign::hex(SECRET, &longest));
    assert_eq!(nginx.post("127.0.0.5", "/webhooks/humanitix", &[&signature], &longest)?, 200);
    assert_eq!(line(&scene.client, "SELECT max(length(body)) FROM webhook_logs").await?, (1 << 20).to_string());

    // Everything that goes wrong: too long, unknown, not for the world, mistyped, the worker away.
    let path = format!("/webhooks/eventbrite/{TOKEN}");
    assert_eq!(nginx.post("127.0.0.6", &path, &[], &vec![b'x'; (1 << 20) + 1])?, 413);
    for other in ["/ready", "/metrics", &format!("/webhook/eventbrite/{TOKEN}"), &format!("//{TOKEN}")] {
        assert_eq!(nginx.post("127.0.0.6", other, &[], b"{}")?, 404, "{other}");
    }
    scene.acknowledged_is_kept().await?;
    scene.logs_are_clean()?;
    let mut scene = scene;
    scene.worker.sigkill()?;
    assert_eq!(nginx.post("127.0.0.6", &path, &[], &hint)?, 502);
    // It writes the line after the answer.
    let last = " POST /webhooks/eventbrite 502 ";
    until("the last request is logged", async || Ok(nginx.access_log()?.contains(last))).await?;
    let log = nginx.access_log()?;
    for expected in [
        " POST /webhooks/eventbrite 200 ",
        " POST /functions/v1/eventbrite-webhook 200 ",
        " POST /functions/v1/humanitix-webhook 200 ",
        " POST /webhooks/eventbrite 413 ",
        " POST (other) 404 ",
        "127.0.0.5 [",
    ] {
        assert!(log.contains(expected), "{expected:?} is not in\n{log}");
    }
    let everything = nginx.logs()?;
    // The main log is there, and says more than any installation's would.
    assert!(everything.contains("worker process"), "{everything}");
    for word in PEOPLE.into_iter().chain([SECRET, TOKEN]) {
        let found: Vec<&str> = everything.lines().filter(|line| line.contains(word)).collect();
        assert!(found.is_empty(), "{word} was logged: {found:#?}");
    }
    Ok(())
}

/// The unit with another program, in a file of the same name.
fn unit(program: &Path) -> Result<std::path::PathBuf> {
    let dir = Path::new(&environment::required(environment::DIR)?).join(format!("unit-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy/boxoffice-ingress.service");
    let text = fs::read_to_string(source)?;
    let theirs = "ExecStart=/usr/local/bin/boxoffice-ingress\n";
    assert!(text.contains(theirs) && text.contains("[Install]\nWantedBy=multi-user.target"), "{text}");
    let file = dir.join("boxoffice-ingress.service");
    fs::write(&file, text.replace(theirs, &format!("ExecStart={}\n", program.display())))?;
    Ok(file)
}

#[test]
fn the_unit_is_right_and_exposes_little() -> Result {
    let analyze = environment::system_program("systemd-analyze")?;
    let file = unit(Path::new(&environment::required(environment::INGRESS)?))?;
    let verify = Command::new(&analyze).arg("verify").arg(&file).output()?;
    let said = String::from_utf8_lossy(&verify.stderr).into_owned();
    let about_it: Vec<&str> = said.lines().filter(|line| line.contains("boxoffice")).collect();
    assert!(verify.status.success() && about_it.is_empty(), "{said}");
    let exposure = |threshold: &str| {
        let security =
            ["security", "--offline=true", "--no-pager", &format!("--threshold={threshold}")].map(str::to_owned);
        Command::new(&analyze).args(security).arg(&file).output()
    };
    let security = exposure("30")?;
    assert!(security.status.success(), "{}", String::from_utf8_lossy(&security.stdout));
    assert!(!exposure("1")?.status.success(), "nothing is exposed so little: the threshold does not count");
    Ok(())
}

#[test]
fn the_worker_gets_all_its_settings_from_the_file_that_the_unit_names() -> Result {
    // What systemd makes of the file is an environment; a worker that needs more would not start.
    let output = Command::new(environment::required(environment::INGRESS)?)
        .arg("--check")
        .env_clear()
        .env("INGRESS_DATABASE_URL", "postgres://worker:hidden@db.example/tickets?sslmode=verify-full")
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("hidden@"));
    Ok(())
}

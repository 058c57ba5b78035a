//! The program itself: arguments, exit codes, signals, log lines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is how a test fails")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boxoffice-ingress"));
    command.env_clear();
    command
}

fn output(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A worker whose database is nowhere.
fn running() -> (Child, BufReader<ChildStderr>, String) {
    let mut child = program()
        .args(["--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", "host=/nonexistent user=u password=hunter2 dbname=d")
        .env("DEBUG_WEBHOOKS", "true")
        .env("HUMANITIX_API_URL", "http://127.0.0.1:1")
        .env("HUMANITIX_API_KEY", "hunter2-key")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let listening = wait_for(&mut log, "listening");
    let address = listening["address"].as_str().unwrap().to_owned();
    assert!(!address.ends_with(":0") && !listening.to_string().contains("hunter2"));
    let fetching = wait_for(&mut log, "fetching");
    assert_eq!(fetching["accounts"], serde_json::json!(["humanitix/default"]));
    (child, log, address)
}

fn wait_for(log: &mut BufReader<ChildStderr>, event: &str) -> Value {
    loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ended before `{event}`");
        assert!(!line.contains("hunter2"), "{line}");
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["event"] == event {
            return line;
        }
    }
}

fn signal(child: &Child, name: &str) {
    // The shell's own: a small system has no program of that name.
    let command = format!("kill {name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

#[test]
fn help_version_and_check() {
    let (code, help, _) = output(program().arg("--help"));
    assert!(code == 0 && help.contains("BOXOFFICE_LISTEN") && help.contains("set_webhook_secret"));
    let (code, version, _) = output(program().arg("--version"));
    assert_eq!((code, version), (0, format!("boxoffice-ingress {}\n", env!("CARGO_PKG_VERSION"))));
    let mut checked = program();
    checked
        .arg("--check")
        .env("DATABASE_URL", "postgres://u:hunter2@h/d")
        .env("EVENTBRITE_OAUTH_TOKEN", "hunter2hunter2");
    let (code, check, _) = output(&mut checked);
    assert!(code == 0 && check.contains("user=u") && !check.contains("hunter2"), "{check}");
}

#[test]
fn wrong_usage_is_64_and_names_itself() {
    for (name, value, named) in [
        ("BOXOFFICE_QUEUE_MAX", "none", "BOXOFFICE_QUEUE_MAX"),
        ("PGSSLROOTCERT", "/nonexistent.pem", "PGSSLROOTCERT"),
        ("INGRESS_DATABASE_URL", "nonsense", "INGRESS_DATABASE_URL"),
        ("HUMANITIX_API_KEY", "your_api_key", "HUMANITIX_API_KEY"),
        ("HUMANITIX_API_URL", "http://api.humanitix.com", "HUMANITIX_API_URL"),
        ("BOXOFFICE_FETCH_ROOT_CERT", "/nonexistent.pem", "BOXOFFICE_FETCH_ROOT_CERT"),
        ("BOXOFFICE_CREDENTIALS_FILE", "Cargo.toml", "chmod 600"),
    ] {
        let (code, _, log) = output(program().env("DATABASE_URL", "postgres://u@h/d").env(name, value));
        assert!(code == 64 && log.contains(named), "{code} {log}");
    }
    let (code, _, log) = output(program().arg("--wrong"));
    assert!(code == 64 && log.contains("--wrong"), "{code} {log}");
    assert_eq!(output(&mut program()).0, 64, "no database");
    let address = "203.0.113.1:80";
    let (code, _, log) = output(program().env("DATABASE_URL", "postgres://u@h/d").env("BOXOFFICE_LISTEN", address));
    assert!(code == 1 && log.contains("BOXOFFICE_LISTEN"), "{code} {log}");
}

#[test]
fn a_signal_stops_it_cleanly_and_the_log_tells_no_secrets() {
    for name in ["-TERM", "-INT"] {
        let (mut child, mut log, address) = running();
        let mut wire = TcpStream::connect(&address).unwrap();
        let head = "POST /webhooks/humanitix/s3cret-token?q=s3cret-query HTTP/1.1\r\nhost: x\r\nx-signature: s3cret-header\r\n";
        write!(wire, "{head}connection: close\r\ncontent-length: 11\r\n\r\ns3cret-body").unwrap();
        let mut reply = String::new();
        wire.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 503 "), "{reply}");
        let request = wait_for(&mut log, "request");
        assert_eq!(request["path"], "/webhooks/humanitix/***");
        assert_eq!(request["body_bytes"], 11);
        assert!(!request.to_string().contains("s3cret"), "{request}");
        signal(&child, name);
        wait_for(&mut log, "stopped");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_second_signal_stops_it_at_once() {
    let (mut child, mut log, address) = running();
    let mut wire = TcpStream::connect(&address).unwrap();
    // A request that has begun holds the worker up.
    wire.write_all(
        b"POST /webhooks/humanitix HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n",
    )
    .unwrap();
    let mut interim = [0; 12];
    wire.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100");
    signal(&child, "-TERM");
    wait_for(&mut log, "stopping");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

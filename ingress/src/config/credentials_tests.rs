use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use super::*;

struct Map(BTreeMap<String, String>);

impl Strings for Map {
    fn get(&self, name: &str) -> Result<Option<String>, UsageError> {
        Ok(self.0.get(name).cloned())
    }
}

fn of(pairs: &[(&str, &str)]) -> Result<Vec<Account>, String> {
    let map = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    accounts(&Map(map)).map_err(|error| error.0)
}

/// A file of this test's own, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &[u8], mode: u32) -> Scratch {
        let path = std::env::temp_dir().join(format!("boxoffice-credentials-{}-{name}", std::process::id()));
        let mut file = File::create(&path).unwrap();
        file.write_all(text).unwrap();
        file.set_permissions(fs::Permissions::from_mode(mode)).unwrap();
        Scratch(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn variables() {
    assert!(of(&[]).unwrap().is_empty());
    let both = of(&[("EVENTBRITE_OAUTH_TOKEN", "TOKEN123"), ("HUMANITIX_API_KEY", "KEY45678")]).unwrap();
    let names: Vec<&str> = both.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["eventbrite/default", "humanitix/default"]);
    assert_eq!((both[0].header.as_str(), both[0].value.as_bytes()), ("authorization", &b"Bearer TOKEN123"[..]));
    assert_eq!((both[1].header.as_str(), both[1].value.as_bytes()), ("x-api-key", &b"KEY45678"[..]));
    assert_eq!(both[0].base.join("/v3/x").unwrap(), "https://www.eventbriteapi.com/v3/x");
    assert_eq!(both[1].base.join("/v1/x").unwrap(), "https://api.humanitix.com/v1/x");
    let shown = format!("{both:?}");
    assert!(!shown.contains("TOKEN123") && !shown.contains("KEY45678"), "{shown}");
}

#[test]
fn what_is_no_credential() {
    let long = "x".repeat(4097);
    for wrong in [
        "",
        " ",
        "short",
        "with space",
        "tab\there8",
        "new-line\n",
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        "your_api_key",
        "YOUR_SECRET",
        "put_your_key_here",
        "changeme123",
        "\"quoted12\"",
        "'quoted12'",
        "<api-key>",
        &long,
    ] {
        let message = of(&[("HUMANITIX_API_KEY", wrong)]).expect_err(wrong);
        assert!(message.starts_with("HUMANITIX_API_KEY: "), "{message}");
        assert!(wrong.trim().is_empty() || !message.contains(wrong), "{message}");
    }
    assert!(of(&[("HUMANITIX_API_KEY", &"x".repeat(4096))]).is_ok());
}

#[test]
fn a_wrong_url_names_itself_and_nothing_in_it() {
    for url in ["http://api.humanitix.com", "ftp://x", "https://u:hunter2@x", "x", ""] {
        let message = of(&[("HUMANITIX_API_URL", url)]).expect_err(url);
        assert!(message.starts_with("HUMANITIX_API_URL (--humanitix-api-url): "), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_file_of_further_accounts() {
    let text = b"# comment\n\n  # indented\nhumanitix second key-number-2\r\n\teventbrite\tb_1-x  token-number-3  \n";
    let file = Scratch::new("good", text, 0o600);
    let all = of(&[("BOXOFFICE_CREDENTIALS_FILE", file.path()), ("HUMANITIX_API_KEY", "key-number-1")]).unwrap();
    let seen: Vec<(&str, &[u8])> = all.iter().map(|one| (one.name.as_str(), one.value.as_bytes())).collect();
    assert_eq!(
        seen,
        [
            ("eventbrite/b_1-x", &b"Bearer token-number-3"[..]),
            ("humanitix/default", b"key-number-1"),
            ("humanitix/second", b"key-number-2")
        ]
    );
    let read_only = Scratch::new("read-only", text, 0o400);
    assert_eq!(of(&[("BOXOFFICE_CREDENTIALS_FILE", read_only.path())]).unwrap().len(), 2);
}

#[test]
fn a_wrong_line_is_named_and_not_shown() {
    let many = format!("humanitix {} S3cret-number", "a".repeat(41));
    for (name, line) in [
        ("one", "S3cret-number"),
        ("two", "humanitix S3cret-number"),
        ("four", "humanitix a S3cret-number b"),
        ("platform", "S3cret-number a 12345678"),
        ("capital", "humanitix A S3cret-number"),
        ("slash", "humanitix a/b S3cret-number"),
        ("long", many.as_str()),
        ("short", "humanitix a S3cret-"),
        ("quoted", "humanitix a 'S3cret-number'"),
    ] {
        let file = Scratch::new(name, format!("# first\n{line}\n").as_bytes(), 0o600);
        let message = of(&[("BOXOFFICE_CREDENTIALS_FILE", file.path())]).expect_err(line);
        let start = "BOXOFFICE_CREDENTIALS_FILE (--credentials-file): line 2: ";
        assert!(message.starts_with(start) && !message.contains("S3cret"), "{message}");
    }
}

#[test]
fn an_account_is_given_once() {
    let twice = Scratch::new("twice", b"humanitix a 12345678\nhumanitix a 87654321\n", 0o600);
    let message = of(&[("BOXOFFICE_CREDENTIALS_FILE", twice.path())]).unwrap_err();
    assert!(message.ends_with("line 2: humanitix/a is given twice"), "{message}");
    let default = Scratch::new("default", b"eventbrite default 12345678\n", 0o600);
    let message = of(&[("BOXOFFICE_CREDENTIALS_FILE", default.path()), ("EVENTBRITE_OAUTH_TOKEN", "TOKEN123")]);
    assert!(message.unwrap_err().ends_with("line 1: eventbrite/default is given twice"));
    assert_eq!(of(&[("BOXOFFICE_CREDENTIALS_FILE", default.path())]).unwrap().len(), 1);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    for mode in [0o640, 0o604, 0o644, 0o660, 0o610, 0o601, 0o666] {
        let file = Scratch::new("open", b"humanitix a 12345678\n", mode);
        let message = of(&[("BOXOFFICE_CREDENTIALS_FILE", file.path())]).expect_err("open to others");
        assert!(message.contains(&format!("mode {mode:04o}")) && message.contains("chmod 600 /"), "{message}");
    }
}

#[test]
fn what_is_no_file_of_credentials() {
    for path in ["/nonexistent", "/", "/dev/null"] {
        let message = of(&[("BOXOFFICE_CREDENTIALS_FILE", path)]).expect_err(path);
        assert!(message.starts_with("BOXOFFICE_CREDENTIALS_FILE"), "{message}");
    }
    let binary = Scratch::new("binary", b"humanitix a 1234\xff5678\n", 0o600);
    assert!(of(&[("BOXOFFICE_CREDENTIALS_FILE", binary.path())]).is_err());
    let huge = Scratch::new("huge", &vec![b'\n'; (FILE_MAX + 1) as usize], 0o600);
    assert!(of(&[("BOXOFFICE_CREDENTIALS_FILE", huge.path())]).is_err());
}

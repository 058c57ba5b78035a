use std::collections::BTreeMap;

use super::*;
use crate::config::settings::{Command, command, help};

struct Map(BTreeMap<String, String>);

impl Strings for Map {
    fn get(&self, name: &str) -> Result<Option<String>, UsageError> {
        Ok(self.0.get(name).cloned())
    }
}

fn map(pairs: &[(&str, &str)]) -> Map {
    let url = ("DATABASE_URL", "postgres://u:hunter2@db.example/x");
    Map([url].iter().chain(pairs).map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

fn error(name: &str, value: &str) -> String {
    Config::from_strings(&map(&[(name, value)])).unwrap_err().0
}

#[test]
fn defaults() {
    let config = Config::from_strings(&map(&[])).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080");
    assert_eq!((config.db_connections, config.batch_max, config.queue_max), (2, 256, 4096));
    assert_eq!((config.max_body_bytes, config.queue_bytes), (1 << 20, 64 << 20));
    assert_eq!((config.idle_timeout, config.drain_timeout), (Duration::from_secs(75), Duration::from_secs(20)));
    assert_eq!(config.quotas, Quotas { source: 60, platform: 600 });
    assert_eq!((config.source_connections, config.body_rate, config.pooler), (256, 1024, Pooler::Auto));
    assert!(*config.proxies == Proxies::default() && !config.debug);
    let fetch = &config.fetch;
    assert_eq!((fetch.concurrency, fetch.connections, fetch.max_bytes), (8, 2, 32 << 20));
    assert_eq!((fetch.timeout, fetch.connect_timeout), (Duration::from_secs(60), Duration::from_secs(10)));
    assert_eq!((fetch.poll, fetch.tasks), (Duration::from_secs(1), Duration::from_secs(5)));
    assert!(fetch.accounts.is_empty() && fetch.root_cert.is_none());
}

#[test]
fn ingress_database_url_wins() {
    let config = Config::from_strings(&map(&[("INGRESS_DATABASE_URL", "host=/run/pg user=w dbname=b")])).unwrap();
    assert_eq!(summary(&config.database), "host=/run/pg port=5432 user=w dbname=b sslmode=Prefer password=(none)");
    let none = Config::from_strings(&Map(BTreeMap::new())).unwrap_err().0;
    assert!(none.contains("INGRESS_DATABASE_URL") && none.contains("DATABASE_URL"), "{none}");
}

#[test]
fn a_wrong_value_names_its_variable_and_flag() {
    for (name, value) in [
        ("BOXOFFICE_BATCH_MAX", "0"),
        ("BOXOFFICE_BATCH_MAX", "many"),
        ("BOXOFFICE_MAX_HEADER_BYTES", "100"),
        ("BOXOFFICE_DB_CONNECTIONS", "-1"),
        ("BOXOFFICE_IDLE_SECONDS", "NaN"),
        ("BOXOFFICE_IDLE_SECONDS", "0"),
        ("BOXOFFICE_BODY_SECONDS", "1e9"),
        ("DEBUG_WEBHOOKS", "maybe"),
        ("BOXOFFICE_POOLER", "pgbouncer"),
        ("BOXOFFICE_TRUSTED_PROXIES", "true"),
        ("BOXOFFICE_SOURCE_CONNECTIONS", "0"),
        ("BOXOFFICE_SOURCE_REJECTED", "-1"),
        ("BOXOFFICE_PLATFORM_REJECTED", "1.5"),
        ("BOXOFFICE_BODY_BYTES_PER_SECOND", "slow"),
        ("BOXOFFICE_LISTEN", "8080"),
        ("BOXOFFICE_LISTEN", "host:70000"),
        ("BOXOFFICE_QUEUE_MAX", ""),
        ("BOXOFFICE_QUEUE_BYTES", "1000"),
        ("BOXOFFICE_FETCH_CONCURRENCY", "65"),
        ("BOXOFFICE_FETCH_CONNECTIONS", "0"),
        ("BOXOFFICE_FETCH_MAX_BYTES", "0"),
        ("BOXOFFICE_FETCH_POLL_SECONDS", "0"),
        ("BOXOFFICE_CREDENTIALS_FILE", "/nonexistent"),
        ("EVENTBRITE_API_URL", "http://www.eventbriteapi.com"),
    ] {
        let message = error(name, value);
        let flag = settings::all().iter().find(|setting| setting.name == name).unwrap().flag;
        assert!(message.starts_with(&format!("{name} ({flag}): ")), "{message}");
    }
}

#[test]
fn a_setting_that_is_gone_says_what_is_in_its_place() {
    let message = error("BOXOFFICE_TRUST_FORWARDED", "true");
    assert!(message.starts_with("BOXOFFICE_TRUSTED_PROXIES (--trusted-proxies): "), "{message}");
    let named = Config::from_strings(&map(&[("BOXOFFICE_TRUSTED_PROXIES", "10.0.0.0/8, ::1")])).unwrap();
    assert!(named.proxies.have("10.1.2.3".parse().unwrap()) && named.proxies.have("::1".parse().unwrap()));
}

#[test]
fn secrets_are_never_shown() {
    for url in
        ["postgres://u:hunter2@db:nope/x", "postgres://u:hunter2@db/x?hunter2=1", "hunter2", "postgres://u:hunter2@"]
    {
        let message = error("INGRESS_DATABASE_URL", url);
        assert!(message.starts_with("INGRESS_DATABASE_URL") && !message.contains("hunter2"), "{message}");
    }
    let strings = map(&[]);
    let config = Config::from_strings(&strings).unwrap();
    let shown = config.describe(&strings).unwrap();
    assert!(shown.contains("password=(hidden)") && shown.contains("BOXOFFICE_BATCH_MAX=256\n"), "{shown}");
    assert!(!shown.contains("hunter2") && !format!("{config:?}").contains("hunter2"));
    let keys = map(&[("HUMANITIX_API_KEY", "hunter2hunter2")]);
    let config = Config::from_strings(&keys).unwrap();
    let shown = config.describe(&keys).unwrap();
    assert!(
        shown.contains("HUMANITIX_API_KEY=(hidden)\n")
            && shown.contains("EVENTBRITE_API_URL=https://www.eventbriteapi.com\n"),
        "{shown}"
    );
    assert!(shown.contains("EVENTBRITE_OAUTH_TOKEN=(none)\n"), "{shown}");
    assert!(!shown.contains("hunter2") && !format!("{config:?}").contains("hunter2"));
    for flag in ["--humanitix-api-key=hunter2", "--eventbrite-oauth-token=hunter2"] {
        let message = command([flag.into()]).unwrap_err().0;
        assert!(message.starts_with("unknown --") && !message.contains("hunter2"), "{message}");
    }
    let unknown = command(["--databse-url=postgres://u:hunter2@db/x".into()]).unwrap_err().0;
    assert_eq!(unknown, "unknown --databse-url, see --help");
}

#[test]
fn flags_win_and_unknown_ones_are_named() {
    let args = ["--batch-max", "7", "--listen=[::1]:0"].map(Into::into);
    let Command::Run(flags) = command(args).unwrap() else { panic!("not a run") };
    let strings = settings::Layered { flags, under: map(&[("BOXOFFICE_BATCH_MAX", "9")]) };
    let config = Config::from_strings(&strings).unwrap();
    assert_eq!((config.batch_max, config.listen.as_str()), (7, "[::1]:0"));

    assert_eq!(command(["--nope".into()]).unwrap_err().0, "unknown --nope, see --help");
    assert_eq!(command(["secret".into()]).unwrap_err().0, "unknown argument, see --help");
    assert_eq!(command(["--batch-max".into()]).unwrap_err().0, "--batch-max: needs a value (deliveries)");
    assert_eq!(command(["--batch-max=1".into(), "--batch-max=2".into()]).unwrap_err().0, "--batch-max: given twice");
    assert_eq!(command(["--help".into()]), Ok(Command::Help));
    assert!(matches!(command(["--check".into()]), Ok(Command::Check(_))));
}

#[test]
fn help_names_every_setting_with_default_and_unit() {
    let help = help();
    for setting in settings::all() {
        assert!(help.contains(setting.name) && help.contains(setting.flag) && help.contains(setting.default));
        assert!(help.contains(&format!("[{}]", setting.unit)));
    }
    assert!(help.lines().all(|line| line.len() <= 120), "{help}");
}

#[test]
fn verify_full_is_understood() {
    let config =
        Config::from_strings(&map(&[("INGRESS_DATABASE_URL", "postgres://u@h/x?sslmode=verify-full")])).unwrap();
    assert_eq!(config.database.get_ssl_mode(), tokio_postgres::config::SslMode::Require);
}

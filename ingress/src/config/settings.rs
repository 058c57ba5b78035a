//! Every setting of the worker, in one table: the environment variable, the flag, the default, the unit and the
//! meaning. `--help` and `--check` are printed from it, so they are complete by construction.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::sync::OnceLock;

use boxoffice_core::platform::Access;

use crate::config::access;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Environment variable.
    pub name: &'static str,
    /// Flag that wins over the variable.
    pub flag: &'static str,
    /// What holds when neither is given; empty: nothing.
    pub default: &'static str,
    /// Unit of the value, or its form.
    pub unit: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// It is never shown.
    pub secret: bool,
}

macro_rules! settings {
    ($($id:ident, $name:literal, $flag:literal, $default:literal, $unit:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $id: Setting =
            Setting { name: $name, flag: $flag, default: $default, unit: $unit, meaning: $meaning, secret: false };)*
        const OWN: &[Setting] = &[$($id),*];
    };
}

settings! {
    INGRESS_DATABASE_URL, "INGRESS_DATABASE_URL", "--database-url", "", "URL", "Where the database is: postgres://user:password@host/db, or host=/socket/dir for a Unix socket. sslmode=disable, prefer (default: encrypted when the server can, certificate not checked), require or verify-full (both: encrypted, certificate and name checked). Prefer the variable: flags are seen by every user of the machine.";
    DATABASE_URL, "DATABASE_URL", "", "", "URL", "Used when INGRESS_DATABASE_URL is not set.";
    PGSSLROOTCERT, "PGSSLROOTCERT", "--ssl-root-cert", "", "path", "PEM file of the certificates that the database's certificate is checked against, instead of the system's. With it sslmode=prefer checks too.";
    POOLER, "BOXOFFICE_POOLER", "--pooler", "auto", "auto|session|transaction", "What sits between worker and database. transaction: a pooler that hands connections to others between transactions, such as PgBouncer with pool_mode=transaction; nothing is left in a session then: no prepared statements, SET LOCAL, asking in place of LISTEN. session: none, or one with pool_mode=session. auto: each connection is looked at, and behind any pooler it is as with transaction.";
    LISTEN, "BOXOFFICE_LISTEN", "--listen", "127.0.0.1:8080", "host:port", "Where to listen; port 0 takes a free one, which the log names.";
    DB_CONNECTIONS, "BOXOFFICE_DB_CONNECTIONS", "--db-connections", "2", "1..64", "Database connections that carry deliveries; one more is opened when /ready is asked.";
    BATCH_MAX, "BOXOFFICE_BATCH_MAX", "--batch-max", "256", "deliveries", "Most deliveries in one transaction.";
    BATCH_BYTES, "BOXOFFICE_BATCH_BYTES", "--batch-bytes", "8388608", "bytes", "Most bytes in one transaction; a single delivery may be longer.";
    BATCH_SECONDS, "BOXOFFICE_BATCH_SECONDS", "--batch-seconds", "15", "seconds", "A call to the database that takes longer is cancelled: 503.";
    QUEUE_MAX, "BOXOFFICE_QUEUE_MAX", "--queue-max", "4096", "deliveries", "More that wait for their turn are refused: 503.";
    QUEUE_BYTES, "BOXOFFICE_QUEUE_BYTES", "--queue-bytes", "67108864", "bytes", "Most bytes of bodies in memory, from the first byte read to the answer. When they are used up the slowest body that is still being read is given up: 503. A quarter is for bodies of up to 64 kB.";
    QUEUE_SECONDS, "BOXOFFICE_QUEUE_SECONDS", "--queue-seconds", "10", "seconds", "A delivery that has waited longer for its turn is refused: 503.";
    AWAY_SECONDS, "BOXOFFICE_AWAY_SECONDS", "--away-seconds", "2", "seconds", "How long deliveries wait for a database that is away; after that 503 at once until it is back.";
    CONNECT_SECONDS, "BOXOFFICE_CONNECT_SECONDS", "--connect-seconds", "5", "seconds", "Longest attempt to connect to the database.";
    MAX_BODY_BYTES, "BOXOFFICE_MAX_BODY_BYTES", "--max-body-bytes", "1048576", "bytes", "A longer body is refused: 413.";
    MAX_HEADER_BYTES, "BOXOFFICE_MAX_HEADER_BYTES", "--max-header-bytes", "16384", "bytes", "Request line and headers that are longer are refused: 431. More than 100 headers are refused too.";
    MAX_CONNECTIONS, "BOXOFFICE_MAX_CONNECTIONS", "--max-connections", "1024", "connections", "HTTP connections at a time. Then the one goes that makes least of its place: silent for more than a second, or slow; when all are at work, further ones wait in the kernel's queue.";
    SOURCE_CONNECTIONS, "BOXOFFICE_SOURCE_CONNECTIONS", "--source-connections", "256", "connections", "HTTP connections of one address at a time (of IPv6: of 64 bits of it), except of trusted proxies; beyond them the one goes that has been silent longest.";
    SOURCE_REJECTED, "BOXOFFICE_SOURCE_REJECTED", "--source-rejected", "60", "a minute", "Requests of one address that the database does not believe; further ones are refused before their bodies are read: 429. 64 kB of body cost as much as a request. 0: no limit.";
    PLATFORM_REJECTED, "BOXOFFICE_PLATFORM_REJECTED", "--platform-rejected", "600", "a minute", "The same for one platform, from all addresses together: then those who were not believed lately wait for a turn, up to 5 s, and are refused with 429 when none comes. 0: no limit.";
    HEADER_SECONDS, "BOXOFFICE_HEADER_SECONDS", "--header-seconds", "10", "seconds", "A request whose headers take longer loses its connection.";
    BODY_SECONDS, "BOXOFFICE_BODY_SECONDS", "--body-seconds", "15", "seconds", "A body that takes longer is refused: 408.";
    BODY_RATE, "BOXOFFICE_BODY_BYTES_PER_SECOND", "--body-bytes-per-second", "1024", "bytes", "A body that comes more slowly over 2 s is refused: 408. 0: no limit.";
    IDLE_SECONDS, "BOXOFFICE_IDLE_SECONDS", "--idle-seconds", "75", "seconds", "A connection without a request is closed after this; keep it longer than the proxy's own limit.";
    DRAIN_SECONDS, "BOXOFFICE_DRAIN_SECONDS", "--drain-seconds", "20", "seconds", "After SIGTERM or SIGINT: time for requests in flight to be committed and answered, and for fetches in flight to be handed over; fetches that are not done shortly before its end are given back.";
    CREDENTIALS_FILE, "BOXOFFICE_CREDENTIALS_FILE", "--credentials-file", "", "path", "Further accounts, one a line: platform account secret, for example `PLATFORM second-organiser KEY`; account: 1 to 40 of a-z, 0-9, _ and -. Empty lines and lines that begin with # do not count. Nobody but its owner may have access to it (chmod 600).";
    FETCH_CONCURRENCY, "BOXOFFICE_FETCH_CONCURRENCY", "--fetch-concurrency", "8", "0..64", "Answers of platforms that are asked for, read or handed over at a time; 0 switches the outbound pump off, with the database's due tasks. Memory for answers is at most about this plus twice BOXOFFICE_FETCH_CONNECTIONS, times BOXOFFICE_FETCH_MAX_BYTES.";
    FETCH_CONNECTIONS, "BOXOFFICE_FETCH_CONNECTIONS", "--fetch-connections", "2", "1..16", "Database connections of the outbound pump.";
    FETCH_SECONDS, "BOXOFFICE_FETCH_SECONDS", "--fetch-seconds", "60", "seconds", "Longest time from asking a platform to the last byte of its answer.";
    FETCH_CONNECT_SECONDS, "BOXOFFICE_FETCH_CONNECT_SECONDS", "--fetch-connect-seconds", "10", "seconds", "Longest attempt to connect to a platform: name, socket and TLS.";
    FETCH_MAX_BYTES, "BOXOFFICE_FETCH_MAX_BYTES", "--fetch-max-bytes", "33554432", "bytes", "A longer answer of a platform is given up.";
    FETCH_POLL_SECONDS, "BOXOFFICE_FETCH_POLL_SECONDS", "--fetch-poll-seconds", "1", "seconds", "How often the database is asked for something to fetch when nothing else gives reason to; once a minute at least, which also shows that the worker is there.";
    TASK_SECONDS, "BOXOFFICE_TASK_SECONDS", "--task-seconds", "5", "seconds", "How often the database is called to do what is due in it: retries, schedules.";
    FETCH_ROOT_CERT, "BOXOFFICE_FETCH_ROOT_CERT", "--fetch-root-cert", "", "path", "PEM file of the certificates that the platforms' certificates are checked against, instead of the system's.";
    TRUSTED_PROXIES, "BOXOFFICE_TRUSTED_PROXIES", "--trusted-proxies", "", "addresses", "Proxies in front, as addresses or networks separated by commas, for example `127.0.0.1, 10.0.0.0/8`. From these x-forwarded-for is believed: the sender is the last address in it that is not one of them. Without it every request through a proxy counts as the proxy's own.";
    DEBUG_WEBHOOKS, "DEBUG_WEBHOOKS", "--debug-webhooks", "false", "true|false", "One more log line for each request: id, method, path without token, sizes, outcome, times. Never bodies, header values or personal data.";
}

/// All settings, in the order of `--help`: our own, and among them those of each platform.
pub fn all() -> &'static [Setting] {
    static ALL: OnceLock<Vec<Setting>> = OnceLock::new();
    ALL.get_or_init(|| {
        let (before, after) =
            OWN.split_at(OWN.iter().take_while(|setting| setting.name != CREDENTIALS_FILE.name).count());
        let theirs = access::all().into_iter().flat_map(|(title, name, access)| of_platform(title, name, access));
        before.iter().copied().chain(theirs).chain(after.iter().copied()).collect()
    })
}

/// The setting of that variable; one that no platform and nobody else has is unknown.
pub fn named(name: &str) -> Option<&'static Setting> {
    all().iter().find(|setting| setting.name == name)
}

/// Where a platform is asked, and the credential of its account `default`. Made once, so what they say is never freed.
fn of_platform(title: &str, name: &str, access: &Access) -> [Setting; 2] {
    let flag = access.url_variable.to_ascii_lowercase().replace('_', "-");
    let mut credential = access.credential.to_owned();
    if let Some(first) = credential.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    [
        Setting {
            name: access.url_variable,
            flag: format!("--{flag}").leak(),
            default: access.url,
            unit: "URL",
            meaning: format!(
                "Where {title} is asked: https, host, perhaps port and path, without the version, which is part of the paths \
                 that the database asks for. http only for 127.0.0.1, ::1 and localhost: a credential must not travel in the clear."
            )
            .leak(),
            secret: false,
        },
        Setting {
            name: access.credential_variable,
            flag: "",
            default: "",
            unit: access.credential.rsplit(' ').next().unwrap_or_default(),
            meaning: format!(
                "{credential} of the account {name}/default, sent as {} to {} and nowhere else. Without it that account is not \
                 asked.",
                access::in_words(access.form),
                access.url_variable
            )
            .leak(),
            secret: true,
        },
    ]
}

/// Where values come from; a trait so that tests need no environment.
pub trait Strings {
    /// The value of a variable; `None` when it is not set. Fails when it is not text.
    fn get(&self, name: &str) -> Result<Option<String>, UsageError>;
}

/// The process's environment.
#[derive(Debug)]
pub struct Environment;

impl Strings for Environment {
    fn get(&self, name: &str) -> Result<Option<String>, UsageError> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(UsageError(format!("{name}: is not valid UTF-8"))),
        }
    }
}

/// Flags over another source.
#[derive(Debug)]
pub struct Layered<S> {
    /// Values of flags, by the variable's name.
    pub flags: BTreeMap<&'static str, String>,
    /// Asked for what no flag gives.
    pub under: S,
}

impl<S: Strings> Strings for Layered<S> {
    fn get(&self, name: &str) -> Result<Option<String>, UsageError> {
        match self.flags.get(name) {
            Some(value) => Ok(Some(value.clone())),
            None => self.under.get(name),
        }
    }
}

/// A flag or value that is not acceptable; the message names it. Ends the process with code 64 (`EX_USAGE`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Print the configuration and stop.
    Check(BTreeMap<&'static str, String>),
    /// Work.
    Run(BTreeMap<&'static str, String>),
}

/// Reads the arguments (without the program's name). `--flag value` and `--flag=value` are the same.
pub fn command(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut flags = BTreeMap::new();
    let mut check = false;
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        // Only the name of an unknown flag is repeated: a value may be a secret.
        let arg = arg.into_string().map_err(|_| UsageError("an argument is not valid UTF-8".to_owned()))?;
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        match (name, &value) {
            ("--help" | "-h", None) => return Ok(Command::Help),
            ("--version" | "-V", None) => return Ok(Command::Version),
            ("--check", None) => {
                check = true;
                continue;
            }
            _ => {}
        }
        let Some(setting) = all().iter().find(|setting| !setting.flag.is_empty() && setting.flag == name) else {
            let shown = if name.starts_with('-') { name } else { "argument" };
            return Err(UsageError(format!("unknown {shown}, see --help")));
        };
        let value = match value {
            Some(value) => value,
            None => args
                .next()
                .and_then(|value| value.into_string().ok())
                .ok_or_else(|| UsageError(format!("{name}: needs a value ({})", setting.unit)))?,
        };
        if flags.insert(setting.name, value).is_some() {
            return Err(UsageError(format!("{name}: given twice")));
        }
    }
    Ok(if check { Command::Check(flags) } else { Command::Run(flags) })
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "boxoffice-ingress: carries webhooks to the database, and what the database wants to know from the platforms.\n\n\
         Usage: boxoffice-ingress [--check] [FLAG VALUE]...\n\n\
         \x20 --check        print the configuration, without secrets, and stop\n\
         \x20 --version, -V  print the version and stop\n\
         \x20 --help, -h     print this and stop\n\n\
         Settings: a flag wins over its variable; an empty value is an error.\n\n",
    );
    for setting in all() {
        let flag = if setting.flag.is_empty() { String::new() } else { format!("  {}", setting.flag) };
        let default = if setting.default.is_empty() { "none" } else { setting.default };
        text.push_str(&format!("  {}{flag}  [{}]  default: {default}\n", setting.name, setting.unit));
        let mut column = 0;
        for word in setting.meaning.split(' ') {
            if column + word.len() > 100 {
                column = 0;
            }
            text.push_str(match column {
                0 if text.ends_with('\n') => "      ",
                0 => "\n      ",
                _ => " ",
            });
            text.push_str(word);
            column += word.len() + 1;
        }
        text.push_str("\n\n");
    }
    text.push_str(
        "Webhook secrets live in the database, where signatures are checked: set them with boxoffice.set_webhook_secret().\n\
         This process neither needs nor reads them.\n\n\
         Paths: POST /webhooks/PLATFORM[/TOKEN], POST /functions/v1/PLATFORM-webhook[/TOKEN]; GET /live, /ready, /metrics.\n\n\
         Exit codes: 0 stopped cleanly, 1 could not listen or not everything was finished in time, 64 wrong usage.\n",
    );
    text
}

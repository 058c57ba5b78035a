//! Runs what the documents show, where a reader would: a database as `make up` leaves it, the worker, `.boxoffice/env`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use anyhow::{Context as _, bail, ensure};
use boxoffice_tests::{Cluster, Database, Result, Worker};
use tokio_postgres::Config;

use crate::docs::markdown::{Example, project};

const SECRET: &str = "8d1f3ce0a2b94f5e";
const TOKEN: &str = "6b1e0c9d7a3f42588d1f3ce0a2b94f5e";

/// A reader's desk.
pub struct Desk {
    db: Database,
    folder: PathBuf,
    _worker: Worker,
}

impl Desk {
    /// Sets up what `make up` sets up, and files that examples read.
    pub async fn set_up(cluster: &Arc<Cluster>) -> Result<Desk> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let db = Database::create_on(cluster).await?;
        let client = db.client().await?;
        client.execute("SELECT boxoffice.set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
        client.execute("SELECT boxoffice.set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
        let worker = Worker::start(&db, &[]).await?;

        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("boxoffice-docs-{}-{number}", std::process::id()));
        fs::create_dir_all(folder.join(".boxoffice"))?;
        let service = folder.join(".boxoffice/pg_service.conf");
        let settings = format!(
            "DATABASE_URL='{}'\nexport PGSERVICEFILE='{}'\nBOXOFFICE_URL='{}'\nHUMANITIX_WEBHOOK_SECRET='{SECRET}'\nEVENTBRITE_PATH_TOKEN='{TOKEN}'\n",
            db.url(),
            service.display(),
            worker.url("")
        );
        fs::write(folder.join(".boxoffice/env"), settings)?;
        let url: Config = db.url().parse()?;
        let lines = [
            ("host", "127.0.0.1".to_owned()),
            ("port", cluster.port().to_string()),
            ("dbname", db.name().to_owned()),
            ("user", url.get_user().unwrap_or_default().to_owned()),
            ("password", String::from_utf8_lossy(url.get_password().unwrap_or_default()).into_owned()),
        ];
        let lines: String = lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        fs::write(&service, format!("[boxoffice]\n{lines}"))?;
        fs::create_dir(folder.join("docs"))?;
        fs::copy(project().join("docs/own-definitions.sql"), folder.join("docs/own-definitions.sql"))?;
        let fixtures = project().join("core/tests/fixtures");
        fs::copy(fixtures.join("eventbrite/order_expanded.json"), folder.join("order.json"))?;
        fs::copy(fixtures.join("humanitix/orders_page.json"), folder.join("orders.json"))?;
        Ok(Desk { db, folder, _worker: worker })
    }

    /// Runs an example; an error when it fails, or prints something else than is shown.
    pub fn try_out(&self, example: &Example) -> Result {
        let mut command = match example.language {
            "sh" => self.shell()?,
            _ => self.psql()?,
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("no stdin")?.write_all(example.script.as_bytes())?;
        let output = child.wait_with_output()?;
        let (printed, complaints) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            bail!("fails\n{printed}{complaints}");
        }
        if let Some(shown) = &example.output {
            let same = normal(shown) == normal(&printed);
            ensure!(same, "prints something else\n--- shown\n{shown}--- printed\n{printed}{complaints}");
        }
        Ok(())
    }

    fn psql(&self) -> Result<Command> {
        let mut command = self.command(&programs()?.join("psql"))?;
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-P", "pager=off"]).arg(self.db.url());
        Ok(command)
    }

    fn shell(&self) -> Result<Command> {
        let mut command = self.command("bash".as_ref())?;
        command.args(["-eu", "-o", "pipefail", "-s"]);
        Ok(command)
    }

    fn command(&self, program: &std::path::Path) -> Result<Command> {
        let path = format!("{}:{}", programs()?.display(), env::var("PATH")?);
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("PATH", path).env("PSQLRC", "/dev/null").env("PGTZ", "UTC");
        command.env("LC_ALL", "C.UTF-8").env("no_proxy", "127.0.0.1");
        Ok(command)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn programs() -> Result<PathBuf> {
    Ok(PathBuf::from(env::var("BOXOFFICE_TEST_PG_BIN").context("run these tests with make test-e2e")?))
}

/// Output without what differs from run to run: uuids, times with a fraction of a second (those of the present; what a
/// platform says has none), and with them the widths of columns.
fn normal(output: &str) -> String {
    let mut lines: Vec<String> = output.lines().map(|line| line_of(&squeezed(line))).collect();
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// Runs of hyphens become one, except inside words.
fn squeezed(line: &str) -> String {
    let rule = line.len() > 1 && line.bytes().all(|b| matches!(b, b'-' | b'+' | b' '));
    if !rule {
        return line.to_owned();
    }
    line.split('+').map(|_| "-").collect::<Vec<_>>().join("+")
}

fn line_of(line: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let date = words.last().is_some_and(|before| digits(before, "0000-00-00"));
        if date && word.get(..9).is_some_and(|time| digits(time, "00:00:00.")) {
            words.pop();
            words.push("<time>");
        } else if uuid(word) {
            words.push("<uuid>");
        } else {
            words.push(word);
        }
    }
    words.join(" ")
}

/// Has the form, in which 0 stands for any digit?
fn digits(text: &str, form: &str) -> bool {
    let fits = |(b, f): (u8, u8)| if f == b'0' { b.is_ascii_digit() } else { b == f };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

fn uuid(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[test]
fn only_what_differs_from_run_to_run_is_left_out() {
    let (shown, printed) = (
        " id | at | event\n----+----+---\n 1 | 2026-01-01 10:00:00.5+00 | 0d3c5fd8-6f0e-4b57-8c3b-111111111111 \n",
        " id |   at   |  event  \n---+------+--------\n  1 | 2027-12-31 23:59:59.123+00 | ffffffff-6f0e-4b57-8c3b-111111111112\n\n",
    );
    assert_eq!(normal(shown), normal(printed));
    for (one, other) in [("a b", "a c"), ("2026-01-01 10:00:00+00", "2026-01-02 10:00:00+00"), ("1", "2"), ("-1", "1")]
    {
        assert_ne!(normal(one), normal(other));
    }
}

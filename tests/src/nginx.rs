//! A real nginx with the site that the documents offer.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, chown};

use crate::{Result, environment};

/// Longest that it may take to listen, or a request.
const PATIENCE: Duration = Duration::from_secs(30);
const NAME: &str = "tickets.example.org";

/// A running one; ended when dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    dir: PathBuf,
    port: u16,
}

impl Nginx {
    /// Starts it with `docs/deploy/nginx.conf` in front of a worker at `host:port`.
    pub fn start(worker: &str) -> Result<Nginx> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("nginx-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let dir = PathBuf::from(environment::required(environment::DIR)?).join(name);
        fs::create_dir(&dir)?;
        certificate(&dir)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Another program may take it before; then the next round takes another.
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let (mut files, main) = (vec![dir.clone()], dir.join("nginx.conf"));
            fs::write(dir.join("site.conf"), site(&dir, port, worker)?)?;
            fs::write(&main, MAIN.replace("DIR", &dir.display().to_string()))?;
            for entry in fs::read_dir(&dir)? {
                files.push(entry?.path());
            }
            for file in &files {
                give(file)?;
            }
            let check = command()?.arg("-t").arg("-c").arg(&main).output()?;
            ensure!(check.status.success(), "nginx -t: {}", String::from_utf8_lossy(&check.stderr));
            let process = command()?.arg("-c").arg(&main).spawn().context("cannot start nginx")?;
            let mut started = Nginx { process, dir: dir.clone(), port };
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                if started.process.try_wait()?.is_some() {
                    break;
                }
                ensure!(Instant::now() < deadline, "nginx does not listen");
                std::thread::sleep(Duration::from_millis(20));
            }
            if started.process.try_wait()?.is_none() {
                return Ok(started);
            }
            let log = started.logs()?;
            ensure!(log.contains("Address already in use") && Instant::now() < deadline, "nginx did not start:\n{log}");
        }
    }

    /// POSTs over TLS with curl, from an address of this machine; the status.
    pub fn post(&self, from: &str, path: &str, headers: &[&str], body: &[u8]) -> Result<u16> {
        let body_file = self.dir.join("body");
        fs::write(&body_file, body)?;
        let mut curl = Command::new("curl");
        curl.args(["-ksS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "--interface", from])
            .args(["-m", &PATIENCE.as_secs().to_string(), "--resolve", &format!("{NAME}:{}:127.0.0.1", self.port)])
            .arg("--data-binary")
            .arg(format!("@{}", body_file.display()));
        for header in headers {
            curl.args(["-H", header]);
        }
        let output = curl.arg(format!("https://{NAME}:{}{path}", self.port)).output().context("cannot start curl")?;
        let said = String::from_utf8(output.stdout)?;
        said.parse().with_context(|| format!("curl: {said} {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The log of the site.
    pub fn access_log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.join("boxoffice.log"))?)
    }

    /// Everything that it has written anywhere.
    pub fn logs(&self) -> Result<String> {
        let mut all = String::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                all.push_str(&fs::read_to_string(path)?);
            }
        }
        Ok(all)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap_or_default()), Signal::SIGTERM);
        }
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Says much more than anybody's own would, so that it is seen what the site keeps out.
const MAIN: &str = "
daemon off;
pid DIR/pid;
error_log DIR/main-error.log debug;
events {}
http {
    access_log DIR/main-access.log;
    client_body_temp_path DIR/body-temp;
    proxy_temp_path DIR/proxy-temp;
    fastcgi_temp_path DIR/fastcgi-temp;
    uwsgi_temp_path DIR/uwsgi-temp;
    scgi_temp_path DIR/scgi-temp;
    include DIR/site.conf;
}
";

/// The documents' own file with the places of a test; each must be there.
fn site(dir: &Path, port: u16, worker: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy/nginx.conf");
    let mut site = fs::read_to_string(&path)?;
    let file = |name: &str| dir.join(name).display().to_string();
    for (theirs, ours) in [
        ("listen 443 ssl;", format!("listen 127.0.0.1:{port} ssl;")),
        // Not every machine has it.
        ("listen [::]:443 ssl;", String::new()),
        ("server 127.0.0.1:8080;", format!("server {worker};")),
        ("/etc/ssl/certs/tickets.example.org.pem", file("certificate.pem")),
        ("/etc/ssl/private/tickets.example.org.key", file("key.pem")),
        ("/var/log/nginx/boxoffice.log", file("boxoffice.log")),
    ] {
        ensure!(site.matches(theirs).count() == 1, "{theirs} does not stand once in {}", path.display());
        site = site.replace(theirs, &ours);
    }
    Ok(site)
}

fn certificate(dir: &Path) -> Result {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &format!("/CN={NAME}")])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(dir)
        .output()?;
    if !output.status.success() {
        bail!("openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn command() -> Result<Command> {
    let mut command = Command::new(environment::system_program("nginx")?);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    if let Some(user) = environment::run_as()? {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(command)
}

fn give(path: &Path) -> Result {
    if let Some(user) = environment::run_as()? {
        chown(path, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}

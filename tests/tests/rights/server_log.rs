//! What the server's own log says of deliveries and secrets, however much it logs.

use boxoffice_tests::body::{self, PEOPLE};
use boxoffice_tests::scene::bytes;
use boxoffice_tests::sql::{line, refusal, remarks};
use boxoffice_tests::{Cluster, Database, Result, Worker, http, program, sign};
use tokio_postgres::{Client, NoTls};

const SECRET: &str = "a-secret-that-no-log-may-hold";
const TOKEN: &str = "a-token-that-no-log-may-hold";

/// What has been logged since.
fn since(db: &Database, from: usize) -> Result<String> {
    let log = db.cluster().log()?;
    Ok(log.get(from..).unwrap_or_default().to_owned())
}

fn holds_none_of(log: &str, words: &[&str]) {
    for word in words {
        let found: Vec<&str> = log.lines().filter(|line| line.contains(word)).collect();
        assert!(found.is_empty(), "{word} was logged: {found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_logs_everything_logs_no_body_and_no_token() -> Result {
    let settings = [
        "log_statement=all",
        "log_duration=on",
        "log_min_duration_statement=0",
        "log_parameter_max_length_on_error=-1",
        "log_min_messages=info",
    ];
    let cluster = Cluster::start(&settings).await?;
    let db = Database::create_on(&cluster).await?;
    let owner = db.client().await?;
    owner.execute("SELECT set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
    owner.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    for fetches in ["", ", outbound => false"] {
        let role = db.role().await?;
        line(&owner, &format!("SELECT grant_ingress('{}'{fetches})", role.name)).await?;
        let from = cluster.log()?.len();
        let worker = Worker::spawn(&db.url_as(&role), &[("BOXOFFICE_DB_CONNECTIONS", "1")])?;
        worker.wait_ready().await?;
        let deliver = async |order: &str| {
            let body = bytes(&body::envelope("order.created", order));
            let signature = sign::hex(SECRET, &body);
            let headers = [("x-humanitix-signature", signature.as_str()), ("x-other", "a-header-of-the-tests")];
            http::post(&worker.url("/webhooks/humanitix"), &headers, body).await
        };
        assert_eq!(deliver("good").await?.status, 200);
        let hint = body::hint("order.placed", &body::order_url("1"));
        let path = format!("/webhooks/eventbrite/{TOKEN}");
        assert_eq!(http::post(&worker.url(&path), &[], bytes(&hint)).await?.status, 200);
        assert_eq!(http::post(&worker.url(&format!("{path}-wrong")), &[], bytes(&hint)).await?.status, 401);
        // An error in the middle of a call: its statement is logged, and its parameters would be.
        let refuse = "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN RAISE EXCEPTION 'the log is closed' USING ERRCODE = '53100'; END $$; \
            CREATE TRIGGER refuse BEFORE INSERT ON webhook_logs FOR EACH ROW EXECUTE FUNCTION public.refuse()";
        owner.batch_execute(refuse).await?;
        assert_eq!(deliver("bad").await?.status, 503);
        owner.batch_execute("DROP FUNCTION public.refuse() CASCADE").await?;
        let log = since(&db, from)?;
        assert!(log.contains("ingest_webhooks") && log.contains("the log is closed"), "{log}");
        holds_none_of(&log, &PEOPLE);
        holds_none_of(&log, &[SECRET, TOKEN, "a-header-of-the-tests"]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_keep_parameters_out_of_the_log_is_told() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    let (granter, worker) = (db.role().await?, db.role().await?);
    let name = &granter.name;
    owner
        .batch_execute(&format!(
            "GRANT USAGE ON SCHEMA boxoffice TO {name} WITH GRANT OPTION;
             GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA boxoffice TO {name} WITH GRANT OPTION"
        ))
        .await?;
    let grant = format!("SELECT boxoffice.grant_ingress('{}')", worker.name);
    let told = remarks(&db.url_as(&granter), &[&grant]).await?;
    let [warning] = told[0].as_slice() else { panic!("{told:?}") };
    assert!(warning.message().contains("log_parameter_max_length"), "{warning:?}");
    assert!(warning.detail().is_some_and(|detail| detail.contains("bodies and path tokens")));
    assert!(warning.hint().is_some_and(|hint| hint.contains("superuser")));
    // The rights are given all the same; and who may set it hears nothing.
    let client = db.client_as(&worker).await?;
    assert_eq!(line(&client, "SELECT count(*) FROM boxoffice.check_ready()").await?, "1");
    assert_eq!(remarks(&db.url(), &[&grant]).await?[0].len(), 0);
    let client = db.client_as(&worker).await?;
    assert_eq!(line(&client, "SHOW log_parameter_max_length").await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_refused_is_not_logged() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    let from = db.cluster().log()?.len();
    for call in [
        format!("set_webhook_secret('humanitix', ' {SECRET}')"),
        format!("set_webhook_secret('humanitix', E'{SECRET}\\n')"),
        format!("set_webhook_secret('tito', '{SECRET}')"),
        format!("set_webhook_secret(NULL, '{SECRET}')"),
        format!("set_webhook_secret('humanitix', '{SECRET} ', previous_valid_until => now())"),
        format!("set_path_token('eventbrite', '{TOKEN}!')"),
        format!("set_path_token('nobody', '{TOKEN}')"),
        format!("set_webhook_secret('{SECRET}', 'humanitix')"),
        format!("set_secret('humanitix', 'signature', '{SECRET} ', NULL)"),
        format!("set_secret('humanitix', 'nothing', '{SECRET}', NULL)"),
    ] {
        refusal(&client, &format!("SELECT {call}")).await?;
        // Also in a transaction, and when somebody catches it and fails later.
        refusal(&client, &format!("BEGIN; SELECT {call}; COMMIT")).await?;
        client.batch_execute("ROLLBACK").await?;
    }
    let log = since(&db, from)?;
    assert!(log.contains("white space at its ends"), "the errors themselves are logged");
    holds_none_of(&log, &[SECRET, TOKEN]);
    // Other statements that fail are logged as always, in the same transaction too.
    client.batch_execute("BEGIN").await?;
    line(&client, &format!("SELECT set_webhook_secret('humanitix', '{SECRET}')")).await?;
    refusal(&client, "SELECT 1 / 0 AS a_statement_that_fails").await?;
    client.batch_execute("ROLLBACK").await?;
    let log = since(&db, from)?;
    assert!(log.contains("a_statement_that_fails"), "{log}");
    holds_none_of(&log, &[SECRET]);
    Ok(())
}

async fn with_option(db: &Database, name: &str, value: &str) -> Result<Client> {
    let mut config: tokio_postgres::Config = db.url().parse()?;
    config.options(format!("-c {name}={value}"));
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_can_be_handed_over_outside_of_any_statement() -> Result {
    let cluster = Cluster::start(&["log_statement=all", "log_min_duration_statement=0", "log_connections=on"]).await?;
    let db = Database::create_on(&cluster).await?;
    let from = cluster.log()?.len();
    let client = with_option(&db, "boxoffice.secret", SECRET).await?;
    // A statement that fails before it gets as far as ours.
    refusal(&client, "SELECT set_webhook_secret('humanitix', previous_valid_until => 'soon')").await?;
    refusal(&client, "SELECT set_webhook_secret('tito')").await?;
    let client = with_option(&db, "boxoffice.secret", SECRET).await?;
    line(&client, "SELECT set_webhook_secret('humanitix')").await?;
    // It served once.
    assert_eq!(refusal(&client, "SELECT set_webhook_secret('eventbrite')").await?.code, "22004");
    let client = with_option(&db, "boxoffice.secret", TOKEN).await?;
    line(&client, "SELECT set_path_token('eventbrite')").await?;
    let log = since(&db, from)?;
    assert!(log.contains("SELECT set_webhook_secret('humanitix')"), "{log}");
    holds_none_of(&log, &[SECRET, TOKEN]);
    let kept = "SELECT string_agg(platform || ' ' || value, ', ' ORDER BY 1) FROM (SELECT * FROM webhook_secrets ORDER BY platform) s";
    let client = db.client().await?;
    assert_eq!(line(&client, kept).await?, format!("eventbrite {TOKEN}, humanitix {SECRET}"));
    // An argument goes before the setting, and a setting that is not there is no secret.
    assert_eq!(refusal(&client, "SELECT set_webhook_secret('humanitix')").await?.code, "22004");
    client.batch_execute("SET boxoffice.secret = 'not this one'").await?;
    line(&client, "SELECT set_webhook_secret('humanitix', 'but this one of 16 bytes')").await?;
    let newest = "SELECT value FROM webhook_secrets WHERE platform = 'humanitix' ORDER BY generation DESC LIMIT 1";
    assert_eq!(line(&client, newest).await?, "but this one of 16 bytes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_make_up_sets_is_not_logged() -> Result {
    let cluster = Cluster::start(&["log_statement=all", "log_min_duration_statement=0"]).await?;
    let admin = cluster.connect("postgres").await?;
    admin.batch_execute("CREATE DATABASE boxoffice").await?;
    let url = cluster.url("boxoffice");
    program::psql(&url, "CREATE EXTENSION boxoffice")?;
    let from = cluster.log()?.len();
    let secrets = ["owner-of-the-tests", "worker-of-the-tests", SECRET, "another-secret-for-no-log", TOKEN];
    let names = [
        "OWNER_PASSWORD",
        "INGRESS_PASSWORD",
        "HUMANITIX_WEBHOOK_SECRET",
        "EVENTBRITE_WEBHOOK_SECRET",
        "EVENTBRITE_PATH_TOKEN",
    ];
    let environment: Vec<(&str, &str)> = names.into_iter().zip(secrets).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/setup.sql");
    let arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url.as_str(), "-f", script];
    program::run_with("psql", &arguments, &environment, b"")?;
    let log = cluster.log()?;
    let log = &log[from..];
    assert!(log.contains("SET log_min_error_statement"), "{log}");
    holds_none_of(log, &secrets);
    // It has set them: the owner's password is another one now.
    let url = format!("postgresql://boxoffice_owner:owner-of-the-tests@127.0.0.1:{}/boxoffice", cluster.port());
    let kept = program::psql(&url, "SELECT count(*) FROM boxoffice.webhook_secrets")?;
    assert_eq!(kept, ["3"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_for_deliveries_only_complains_of_nothing() -> Result {
    let db = Database::create().await?;
    let owner = db.client().await?;
    owner.execute("SELECT set_webhook_secret('humanitix', $1)", &[&SECRET]).await?;
    let role = db.role().await?;
    line(&owner, &format!("SELECT grant_ingress('{}', outbound => false)", role.name)).await?;
    let from = db.cluster().log()?.len();
    let worker = Worker::spawn(
        &db.url_as(&role),
        &[("BOXOFFICE_TASK_SECONDS", "0.05"), ("BOXOFFICE_FETCH_POLL_SECONDS", "0.05")],
    )?;
    worker.wait_ready().await?;
    for number in 0..20 {
        let body = bytes(&body::envelope("order.created", &format!("o{number}")));
        let signature = sign::hex(SECRET, &body);
        let answer =
            http::post(&worker.url("/webhooks/humanitix"), &[("x-humanitix-signature", &signature)], body).await?;
        assert_eq!(answer.status, 200);
    }
    boxoffice_tests::hold::until("it has said that it does not fetch", async || {
        Ok(worker.log().iter().any(|line| line.contains("outbound_off")))
    })
    .await?;
    let complaints: Vec<String> =
        worker.log().into_iter().filter(|line| !line.contains("\"level\":\"info\"")).collect();
    assert_eq!(complaints, [""; 0]);
    assert_eq!(worker.log().iter().filter(|line| line.contains("outbound_off")).count(), 1);
    let log = since(&db, from)?;
    let mine: Vec<&str> = log.lines().filter(|line| line.contains(&role.name) && line.contains("ERROR")).collect();
    assert_eq!(mine, [""; 0]);
    Ok(())
}

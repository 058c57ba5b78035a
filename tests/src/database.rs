//! Databases: each test has its own, copied from one that has the extension.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::Client;

use crate::cluster::connect;
use crate::{Cluster, Result};

/// A database with the extension; dropped with its roles at the end of the test.
#[derive(Debug)]
pub struct Database {
    cluster: Arc<Cluster>,
    name: String,
    roles: Mutex<Vec<String>>,
}

/// A role that may log in.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name: unique, because roles belong to the whole server.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// A name that no other test has.
fn unique(kind: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{kind}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Database {
    /// A fresh database on the shared server.
    pub async fn create() -> Result<Database> {
        Database::create_on(&Cluster::shared()?).await
    }

    /// A fresh database on a server of the test's own.
    pub async fn create_on(cluster: &Arc<Cluster>) -> Result<Database> {
        let template = cluster.template().await?;
        Database::copy_of(cluster, template).await
    }

    /// A fresh database without the extension.
    pub async fn create_empty() -> Result<Database> {
        Database::copy_of(&Cluster::shared()?, "template0").await
    }

    async fn copy_of(cluster: &Arc<Cluster>, template: &str) -> Result<Database> {
        let name = unique("test");
        let client = cluster.connect("postgres").await?;
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        let database = Database { cluster: Arc::clone(cluster), name, roles: Mutex::default() };
        // As `make up` does.
        let setting = format!("ALTER DATABASE {} SET search_path = public, boxoffice", database.name);
        client.batch_execute(&setting).await?;
        Ok(database)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its server.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Its URL as the owner.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// Its URL as a role.
    pub fn url_as(&self, role: &Role) -> String {
        self.cluster.url_as(&self.name, &role.name, &role.password)
    }

    /// A new connection as the owner.
    pub async fn client(&self) -> Result<Client> {
        connect(&self.url()).await
    }

    /// A new connection as a role.
    pub async fn client_as(&self, role: &Role) -> Result<Client> {
        connect(&self.url_as(role)).await
    }

    /// A new role without any rights.
    pub async fn role(&self) -> Result<Role> {
        let role = Role { name: unique("role"), password: unique("password") };
        self.roles.lock().unwrap_or_else(PoisonError::into_inner).push(role.name.clone());
        let statement = format!("CREATE ROLE {} LOGIN PASSWORD '{}'", role.name, role.password);
        self.client().await?.batch_execute(&statement).await?;
        Ok(role)
    }

    /// A new role with the rights of the worker.
    pub async fn ingress_role(&self) -> Result<Role> {
        let role = self.role().await?;
        self.client().await?.execute("SELECT boxoffice.grant_ingress($1::text::name)", &[&role.name]).await?;
        Ok(role)
    }

    async fn remove(url: &str, name: &str, roles: &[String]) -> Result {
        let client = connect(url).await?;
        client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        for role in roles {
            client.batch_execute(&format!("DROP ROLE IF EXISTS {role}")).await?;
        }
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let url = self.cluster.url("postgres");
        let roles = std::mem::take(&mut *self.roles.lock().unwrap_or_else(PoisonError::into_inner));
        let name = &self.name;
        // Dropping is not async, and may happen inside a runtime: another thread has one of its own.
        // A server that the test has stopped takes its databases with it.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    let _ = runtime.block_on(Database::remove(&url, name, &roles));
                }
            });
        });
    }
}

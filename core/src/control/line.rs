//! The connection that unary calls share: opened when one needs it, and again when it broke.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::last_words::LastWords;
use crate::grpc::{Connection, ConnectionSettings};
use crate::seams::connector::{BoxFuture, BoxIo, Connector};
use crate::seams::runtime::RuntimeHandle;
use crate::{Error, Result};

/// The way to the endpoint, of all clones of a handle.
pub(super) struct Line {
    connector: Listening,
    runtime: RuntimeHandle,
    settings: ConnectionSettings,
    connection: Mutex<Option<Arc<Connection>>>,
}

/// Opens connections whose last words are kept.
struct Listening {
    connector: Arc<dyn Connector>,
    words: LastWords,
}

impl Connector for Listening {
    fn connect(&self) -> BoxFuture<'_, Result<BoxIo>> {
        Box::pin(async { Ok(Box::new(self.words.of(self.connector.connect().await?)) as BoxIo) })
    }
}

impl Line {
    pub(super) fn new(
        connector: Arc<dyn Connector>,
        runtime: RuntimeHandle,
        settings: ConnectionSettings,
    ) -> Self {
        let connector = Listening { connector, words: LastWords::default() };
        Self { connector, runtime, settings, connection: Mutex::default() }
    }

    /// The open connection, or a new one. Who asks meanwhile gets the same.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>> {
        let mut place = self.connection.lock().await;
        if let Some(connection) = place.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(Arc::clone(connection));
        }
        *place = None;
        let connection = Connection::open(&self.connector, &self.runtime, self.settings).await;
        let connection = connection.map_err(|error| self.connector.words.take().unwrap_or(error))?;
        let connection = Arc::new(connection);
        *place = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Uses a connection no more on which a call broke, and tells what it said about that.
    pub(super) async fn give_up(&self, broken: &Arc<Connection>) -> Option<Error> {
        // Before the lock: who opens another connection meanwhile forgets what this one said.
        let said = self.connector.words.take();
        let mut place = self.connection.lock().await;
        if place.as_ref().is_some_and(|connection| Arc::ptr_eq(connection, broken)) {
            *place = None;
        }
        said
    }
}

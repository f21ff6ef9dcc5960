//! One client over standard input and output. Nothing but protocol goes to standard output.

use std::sync::Arc;

use rmcp::ServiceExt;

use super::Server;
use crate::call::Current;
use crate::call::Principal;

/// Serves until the client closes its end.
pub async fn serve(current: Arc<Current>) -> std::io::Result<()> {
    let server = Server::new(current, Principal::Local);
    let running = match server.serve(rmcp::transport::stdio()).await {
        Ok(running) => running,
        // A client that goes away before it says anything is no fault.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(std::io::Error::other(error)),
    };
    running.waiting().await.map_err(std::io::Error::other)?;
    Ok(())
}

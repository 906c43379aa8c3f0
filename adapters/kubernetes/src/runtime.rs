//! The one thread that waits for the server.

use crate::error::Error;
use std::future::Future;
use tokio::runtime::Builder;

/// Runs a future to its end on the calling thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::unreadable(format!("cannot wait for the network: {error}"), ""))?;
    let done = runtime.block_on(future);
    // A name that is still being looked up must not hold the program up.
    runtime.shutdown_background();
    Ok(done)
}

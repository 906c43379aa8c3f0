//! The live cluster, read and never changed.
//!
//! [`read`] asks the API server what it serves, lists what the engines need page by page,
//! and makes the same objects of it that files give. Their origin is the cluster and the
//! resource version, so that every claim of a report can be checked.
//!
//! **Invariant:** nothing but `GET` requests leaves this crate, and Secret values are not
//! asked for unless the user wants them: their list is one of metadata.
//!
//! **Invariant:** reading never fails as a whole once the server answers. What the caller's
//! rights hide, what hangs and what is broken is a gap, with the right that would be needed.
//!
//! Outside, everything is blocking; inside, `runtime` keeps one thread that waits for the
//! server. Requests have a time limit each, a bounded number of tries, and a largest answer.

mod connect;
mod discovery;
mod dump;
mod error;
mod list;
mod origin;
mod rbac;
mod redact;
mod runtime;
mod scan;
mod server;
mod wanted;
mod watch;

pub use connect::Access;
pub use dump::{Dumped, dump};
pub use error::{Error, ErrorKind};
pub use rbac::Rights;
pub use scan::{Loaded, Options, Progress, read};
pub use seawall_snapshot::Keep;
pub use watch::{Seen, watch};

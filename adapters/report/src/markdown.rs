//! To be written.
use crate::view::View;
use std::io;
pub(crate) fn write(_: &View<'_>, _: &mut dyn io::Write) -> io::Result<()> {
    Ok(())
}

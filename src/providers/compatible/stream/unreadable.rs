//! What becomes of a chunk that cannot be read.

use super::ChatDecoder;
use crate::canonical::compose::Composer;
use crate::error::Error;

impl ChatDecoder {
    /// After the finish reason no content can be lost with it: counts and the closing marker are all that follows.
    pub(super) fn unreadable(
        &self,
        fault: &serde_json::Error,
        out: &mut Composer,
    ) -> Result<(), Error> {
        let fault = Error::garbled(format!("a chunk of the stream is not readable: {fault}"));
        if self.finish.is_none() {
            return Err(fault);
        }
        out.skip(fault);
        Ok(())
    }
}

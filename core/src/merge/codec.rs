//! The stored form of a state: a version byte, then that version's own encoding.
//!
//! What was stored once stays readable for ever. A new version gets its own file beside `v1`, is written by `encode`,
//! and adds one arm to `decode`; the types of older versions are never touched again.

mod v1;
mod v1_pack;
mod v1_unpack;

use super::state::State;
use crate::error::{Error, Result};

const VERSION: u8 = 1;

impl State {
    /// The bytes to store.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory cannot fail; if it ever did, an empty value is refused by `decode` instead of being wrong.
        postcard::to_extend(&v1::StateV1::from(self), vec![VERSION]).unwrap_or_default()
    }

    /// Reads what any version of `encode` wrote.
    pub fn decode(bytes: &[u8]) -> Result<State> {
        match bytes.split_first() {
            None => Err(Error::Shape("the merge state is empty".to_owned())),
            Some((1, rest)) => match postcard::take_from_bytes::<v1::StateV1>(rest) {
                Ok((state, [])) => State::try_from(state),
                Ok(_) => Err(Error::Shape("the merge state has bytes after its end".to_owned())),
                Err(why) => Err(Error::Shape(format!("the merge state is damaged: {why}"))),
            },
            Some((version, _)) => Err(Error::Shape(format!(
                "the merge state has version {version}, and this boxoffice reads up to version {VERSION}"
            ))),
        }
    }
}

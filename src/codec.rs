//! The encoder: values to bytes and back, with a limit on both sides. The only file that names bincode.
//!
//! bincode 1.3.3 is the crate's declared last version and is pinned. Decoding takes a slice that is already
//! bounded, refuses trailing bytes, and can therefore neither allocate beyond the limit nor be read two
//! ways. What is encoded must not nest without bound and must hold no collection of zero-sized values; the
//! types are in `plan` and `protocol`.

use bincode::Options;
use serde::{Serialize, de::DeserializeOwned};

/// Why a value did not pass: too large, cut short, trailing bytes, or not of the type.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(String);

/// Encodes `value`, refusing to write more than `limit` bytes.
pub fn encode<T: Serialize>(value: &T, limit: u64) -> Result<Vec<u8>, CodecError> {
    options(limit).serialize(value).map_err(|error| CodecError(error.to_string()))
}

/// Decodes the whole of `bytes`, refusing more than `limit` of them.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], limit: u64) -> Result<T, CodecError> {
    options(limit).deserialize(bytes).map_err(|error| CodecError(error.to_string()))
}

fn options(limit: u64) -> impl Options {
    bincode::DefaultOptions::new().with_varint_encoding().with_limit(limit).reject_trailing_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decoding_undoes_encoding(value: (u64, String, Vec<f64>)) {
            let bytes = encode(&value, 1 << 20).expect("within the limit");
            let back: (u64, String, Vec<f64>) = decode(&bytes, 1 << 20).expect("own bytes");
            prop_assert_eq!(format!("{back:?}"), format!("{value:?}"));
        }

        #[test]
        fn random_bytes_never_panic_nor_allocate_beyond_the_limit(bytes: Vec<u8>) {
            let _: Result<(u64, String, Vec<u64>), _> = decode(&bytes, 1 << 16);
        }
    }

    #[test]
    fn a_lying_length_is_refused_without_allocating() {
        let mut bytes = vec![253];
        bytes.extend_from_slice(&(1u64 << 40).to_le_bytes());
        assert!(decode::<String>(&bytes, 1 << 20).is_err());
        assert!(decode::<Vec<f64>>(&bytes, 1 << 20).is_err());
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&7u32, 100).expect("small");
        bytes.push(0);
        assert!(decode::<u32>(&bytes, 100).is_err());
    }

    #[test]
    fn the_limit_holds_when_encoding() {
        assert!(encode(&vec![1u8; 100], 50).is_err());
    }
}

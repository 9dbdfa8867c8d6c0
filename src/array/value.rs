//! The value of a result: what is printed, and what goes into JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::array::repr::repr;

/// A computed result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Value {
    /// A single number.
    Number(f64),
}

impl Value {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
        }
    }

    /// A JSON number, or `"nan"`, `"inf"`, `"-inf"`, for which JSON has none.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Number(number) => serde_json::Number::from_f64(*number)
                .map_or_else(|| serde_json::Value::String(repr(*number)), serde_json::Value::Number),
        }
    }
}

impl fmt::Display for Value {
    /// As Python's repr prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => f.write_str(&repr(*number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_words_for_what_json_cannot_write() {
        assert_eq!(Value::Number(f64::NAN).to_json().to_string(), "\"nan\"");
        assert_eq!(Value::Number(f64::NEG_INFINITY).to_json().to_string(), "\"-inf\"");
        assert_eq!(Value::Number(0.1).to_json().to_string(), "0.1");
    }
}

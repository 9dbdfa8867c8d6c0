//! A figure of the request that is given, or `"auto"`: then it is worked out once it is known what to compute.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

/// The word that asks for a figure to be worked out.
const AUTO: &str = "auto";

/// A figure, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<T> {
    /// As a layer sets it.
    Given(T),
    /// To be worked out from the plan.
    Auto,
    /// Worked out.
    Fitted {
        /// The figure.
        value: T,
        /// How it came about, in words for people.
        because: String,
    },
}

impl<T: Copy> Asked<T> {
    /// The figure, unless it is still to be worked out.
    pub fn value(&self) -> Option<T> {
        match self {
            Asked::Given(value) | Asked::Fitted { value, .. } => Some(*value),
            Asked::Auto => None,
        }
    }

    /// How a figure that was worked out came about.
    pub fn because(&self) -> Option<&str> {
        match self {
            Asked::Fitted { because, .. } => Some(because),
            Asked::Given(_) | Asked::Auto => None,
        }
    }
}

/// What is known of a run's work once it is planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect {
    /// The tasks of its largest stage.
    pub tasks: u64,
    /// What can be at work at a time: a worker computes as many tasks as it has cores, and more would wait.
    pub workers: u32,
    /// What it would take one core of this machine, in seconds; none where it was not tried out.
    pub core_seconds: Option<f64>,
}

impl<T: fmt::Display> fmt::Display for Asked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Given(value) | Asked::Fitted { value, .. } => value.fmt(f),
            Asked::Auto => f.write_str(AUTO),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Asked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AskedVisitor(std::marker::PhantomData))
    }
}

/// Takes the word, and leaves everything else, with what there is to complain of, to the figure's own type.
struct AskedVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AskedVisitor<T> {
    type Value = Asked<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a figure as Slurm writes it, or \"auto\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text == AUTO {
            Ok(Asked::Auto)
        } else {
            T::deserialize(text.into_deserializer()).map(Asked::Given)
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(Asked::Given)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(Asked::Given)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(Asked::Given)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(list)).map(Asked::Given)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table)).map(Asked::Given)
    }
}

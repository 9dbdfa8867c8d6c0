//! How the values of keys are read from TOML, with messages that speak of numbers and words, not of Rust.
//!
//! Memory and walltime are read by `units`; whether a value makes sense beside the others is decided in
//! `resolve`. Tests are in `tests.rs` and `refusals.rs`.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

use crate::settings::layer::Pool;
use crate::settings::{ClusterKind, MemoryOption, Submit};

/// A count, or a number of seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole(pub(super) u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "a whole number from 0 to 4294967295";
        let number = deserializer.deserialize_any(Number(EXPECTED))?;
        u32::try_from(number).map(Whole).map_err(|_| unfit(number, EXPECTED))
    }
}

/// A TCP port; 0 is any free one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Port(pub(super) u16);

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "a port from 0 to 65535";
        let number = deserializer.deserialize_any(Number(EXPECTED))?;
        u16::try_from(number).map(Port).map_err(|_| unfit(number, EXPECTED))
    }
}

fn unfit<E: Error>(number: i64, expected: &str) -> E {
    E::invalid_value(Unexpected::Signed(number), &expected)
}

/// A number of seconds, or `false` for never.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience(pub(super) Option<u32>);

impl<'de> Deserialize<'de> for Patience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PatienceVisitor)
    }
}

struct PatienceVisitor;

impl Visitor<'_> for PatienceVisitor {
    type Value = Patience;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of seconds, or false")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Patience, E> {
        if on { Err(E::invalid_value(Unexpected::Bool(on), &self)) } else { Ok(Patience(None)) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Patience, E> {
        let seconds = u32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self));
        seconds.map(|seconds| Patience(Some(seconds)))
    }
}

/// Reads an integer of TOML; the text says what is expected instead of anything else.
struct Number(&'static str);

impl Visitor<'_> for Number {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }
}

/// A seed: an integer, or a string in decimal or `0x` hexadecimal, since TOML's integers end at 2^63.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed(pub(super) u128);

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SeedVisitor)
    }
}

struct SeedVisitor;

impl Visitor<'_> for SeedVisitor {
    type Value = Seed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 to 2^128 - 1, as an integer or a string like \"0x2a\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Seed, E> {
        u128::try_from(number).map(Seed).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Seed, E> {
        Ok(Seed(number.into()))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Seed, E> {
        u128::try_from(number)
            .map(Seed)
            .map_err(|_| E::invalid_value(Unexpected::Other(&format!("integer `{number}`")), &self))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Seed, E> {
        Ok(Seed(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Seed, E> {
        let digits = text.replace('_', "");
        let (digits, radix) = match digits.strip_prefix("0x") {
            Some(hexadecimal) => (hexadecimal, 16),
            None => (digits.as_str(), 10),
        };
        u128::from_str_radix(digits, radix)
            .ok()
            .filter(|_| !digits.starts_with('+'))
            .map(Seed)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Lines of shell text: a list of lines, or one string of several lines.
#[derive(Debug, Clone)]
pub(super) struct Lines(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LinesVisitor)
    }
}

struct LinesVisitor;

impl<'de> Visitor<'de> for LinesVisitor {
    type Value = Lines;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of lines, or one string of several lines")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Lines, E> {
        Ok(Lines(text.lines().map(str::to_owned).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lines, A::Error> {
        let mut lines = Vec::new();
        while let Some(line) = list.next_element()? {
            lines.push(line);
        }
        Ok(Lines(lines))
    }
}

/// `[arrays]`, `[results]` or `[save]`: names and expressions or paths in the order in which they were written.
#[derive(Debug, Clone)]
pub(super) struct Expressions(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Expressions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ExpressionsVisitor)
    }
}

struct ExpressionsVisitor;

impl<'de> Visitor<'de> for ExpressionsVisitor {
    type Value = Expressions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names with expressions, like x = \"random.random(size=1_000)\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Expressions, A::Error> {
        let expressions = in_order::<A, Expression>(table)?;
        Ok(Expressions(expressions.into_iter().map(|(name, Expression(text))| (name, text)).collect()))
    }
}

/// The tables of `[pool]`: names and what each says, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Pools(pub(super) Vec<(String, Pool)>);

impl<'de> Deserialize<'de> for Pools {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PoolsVisitor)
    }
}

struct PoolsVisitor;

impl<'de> Visitor<'de> for PoolsVisitor {
    type Value = Pools;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables like [pool.big]")
    }

    fn visit_map<A: MapAccess<'de>>(self, tables: A) -> Result<Pools, A::Error> {
        in_order(tables).map(Pools)
    }
}

/// The entries of a table in the order in which they were written, which TOML does not keep.
fn in_order<'de, A: MapAccess<'de>, T: Deserialize<'de>>(mut table: A) -> Result<Vec<(String, T)>, A::Error> {
    let mut placed = Vec::new();
    while let Some((name, value)) = table.next_entry::<toml::Spanned<String>, T>()? {
        placed.push((name.span().start, name.into_inner(), value));
    }
    placed.sort_by_key(|(place, ..)| *place);
    Ok(placed.into_iter().map(|(_, name, value)| (name, value)).collect())
}

/// The text of an expression; a bare number is one, too.
struct Expression(String);

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpressionVisitor)
    }
}

struct ExpressionVisitor;

impl Visitor<'_> for ExpressionVisitor {
    type Value = Expression;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an expression in quotes, or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Expression, E> {
        Ok(Expression(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Expression, E> {
        Ok(Expression(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Expression, E> {
        Ok(Expression(format!("{number:?}")))
    }
}

/// Reads one of a fixed list of words.
fn one_of<'de, D: Deserializer<'de>, T: Copy>(deserializer: D, words: &[(&str, T)]) -> Result<T, D::Error> {
    let known = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let given = deserializer.deserialize_any(Word(&known))?;
    let found = words.iter().find(|(word, _)| *word == given);
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&given), &format!("one of {known}").as_str()))
}

struct Word<'a>(&'a str);

impl Visitor<'_> for Word<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", self.0)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<String, E> {
        Ok(word.to_owned())
    }
}

/// Ties the words of a TOML key to an enum, both ways.
macro_rules! words {
    ($type:ident { $($word:literal => $variant:ident,)* }) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                one_of(deserializer, &[$(($word, $type::$variant)),*])
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $($type::$variant => $word,)*
                })
            }
        }
    };
}

words! { ClusterKind { "threads" => Threads, "processes" => Processes, "slurm" => Slurm, } }
words! { MemoryOption { "mem" => Mem, "mem-per-cpu" => MemPerCpu, "none" => None, } }
words! { Submit { "array" => Array, "jobs" => Jobs, } }

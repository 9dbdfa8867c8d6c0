//! Array expressions against NumPy, and against themselves computed in other ways, bit for bit.
//!
//! `SQUALL_TEST_PYTHON` names an interpreter with NumPy (`python3` otherwise). Where it is missing, the tests say
//! what they leave out; with `SQUALL_TEST_REQUIRE=1` they fail instead. `SQUALL_TEST_SEED` repeats one random case,
//! `SQUALL_TEST_CASES` asks for more of them.

#![expect(clippy::print_stderr, reason = "a test tells its seed, and what it leaves out")]

mod dice;
mod engine;
mod generate;
mod identities;
mod inputs;
mod larger;
mod python;
mod random;
mod saves;

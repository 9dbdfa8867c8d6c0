//! Everything that squall reads and did not write itself a moment ago, changed at random: whatever comes, a decoder
//! ends in a value or an error, within a stated time and with a stated amount of memory.
//!
//! `SQUALL_TEST_CASES` says how many changed inputs each decoder gets and `SQUALL_TEST_SEED` which ones; what fails
//! is printed with both, and `SQUALL_TEST_CASE` takes one of them back. Inputs that are changed are in
//! `tests/corpus`, or made by the encoders. `docs/security.md` has the figures of the longest run.

mod files;
#[path = "../support/jobs.rs"]
mod jobs;
mod measure;
mod messages;
mod mutate;
mod texts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use self::measure::{Counting, cost};

#[global_allocator]
static COUNTING: Counting = Counting;

/// Time on a CPU that no input may take. Most take microseconds; a debugger or a busy machine costs none of it.
const TIME: Duration = Duration::from_secs(1);
/// Changed inputs of a decoder, unless more are asked for.
const CASES: u64 = 20_000;

/// Something that reads bytes.
struct Decoder<'a> {
    name: &'a str,
    /// What is accepted as it stands.
    good: Vec<Vec<u8>>,
    /// What is refused as it stands.
    bad: Vec<Vec<u8>>,
    /// What its language is made of.
    words: &'a [&'a str],
    /// Bytes that reading takes whatever the input ..
    bytes: usize,
    /// .. and for each byte of it.
    for_each_byte: usize,
    /// One in so many of the cases: reading takes so much longer than others do.
    one_in: u64,
    /// Whether the input is accepted.
    decode: &'a mut dyn FnMut(&[u8]) -> bool,
}

impl Decoder<'_> {
    /// Fails where any of the inputs is not accepted or refused within its limits.
    #[expect(clippy::print_stdout, reason = "a test prints its seed, which is shown where it fails")]
    fn hold(mut self) {
        let seed = number("SQUALL_TEST_SEED").unwrap_or_else(rand::random);
        let all: Vec<Vec<u8>> = self.good.iter().chain(&self.bad).cloned().collect();
        assert!(!self.good.is_empty(), "{}: nothing to begin with", self.name);
        for (number, input) in all.iter().enumerate() {
            let accepted = self.judge(input, &format!("as it stands, number {number}"));
            assert_eq!(accepted, number < self.good.len(), "{}: {}", self.name, shown(input));
        }
        let cases = number("SQUALL_TEST_CASES").unwrap_or(CASES) / self.one_in;
        let only = number("SQUALL_TEST_CASE");
        let (mut accepted, mut refused) = (0_u64, 0_u64);
        for case in only.map_or(0..cases, |only| only..only + 1) {
            let mut rng = StdRng::seed_from_u64(seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let input = &all[rng.random_range(0..all.len())];
            let input = mutate::mutated(&mut rng, input, &all, self.words);
            let place = format!("SQUALL_TEST_SEED={seed} SQUALL_TEST_CASE={case}");
            if self.judge(&input, &place) { accepted += 1 } else { refused += 1 }
        }
        println!("{}: {accepted} accepted and {refused} refused, SQUALL_TEST_SEED={seed}", self.name);
        assert!(only.is_some() || (accepted > 0 && refused > 0), "{}: changes change nothing", self.name);
    }

    fn judge(&mut self, input: &[u8], place: &str) -> bool {
        let decode = &mut self.decode;
        let (result, cost) = cost(format!("large allocation in {}: {place}\n", self.name), || {
            catch_unwind(AssertUnwindSafe(|| decode(input)))
        });
        let told = || format!("{}: {place}: {}", self.name, shown(input));
        let accepted = result.unwrap_or_else(|_| panic!("panic in {}", told()));
        let most = self.bytes + self.for_each_byte * input.len();
        assert!(cost.bytes <= most, "{} bytes instead of {most} in {}", cost.bytes, told());
        assert!(cost.time <= TIME, "{:?} in {}", cost.time, told());
        accepted
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// An input as it can be read, and typed again.
fn shown(input: &[u8]) -> String {
    format!("{} bytes b\"{}\"", input.len(), input[..input.len().min(4096)].escape_ascii())
}

/// The files of a directory of the corpus.
fn corpus(directory: &str) -> Vec<(String, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(directory);
    let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("listed").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("readable"))
        })
        .collect();
    files.sort();
    files
}

/// The same, those with the given names apart: they are to be refused.
fn judged(directory: &str, refused: &[&str]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let files = corpus(directory);
    for name in refused {
        assert!(files.iter().any(|(file, _)| file == name), "no {directory}/{name}");
    }
    let (bad, good): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|(name, _)| refused.contains(&name.as_str()));
    let inputs = |files: Vec<(String, Vec<u8>)>| files.into_iter().map(|(_, bytes)| bytes).collect();
    (inputs(good), inputs(bad))
}

#[test]
fn cost_is_measured() {
    let (kept, cost) = cost(String::new(), || {
        drop(std::hint::black_box(vec![1_u8; 1 << 20]));
        vec![1_u8; 1 << 10]
    });
    assert!((1 << 20..(1 << 20) + 4096).contains(&cost.bytes), "{cost:?}");
    drop(kept);
    let (_, cost) =
        measure::cost(String::new(), || (0..10_000_000_u64).fold(0, |sum, i| std::hint::black_box(sum ^ i)));
    assert!(cost.time > Duration::ZERO, "{cost:?}");
}

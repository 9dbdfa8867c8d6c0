//! The yardstick for arrays in files: the same bytes read in the same pieces, and nothing done with them.
//!
//! `reads FILE THREADS` prints the seconds it takes. Each thread takes 8 MiB of the file at a time, as a task
//! does, and reads them in pieces of 256 KiB into a buffer of its own. `benches/arrays.py` runs it in turn
//! with squall.

#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const PIECE: u64 = 256 << 10;
const TASK: u64 = 8 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [path, threads] = &arguments[..] else { return println!("usage: reads FILE THREADS") };
    let file = File::open(path).expect("the file can be opened");
    let length = file.metadata().expect("an open file has a length").len();
    let threads: usize = threads.parse().expect("a number of threads");
    let next = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| share(&file, length, &next));
        }
    });
    println!("{}", start.elapsed().as_secs_f64());
}

/// What one thread reads.
fn share(file: &File, length: u64, next: &AtomicU64) {
    let mut buffer = vec![0; PIECE as usize];
    loop {
        let first = next.fetch_add(TASK, Ordering::Relaxed);
        if first >= length {
            return;
        }
        let end = length.min(first + TASK);
        for at in (first..end).step_by(PIECE as usize) {
            let piece = &mut buffer[..PIECE.min(end - at) as usize];
            file.read_exact_at(piece, at).expect("the file can be read");
            black_box(piece);
        }
    }
}

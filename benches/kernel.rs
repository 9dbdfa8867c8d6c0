//! Nanoseconds per number of the inner loops, for each instruction set of this CPU, on one thread.
//!
//! `cargo bench --bench kernel` prints a table. With `mean COUNT [ISA]` as arguments the program
//! computes the mean of COUNT normals once, as `benches/numpy_mean.py` has it do in turn with NumPy.

#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

use std::hint::black_box;
use std::time::Instant;

use squall::kernel::random::fill;
use squall::kernel::{BLOCK, Distribution, ExactMoments, ExactSum, Extrema, Isa, Key};

const NORMAL: Distribution = Distribution::Normal { loc: 0.0, scale: 0.1 };
/// Numbers per measurement, and measurements.
const COUNT: usize = 1 << 22;
const ROUNDS: usize = 15;
/// Numbers that reductions are measured on: half a megabyte, in the second cache.
const CACHED: usize = 1 << 16;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["mean", count] => print_mean(count, Isa::detect()),
        ["mean", count, isa] => print_mean(count, isa_named(isa)),
        _ => print_table(),
    }
}

fn isa_named(name: &str) -> Isa {
    let isa = Isa::available().into_iter().find(|isa| isa.name() == name);
    isa.expect("one of this CPU's instruction sets: portable, avx2, avx512")
}

/// The mean of normals, and the seconds it took, on one line.
fn print_mean(count: &str, isa: Isa) {
    let count = count.parse().expect("a count of numbers");
    let start = Instant::now();
    let mean = normal_sum(isa, count).mean(count as u64);
    println!("{mean:e} {}", start.elapsed().as_secs_f64());
}

fn normal_sum(isa: Isa, count: usize) -> ExactSum {
    let key = Key::new(42, "x");
    let (mut sum, mut block) = (ExactSum::default(), [0.0; BLOCK]);
    for first in (0..count).step_by(BLOCK) {
        let part = &mut block[..BLOCK.min(count - first)];
        fill(isa, &key, NORMAL, first as u64, part);
        sum.add(isa, part);
    }
    sum
}

fn print_table() {
    println!("{:32}{:>10}{:>10}{:>10}", "ns per number, least of 15", "portable", "avx2", "avx512");
    let key = Key::new(42, "x");
    let filling = |distribution| {
        let key = key.clone();
        move |isa| blocks(|first, block| fill(isa, &key, distribution, first, block))
    };
    print_row("fill random", filling(Distribution::Random));
    print_row("fill normal(0, 0.1)", filling(NORMAL));
    print_row("fill normal and exact sum", |isa| {
        black_box(normal_sum(isa, COUNT));
    });
    let offset = Distribution::Normal { loc: 10.0, scale: 0.1 };
    for (name, distribution) in [("normal(0, 0.1)", NORMAL), ("normal(10, 0.1)", offset)] {
        let mut data = vec![0.0; CACHED];
        fill(Isa::detect(), &key, distribution, 0, &mut data);
        print_rows_on(name, &data);
    }
}

fn print_rows_on(name: &str, data: &[f64]) {
    let passes = COUNT / data.len();
    print_row(&format!("exact sum of {name}"), |isa| {
        let mut sum = ExactSum::default();
        (0..passes).for_each(|_| sum.add(isa, black_box(data)));
        black_box(sum);
    });
    print_row(&format!("exact moments of {name}"), |isa| {
        let mut moments = ExactMoments::default();
        (0..passes).for_each(|_| moments.add(isa, black_box(data)));
        black_box(moments);
    });
    print_row(&format!("extrema of {name}"), |isa| {
        let mut extrema = Extrema::default();
        (0..passes).for_each(|_| extrema.add(isa, black_box(data)));
        black_box(extrema);
    });
}

/// Hands out a block for every `BLOCK` of `COUNT` numbers.
fn blocks(mut work: impl FnMut(u64, &mut [f64])) {
    let mut block = [0.0; BLOCK];
    for first in (0..COUNT).step_by(BLOCK) {
        work(first as u64, &mut block);
        black_box(&mut block);
    }
}

fn print_row(name: &str, mut work: impl FnMut(Isa)) {
    let mut row = format!("{name:32}");
    for isa in Isa::available() {
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                work(isa);
                start.elapsed().as_secs_f64() * 1e9 / COUNT as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        row += &format!("{:10.3}", times[0]);
    }
    println!("{row}");
}

//! Nanoseconds per number of the inner loops, for each instruction set of this CPU, on one thread.
//!
//! `cargo bench --bench kernel` prints a table. With `mean COUNT [ISA]` as arguments the program
//! computes the mean of COUNT normals once, as `benches/numpy_mean.py` has it do in turn with NumPy.

#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

use std::hint::black_box;
use std::time::Instant;

use squall::kernel::accumulate::{Extrema, Moments, Precision, Products, Sums};
use squall::kernel::random::fill;
use squall::kernel::rows::{row_means, row_sums};
use squall::kernel::{BLOCK, Distribution, Isa, Key};

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
    let mean = normal_sum(isa, count).mean(0, count as u64, Precision::Double);
    println!("{mean:e} {}", start.elapsed().as_secs_f64());
}

fn normal_sum(isa: Isa, count: usize) -> Sums {
    let key = Key::new(42, "x");
    let (mut sums, mut block) = (Sums::new(1), [0.0; BLOCK]);
    for first in (0..count).step_by(BLOCK) {
        let part = &mut block[..BLOCK.min(count - first)];
        fill(isa, &key, NORMAL, first as u64, part);
        sums.add_run(isa, 0, part);
    }
    sums
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
        if offset == distribution {
            print_columns_on(&data);
            print_short_rows_on(&data);
            print_many_outputs_on(&data);
        }
    }
}

fn print_rows_on(name: &str, data: &[f64]) {
    let passes = COUNT / data.len();
    print_row(&format!("exact sum of {name}"), |isa| {
        let mut sums = Sums::new(1);
        (0..passes).for_each(|_| sums.add_run(isa, 0, black_box(data)));
        black_box(sums);
    });
    print_row(&format!("exact moments of {name}"), |isa| {
        let mut moments = Moments::new(1);
        (0..passes).for_each(|_| moments.add_run(isa, 0, black_box(data)));
        black_box(moments);
    });
    print_row(&format!("extrema of {name}"), |isa| {
        let mut extrema = Extrema::new(1);
        (0..passes).for_each(|_| extrema.add_run(isa, 0, black_box(data)));
        black_box(extrema);
    });
}

/// Outputs for each column, fed a block at a time as a task does.
fn print_columns_on(data: &[f64]) {
    for width in [20_000, 1000, 100, 16, 3] {
        print_row(&format!("sums of {width} columns"), |isa| {
            let mut sums = Sums::new(width);
            by_block(width, data, |first, width, part| sums.add_rows(isa, first, width, part));
            black_box(sums);
        });
        print_row(&format!("moments of {width} columns"), |isa| {
            let mut moments = Moments::new(width);
            by_block(width, data, |first, width, part| moments.add_rows(isa, first, width, part));
            black_box(moments);
        });
    }
}

/// `COUNT` numbers in rows, of which each call gets at most a block: whole rows, or a part of one.
fn by_block(width: usize, data: &[f64], mut add: impl FnMut(usize, usize, &[f64])) {
    let height = COUNT / width;
    if width > BLOCK {
        for _ in 0..height {
            for first in (0..width).step_by(BLOCK) {
                let part = &black_box(data)[first..width.min(first + BLOCK)];
                add(first, part.len(), part);
            }
        }
    } else {
        let rows = BLOCK / width;
        (0..height / rows)
            .for_each(|number| add(0, width, &black_box(data)[number % 32 * BLOCK..][..rows * width]));
    }
}

fn print_short_rows_on(data: &[f64]) {
    for row in [2, 3, 10, 64] {
        let rows = BLOCK / row;
        let blocks = || (0..COUNT / (rows * row)).map(|number| &data[number % 32 * BLOCK..][..rows * row]);
        let mut out = vec![0.0; rows];
        print_row(&format!("sums of rows of {row}"), |isa| {
            blocks().for_each(|values| row_sums(isa, row, values, black_box(&mut out)));
        });
        print_row(&format!("means of rows of {row}"), |isa| {
            blocks().for_each(|values| row_means(isa, row, values, black_box(&mut out)));
        });
    }
    for run in [8, 20, 31] {
        print_row(&format!("moments of runs of {run}"), |isa| {
            let mut moments = Moments::new(BLOCK);
            for number in 0..COUNT / run {
                let at = number * run % (32 * BLOCK);
                moments.add_run(isa, number % BLOCK, &data[at..at + run]);
            }
            black_box(moments);
        });
        print_row(&format!("sums of runs of {run}"), |isa| {
            let mut sums = Sums::new(BLOCK);
            for number in 0..COUNT / run {
                let at = number * run % (32 * BLOCK);
                sums.add_run(isa, number % BLOCK, &data[at..at + run]);
            }
            black_box(sums);
        });
    }
    print_row("product", |isa| {
        let mut products = Products::new(1);
        (0..COUNT / data.len()).for_each(|_| products.add_run(isa, 0, black_box(data)));
        black_box(products);
    });
}

/// What becomes of `COUNT` short rows, 1024 of them side by side; here a number is an output.
fn print_many_outputs_on(data: &[f64]) {
    let filled = |isa, number: usize| {
        let mut moments = Moments::new(BLOCK);
        let rows = &black_box(data)[number % 8 * 3 * BLOCK..][..3 * BLOCK];
        moments.add_rows(isa, 0, BLOCK, rows);
        moments
    };
    print_row("moments of 3, by output", |isa| {
        (0..COUNT / BLOCK).for_each(|number| drop(black_box(filled(isa, number))));
    });
    print_row("finished variance of 3", |isa| {
        let moments = filled(isa, 0);
        for output in 0..COUNT {
            black_box(moments.variance(output % BLOCK, 3, 0, Precision::Double));
        }
    });
    print_row("finished deviation of 3", |isa| {
        let moments = filled(isa, 0);
        for output in 0..COUNT {
            black_box(moments.standard_deviation(output % BLOCK, 3, 0, Precision::Double));
        }
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

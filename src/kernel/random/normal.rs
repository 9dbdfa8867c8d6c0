//! The standard normal: a ziggurat whose fast path is one multiplication.
//!
//! Frozen definition, version 1, with `w` the element's word and `t0, t1, ..` its further words (`words`);
//! X, Y, KEPT, OTHER are the tables EDGES, HEIGHTS, KEPT, OTHER of `tables`, and every operation on reals
//! is one IEEE operation on doubles, rounded to nearest:
//!
//! * `j = w mod 2048`. For `j < 2045`: `z = (w as signed integer, rounded to double) * X[j] * 2^-63`.
//! * Otherwise `z` comes from the pieces between the rectangles and the curve g(x) = exp(-x*x/2):
//!   1. `slot = t0 >> 53`, the sign is bit 52 of `t0` (1 is negative), `rest = t0 mod 2^52`.
//!      `piece = slot` if `rest < KEPT[slot]`, else `OTHER[slot]`.
//!   2. Piece 0, the tail beyond X[0] (Marsaglia 1964), with `u(t) = ((t >> 12) + 0.5) * 2^-52`: take the next
//!      two words `t, t'`; `a = -log(u(t)) / X[0]`, `b = -log(u(t'))`; if `b + b > a * a`, then
//!      `|z| = X[0] + a`; else again with the next two words.
//!   3. Piece p > 0, a wedge or the cap, in the box of x from X[p] to X[p-1] and y from Y[p] to Y[p+1]: take
//!      the next two words `t, t'`; `s = u(t)`, `v = u(t')`. If X[p] >= 1, where the curve lies below the box's
//!      falling diagonal, and `s + v > 1`, then `s = 1 - s` and `v = 1 - v`. `x = X[p] + (X[p-1] - X[p]) * s`,
//!      `y = Y[p] + (Y[p+1] - Y[p]) * v`. If `y < exp(-0.5 * x * x)`, then `|z| = x`; else again.
//!
//! exp and log are those of `elementary`. The rectangles have probability 1/2048 each by construction, so
//! 3 in 2048 elements leave the fast path.

use crate::kernel::elementary::{exp, log};
use crate::kernel::random::Key;
use crate::kernel::random::tables::{EDGES, HEIGHTS, KEPT, OTHER, RECTANGLES};
use crate::kernel::random::words::Spill;
use crate::kernel::random::{STEP, to_f64};

const SLOTS: u64 = 2048;
const _: () = assert!(STEP <= 256, "places in a step are told in a byte");

/// X[j] * 2^-63, exactly; 0 where the slow path is taken.
static WIDTHS: [f64; SLOTS as usize] = {
    let mut widths = [0.0; SLOTS as usize];
    let mut layer = 0;
    while layer < RECTANGLES as usize {
        widths[layer] = EDGES[layer] / 9_223_372_036_854_775_808.0;
        layer += 1;
    }
    widths
};

/// `finish(z)` for elements `first`, `first + 1`, .. with these words.
#[inline(always)]
pub(super) fn normals(
    key: &Key,
    first: u64,
    words: &[u64; STEP],
    out: &mut [f64; STEP],
    finish: impl Fn(f64) -> f64,
) {
    let mut slow_places = [0; STEP];
    let slow_places = look_up(words, out, &mut slow_places);
    for (value, word) in out.iter_mut().zip(words) {
        *value = finish(to_f64(*word as i64) * *value);
    }
    for place in slow_places {
        let z = slow(&mut Spill::of_element(key, first + u64::from(*place)));
        out[usize::from(*place)] = finish(z);
    }
}

/// Writes the width that each word's fast path multiplies by, and returns the places that take the slow one.
/// Compiled for the least CPU on purpose: from more instructions the compiler makes gathers, which are slower
/// than the loads they replace.
#[inline(never)]
fn look_up<'a>(words: &[u64; STEP], widths: &mut [f64; STEP], slow_places: &'a mut [u8; STEP]) -> &'a [u8] {
    let mut count = 0;
    let (groups, widths) = (words.as_chunks::<8>().0, widths.as_chunks_mut::<8>().0);
    for (group, (words, widths)) in groups.iter().zip(widths).enumerate() {
        for lane in 0..8 {
            let layer = words[lane] % SLOTS;
            widths[lane] = WIDTHS[layer as usize];
            if layer >= RECTANGLES {
                std::hint::cold_path();
                slow_places[count % STEP] = (8 * group + lane) as u8;
                count += 1;
            }
        }
    }
    &slow_places[..count]
}

#[cold]
#[inline(never)]
fn slow(spill: &mut Spill<'_>) -> f64 {
    let choice = spill.next();
    let slot = (choice >> 53) as usize;
    let rest = choice & ((1 << 52) - 1);
    let piece = if rest < KEPT[slot] { slot } else { usize::from(OTHER[slot]) };
    let magnitude = if piece == 0 { tail(spill) } else { wedge(spill, piece) };
    if choice >> 52 & 1 == 1 { -magnitude } else { magnitude }
}

fn tail(spill: &mut Spill<'_>) -> f64 {
    loop {
        let a = -log(open_unit(spill.next())) / EDGES[0];
        let b = -log(open_unit(spill.next()));
        if b + b > a * a {
            return EDGES[0] + a;
        }
    }
}

fn wedge(spill: &mut Spill<'_>, piece: usize) -> f64 {
    let (left, right) = (EDGES[piece], EDGES[piece - 1]);
    let (bottom, top) = (HEIGHTS[piece], HEIGHTS[piece + 1]);
    loop {
        let (mut s, mut v) = (open_unit(spill.next()), open_unit(spill.next()));
        if left >= 1.0 && s + v > 1.0 {
            (s, v) = (1.0 - s, 1.0 - v);
        }
        let x = left + (right - left) * s;
        let y = bottom + (top - bottom) * v;
        if y < exp(-0.5 * x * x) {
            return x;
        }
    }
}

/// A number strictly between 0 and 1 from the upper 52 bits of a word.
fn open_unit(word: u64) -> f64 {
    ((word >> 12) as f64 + 0.5) * f64::EPSILON
}

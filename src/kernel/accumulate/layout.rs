//! How rows reach outputs: row by row, or, where rows are narrow, column by column.

use crate::kernel::BLOCK;

/// Rows below this width are taken column by column.
const NARROW: usize = 16;

/// Whether values in rows of this width are better taken column by column.
///
/// # Panics
/// When the width is zero.
pub(super) fn is_narrow(width: usize, count: usize) -> bool {
    assert!(width > 0, "rows of no width");
    width < NARROW && count > width
}

/// Hands out the columns of narrow rows in pieces, each with its number; the last row may be partial.
pub(super) fn columns<V: Copy + Default>(width: usize, values: &[V], mut add: impl FnMut(usize, &[V])) {
    let mut column = [V::default(); BLOCK];
    for block in values.chunks(BLOCK * width) {
        for number in 0..width.min(block.len()) {
            let mut count = 0;
            for (place, value) in column.iter_mut().zip(block[number..].iter().step_by(width)) {
                *place = *value;
                count += 1;
            }
            add(number, &column[..count]);
        }
    }
}

/// Two slices of one length, row by row.
pub(super) fn paired_rows<'a, V, W>(
    width: usize,
    values: &'a [V],
    others: &'a [W],
) -> impl Iterator<Item = (&'a [V], &'a [W])> {
    assert!(width > 0, "rows of no width");
    assert_eq!(values.len(), others.len(), "slices differ in length");
    values.chunks(width).zip(others.chunks(width))
}

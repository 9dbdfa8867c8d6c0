//! The loops that every operation runs in: over one slice in place, over two, or from one into another.

/// Replaces each element by a function of it.
#[inline(always)]
pub(in crate::kernel::elementwise) fn map<T: Copy>(values: &mut [T], function: impl Fn(T) -> T) {
    for value in values {
        *value = function(*value);
    }
}

/// Replaces each element of `left` by a function of it and of its neighbour in `right`.
#[inline(always)]
pub(in crate::kernel::elementwise) fn zip<T: Copy>(
    left: &mut [T],
    right: &[T],
    function: impl Fn(T, T) -> T,
) {
    assert_eq!(left.len(), right.len(), "operands differ in length");
    for (left, right) in left.iter_mut().zip(right) {
        *left = function(*left, *right);
    }
}

/// Writes a function of each element of `from` to its place in `out`.
#[inline(always)]
pub(in crate::kernel::elementwise) fn write<T: Copy, U>(
    from: &[T],
    out: &mut [U],
    function: impl Fn(T) -> U,
) {
    assert_eq!(from.len(), out.len(), "operand and result differ in length");
    for (out, from) in out.iter_mut().zip(from) {
        *out = function(*from);
    }
}

//! The cut of slices, joins and reshapes, against chunks listed one by one.

use proptest::prelude::*;

use super::*;

/// The chunk that each element lies in, and what a slice leaves of it.
fn model(chunks: &[u64], start: u64, step: i64, count: u64) -> Vec<u64> {
    let owner: Vec<usize> =
        chunks.iter().enumerate().flat_map(|(index, &chunk)| vec![index; chunk as usize]).collect();
    let place = |index: u64| (start as i64 + step * index as i64) as usize;
    let owners: Vec<usize> = (0..count).map(|index| owner[place(index)]).collect();
    let runs: Vec<u64> = owners.chunk_by(|a, b| a == b).map(|run| run.len() as u64).collect();
    if runs.is_empty() { vec![0] } else { runs }
}

fn check(cut: &AxisChunks, expected: &[u64]) {
    assert_eq!(cut.first(), &expected[..expected.len().min(64)]);
    assert_eq!(cut.count(), expected.len() as u64);
    assert!(cut.largest() >= *expected.iter().max().unwrap());
}

/// A slice of an axis: start, step, count.
fn slice(extent: u64) -> impl Strategy<Value = (u64, i64, u64)> {
    (0..extent, prop_oneof![1_i64..40, -40_i64..-1]).prop_flat_map(move |(start, step)| {
        let room = if step > 0 { extent - 1 - start } else { start };
        (Just(start), Just(step), 0..=room / step.unsigned_abs() + 1)
    })
}

proptest! {
    #[test]
    fn slices_of_a_regular_axis_keep_its_cuts(
        (extent, one) in (1_u64..500).prop_flat_map(|extent| (Just(extent), slice(extent))),
        chunk in 1_u64..60,
        second in any::<prop::sample::Index>(),
    ) {
        let regular = AxisChunks::regular(extent, chunk);
        let listed: Vec<u64> = (0..extent).step_by(chunk as usize).map(|at| chunk.min(extent - at)).collect();
        check(&regular, &listed);
        let (start, step, count) = one;
        let sliced = regular.slice(start, step, count);
        check(&sliced, &model(&listed, start, step, count));
        // A slice of the slice is one slice of the axis.
        if count > 0 {
            let from = second.index(count as usize) as u64;
            let twice = sliced.slice(from, 1, count - from);
            check(&twice, &model(&listed, (start as i64 + step * from as i64) as u64, step, count - from));
        }
    }

    #[test]
    fn slices_of_an_irregular_axis_keep_its_cuts(
        chunks in prop::collection::vec(1_u64..9, 1..30),
        at in any::<prop::sample::Index>(),
        step in prop_oneof![1_i64..9, -9_i64..-1],
    ) {
        let extent: u64 = chunks.iter().sum();
        let cut = AxisChunks::listed(chunks.iter().copied());
        check(&cut, &chunks);
        let start = at.index(extent as usize) as u64;
        let room = if step > 0 { extent - 1 - start } else { start };
        let count = room / step.unsigned_abs() + 1;
        check(&cut.slice(start, step, count), &model(&chunks, start, step, count));
    }
}

#[test]
fn slices_of_long_axes_are_known_at_once() {
    let cut = AxisChunks::regular(1_000_000_000_000, 1000).slice(0, 100, 10_000_000_000);
    assert_eq!((cut.count(), cut.largest()), (1_000_000_000, 10));
    assert_eq!(cut.first(), [10; 64]);
    let irregular = AxisChunks::listed((0..1_000_000).map(|index| 1 + index % 3));
    let half = irregular.slice(1, 2, 900_000);
    assert_eq!(half.first().iter().sum::<u64>(), 64);
    assert!((800_000..=1_000_000).contains(&half.count()), "about as many: {}", half.count());
}

#[test]
fn joined_axes_keep_the_cuts_of_each() {
    let parts = [AxisChunks::regular(5, 2), AxisChunks::whole(0), AxisChunks::listed([4, 1].into_iter())];
    let joined = AxisChunks::joined(parts.iter());
    check(&joined, &[2, 2, 1, 4, 1]);
    let long = AxisChunks::regular(100, 1);
    let joined = AxisChunks::joined([&long, &AxisChunks::whole(7)].into_iter());
    assert_eq!((joined.count(), joined.largest(), joined.first().len()), (101, 7, 64));
}

#[test]
fn axes_that_stay_in_a_reshape_keep_their_cut() {
    let reshaped = |chunks: &[AxisChunks], to: &[u64]| {
        let cut = reshaped(chunks, &Shape::new(to.to_vec()).unwrap());
        cut.iter().map(|axis| axis.first().to_vec()).collect::<Vec<_>>()
    };
    let odd = AxisChunks::listed([3, 1, 2].into_iter());
    let even = AxisChunks::regular(4, 2);
    assert_eq!(
        reshaped(&[odd.clone(), even.clone()], &[1, 6, 4, 1]),
        [vec![1], vec![3, 1, 2], vec![2, 2], vec![1]]
    );
    assert_eq!(reshaped(&[odd.clone(), even.clone()], &[6, 2, 2]), [vec![3, 1, 2], vec![1, 1], vec![2]]);
    assert_eq!(reshaped(&[odd, even], &[24]), [[6, 6, 6, 6]]);
    assert_eq!(reshaped(&[AxisChunks::whole(0)], &[3, 0]), [[3], [0]]);
}

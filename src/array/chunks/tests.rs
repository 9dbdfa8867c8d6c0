//! What users ask for as chunks becomes the cut of axes that dask would make, or is refused.

use super::*;

fn shape(extents: &[u64]) -> Shape {
    Shape::new(extents.to_vec()).unwrap()
}

fn first(chunks: impl Into<Chunks>, extents: &[u64]) -> Vec<Vec<u64>> {
    let cut = chunks.into().resolve(&shape(extents), DType::F64).unwrap();
    cut.iter().map(|axis| axis.first().to_vec()).collect()
}

fn sizes(chunks: impl Into<Chunks>, extents: &[u64], dtype: DType) -> Vec<(u64, u64)> {
    let cut = chunks.into().resolve(&shape(extents), dtype).unwrap();
    cut.iter().map(|axis| (axis.count(), axis.largest())).collect()
}

#[test]
fn numbers_and_tuples_are_extents() {
    assert_eq!(first(4, &[10]), [[4, 4, 2]]);
    assert_eq!(first(4, &[10, 3]), [vec![4, 4, 2], vec![3]]);
    assert_eq!(first([5, -1], &[10, 3]), [vec![5, 5], vec![3]]);
    assert_eq!(first(7, &[0]), [[0]]);
    assert_eq!(first(-1, &[]), Vec::<Vec<u64>>::new());
}

#[test]
fn tuples_of_tuples_are_the_chunks_themselves() {
    let lists = [AxisChunk::from(vec![3, 7]), AxisChunk::from(vec![1, 1, 1])];
    assert_eq!(first(lists, &[10, 3]), [vec![3, 7], vec![1, 1, 1]]);
    assert_eq!(first([3, 5, 2], &[10]), [[3, 5, 2]]);
    assert_eq!(first([vec![0]], &[0]), [[0]]);
}

#[test]
fn axes_that_a_dict_leaves_out_stay_whole() {
    assert_eq!(first(BTreeMap::from([(0, 5)]), &[10, 3]), [vec![5, 5], vec![3]]);
    assert_eq!(first(BTreeMap::from([(-1, vec![1, 2])]), &[10, 3]), [vec![10], vec![1, 2]]);
}

#[test]
fn automatic_chunks_keep_last_axes_whole() {
    assert_eq!(sizes("auto", &[20_000, 20_000], DType::F64), [(24, 838), (1, 20_000)]);
    assert_eq!(sizes(Chunks::Automatic, &[1 << 30], DType::F64), [(64, 1 << 24)]);
    assert_eq!(sizes("auto", &[1 << 30], DType::Bool), [(8, 1 << 27)]);
    assert_eq!(sizes("auto", &[7, 5], DType::F64), [(1, 7), (1, 5)]);
    assert_eq!(sizes("auto", &[9, 1 << 24], DType::F64), [(9, 1), (1, 1 << 24)]);
}

#[test]
fn axes_left_to_choose_share_what_the_others_leave() {
    let asked: [AxisChunk; 2] = ["auto".into(), 1000.into()];
    assert_eq!(sizes(asked, &[1 << 20, 2000], DType::F64), [(63, 16_777), (2, 1000)]);
    let asked: [AxisChunk; 2] = ["80 kB".into(), AxisChunk::WHOLE];
    assert_eq!(sizes(asked, &[100, 1000], DType::F64), [(10, 10), (1, 1000)]);
}

#[test]
fn bytes_are_those_of_a_chunk_as_dask_reads_them() {
    let elements = |text: &str| sizes(text, &[1 << 40], DType::F64)[0].1 * 8;
    let texts = ["64 MiB", "64MiB", "64 mib", "1 MB", "1e6", "1.5 kiB", "8 B", "8000"];
    let bytes = [64 << 20, 64 << 20, 64 << 20, 1_000_000, 1_000_000, 1536, 8, 8000];
    assert_eq!(texts.map(elements), bytes);
    assert_eq!(sizes("1 B", &[3], DType::F64), [(3, 1)], "a chunk has at least one element");
}

#[test]
fn refused_chunks_say_what_to_write() {
    let cases: [(Chunks, &[u64]); 11] = [
        (0.into(), &[10]),
        ((-2).into(), &[10]),
        ([1, 2, 3].into(), &[10, 3]),
        (Chunks::Axes(Vec::new()), &[10]),
        ([3, 4].into(), &[10]),
        ([vec![1; 20]].into(), &[10]),
        ([vec![0, 10]].into(), &[10]),
        (vec![AxisChunk::from("1 MiB"), "2 MiB".into()].into(), &[10, 10]),
        ("64 MeB".into(), &[10]),
        (BTreeMap::from([(2, 1)]).into(), &[10, 10]),
        (Chunks::Every(vec![1, 2].into()), &[10, 10]),
    ];
    let refusals: Vec<String> = cases
        .iter()
        .map(|(chunks, extents)| chunks.resolve(&shape(extents), DType::F64).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    error: chunks of 0 elements
    hint: a chunk has at least one element; -1 is the whole axis
    error: chunks of -2 elements
    hint: a chunk has at least one element; -1 is the whole axis
    error: chunks for 3 axes of an array with 2 axes
    hint: the array's shape is (10, 3): give one entry for each axis
    error: chunks for 0 axes of an array with 1 axis
    hint: the array's shape is (10,): give one entry for each axis
    error: chunks that sum to 7 along an axis of 10 elements
    cause: they are (3, 4)
    hint: the chunks of an axis sum to its extent; one number stands for chunks of that extent
    error: chunks that sum to 20 along an axis of 10 elements
    cause: they are (1, 1, 1, 1, 1, 1, 1, 1) and 12 more
    hint: the chunks of an axis sum to its extent; one number stands for chunks of that extent
    error: chunks of 0 elements
    hint: a chunk has at least one element; -1 is the whole axis
    error: chunks of both "1 MiB" and "2 MiB"
    hint: the bytes are those of a whole chunk: say them once, and "auto" for the other axes
    error: invalid chunks "64 MeB"
    hint: write "auto" or a size such as "64 MiB"
    error: axis 2 is out of bounds for array of dimension 2
    hint: its axes are 0 to 1, also -2 to -1
    error: chunks that sum to 3 along an axis of 10 elements
    cause: they are (1, 2)
    hint: the chunks of an axis sum to its extent; one number stands for chunks of that extent
    "#);
}

#[test]
fn of_many_chunks_the_first_are_kept() {
    let regular = sizes(1, &[1_000_000_000], DType::F64);
    assert_eq!(regular, [(1_000_000_000, 1)]);
    let list = [AxisChunk::List((0..1_000_000).map(|index| 1 + index % 3).collect())];
    let irregular = Chunks::Axes(list.to_vec()).resolve(&shape(&[1_999_999]), DType::F64).unwrap();
    assert_eq!((irregular[0].count(), irregular[0].largest()), (1_000_000, 3));
    assert_eq!(irregular[0].first().len(), 64);
}

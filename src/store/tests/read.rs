//! Reading: any format and any order of requests against a plain model, and files that change meanwhile.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use crate::array::{Kind, Stored};
use crate::store::tests::{c_order, load, npy, told, write_doubles};
use crate::store::window::Window;
use crate::store::{PIECE, Reader};

const DESCRS: [&str; 20] = [
    "|b1", "|i1", "|u1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8",
    "<f4", ">f4", "<f8", ">f8", "<f2",
];

/// The bytes of a small whole number, which every format can hold but for truth values.
fn element(descr: &str, value: u64) -> Vec<u8> {
    let value = value % 100;
    let little = match &descr[1..] {
        "b1" => vec![(value % 2) as u8],
        "f2" => half(value as u16).to_le_bytes().to_vec(),
        "f4" => (value as f32).to_le_bytes().to_vec(),
        "f8" => (value as f64).to_le_bytes().to_vec(),
        integer => value.to_le_bytes()[..integer[1..].parse().unwrap()].to_vec(),
    };
    if descr.starts_with('>') { little.into_iter().rev().collect() } else { little }
}

/// A whole number below 2048 in half precision.
fn half(value: u16) -> u16 {
    let exponent = value.checked_ilog2();
    exponent.map_or(0, |exponent| ((exponent as u16 + 15) << 10) + ((value << (10 - exponent)) & 1023))
}

fn expected(descr: &str, value: i128) -> f64 {
    let value = value.rem_euclid(100) as f64;
    if descr == "|b1" { value % 2.0 } else { value }
}

/// Element i is i modulo 100, over parts of these lengths.
fn stack(descr: &str, lengths: &[usize]) -> (tempfile::TempDir, Stored) {
    let directory = tempfile::tempdir().unwrap();
    let mut next = 0_u64;
    for (index, length) in lengths.iter().enumerate() {
        let elements: Vec<u8> =
            (next..next + *length as u64).flat_map(|value| element(descr, value)).collect();
        next += *length as u64;
        let bytes = npy(&c_order(descr, &format!("({length},)")), &elements);
        fs::write(directory.path().join(format!("{index}.npy")), bytes).unwrap();
    }
    let (stored, _) = load(directory.path()).unwrap();
    (directory, stored)
}

/// Reads as floats whatever the format is.
fn read(reader: &mut Reader, stored: &Stored, first: u64, step: i64, count: usize) -> Vec<f64> {
    let mut reals = vec![f64::NAN; count];
    if stored.format.kind == Kind::Float {
        reader.read_real_strided(first, step, &mut reals).unwrap();
        return reals;
    }
    let mut integers = vec![-1; count];
    reader.read_integer_strided(first, step, &mut integers).unwrap();
    integers.into_iter().map(|value| value as f64).collect()
}

#[derive(Debug, Clone, Copy)]
struct Request {
    place: f64,
    step: i64,
    count: usize,
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let step = prop_oneof![4 => Just(1_i64), 2 => -3..4_i64, 1 => -700..700_i64, 1 => -60_000..60_000_i64];
    let count = prop_oneof![3 => 1..1100_usize, 1 => 1..70_000_usize];
    let request = (0.0..1.0, step, count).prop_map(|(place, step, count)| Request { place, step, count });
    proptest::collection::vec(request, 1..12)
}

/// The request cut to what exists; half of them go on where the last one ended.
fn within(request: Request, last: u64, elements: u64) -> (u64, i64, usize) {
    let first = if request.place < 0.5 { last } else { (request.place * elements as f64) as u64 };
    let first = first.min(elements - 1);
    let left = if request.step > 0 { elements - 1 - first } else { first };
    let fits = left.checked_div(request.step.unsigned_abs()).map_or(usize::MAX, |steps| steps as usize + 1);
    (first, request.step, request.count.min(fits))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_request_reads_the_elements_it_names(
        descr in proptest::sample::select(&DESCRS),
        lengths in proptest::collection::vec(prop_oneof![0..5_usize, 0..2000_usize, 0..90_000_usize], 1..7),
        requests in requests(),
    ) {
        let (_directory, stored) = stack(descr, &lengths);
        let mut reader = Reader::open(&stored).unwrap();
        let elements = stored.elements();
        prop_assume!(elements > 0);
        let mut last = 0;
        for request in requests {
            let (first, step, count) = within(request, last, elements);
            let values = read(&mut reader, &stored, first, step, count);
            for (index, value) in values.iter().enumerate() {
                let element = i128::from(first) + i128::from(step) * index as i128;
                prop_assert_eq!(*value, expected(descr, element), "element {} of {}", element, descr);
            }
            last = (i128::from(first) + i128::from(step) * count as i128).clamp(0, i128::from(elements)) as u64;
        }
    }

    #[test]
    fn what_is_read_in_vain_is_bounded_by_what_is_used(
        steps in proptest::collection::vec((0..3_u64, 1..600_u64), 1..200),
        backwards in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        write_doubles(directory.path(), "x.npy", "(262144,)", 1 << 18);
        let (stored, _) = load(&directory.path().join("x.npy")).unwrap();
        let part = &stored.parts[0];
        let file = File::open(&part.path).unwrap();
        let all = part.offset..part.length;
        let mut window = Window::new();
        let (mut used, mut read) = (0, 0);
        let mut at = 0;
        for (gap, length) in steps {
            // A gap of up to twice the request: some are passed over, some are jumps.
            let from = at + gap * length * 4;
            let mut wanted = all.start + from..all.start + from + length * 8;
            at = from + length * 8;
            if backwards {
                wanted = all.start + all.end - wanted.end..all.start + all.end - wanted.start;
            }
            used += wanted.end - wanted.start;
            if let Some(piece) = window.request(0, &wanted, &all) {
                prop_assert!(piece.start <= wanted.start && wanted.end <= piece.end);
                prop_assert!(all.start <= piece.start && piece.end <= all.end);
                prop_assert!(piece.end - piece.start <= PIECE as u64);
                read += piece.end - piece.start;
                window.fill(&file, part, piece).unwrap();
            }
            prop_assert!(window.bytes(&wanted).len() as u64 == wanted.end - wanted.start);
        }
        prop_assert!(read <= 3 * used, "{} read for {}", read, used);
    }
}

#[test]
fn a_number_beyond_int64_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npy");
    let elements: Vec<u8> =
        [0, 1 << 62, u64::MAX - 5].iter().flat_map(|value: &u64| value.to_le_bytes()).collect();
    fs::write(&path, npy(&c_order("<u8", "(3,)"), &elements)).unwrap();
    let (stored, _) = load(&path).unwrap();
    let mut reader = Reader::open(&stored).unwrap();
    let mut out = [0; 2];
    reader.read_integer(0, &mut out).unwrap();
    assert_eq!(out, [0, 1 << 62]);
    insta::assert_snapshot!(told(directory.path(), reader.read_integer_strided(0, 2, &mut out)), @r#"
    error: element 2 of `DIRECTORY/x.npy` is 18446744073709551610, beyond the range of int64
    hint: save it as floats: `np.save(..., x.astype("float64"))`
    "#);
}

#[test]
fn bytes_that_are_no_long_double_of_x86_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npy");
    // 1 as x86 writes it, and 1/3 in quadruple precision.
    let one = 0x3fff_8000_0000_0000_0000_u128;
    let third = 0x3ffd_5555_5555_5555_5555_5555_5555_5555_u128;
    let elements: Vec<u8> = [one, third].iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(&path, npy(&c_order("<f16", "(2,)"), &elements)).unwrap();
    let (stored, _) = load(&path).unwrap();
    let mut reader = Reader::open(&stored).unwrap();
    let mut out = [0.0; 2];
    reader.read_real(0, &mut out[..1]).unwrap();
    assert_eq!(out[0], 1.0);
    insta::assert_snapshot!(told(directory.path(), reader.read_real(0, &mut out)), @r#"
    error: element 1 of `DIRECTORY/x.npy` is no long double as x86 writes them
    cause: other CPUs write long doubles of the same dtype otherwise
    hint: save it as doubles: `np.save(..., x.astype("float64"))`
    "#);
}

#[test]
fn a_file_that_has_changed_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npy");
    write_doubles(directory.path(), "x.npy", "(9,)", 9);
    let (stored, _) = load(&path).unwrap();
    let open = || told(directory.path(), Reader::open(&stored));
    let earlier = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().write(true).open(&path).unwrap().set_modified(earlier).unwrap();
    let touched = open();
    write_doubles(directory.path(), "x.npy", "(9,)", 10);
    let longer = open();
    fs::remove_file(&path).unwrap();
    insta::assert_snapshot!([touched, longer, open()].join("\n\n"), @r"
    error: `DIRECTORY/x.npy` has changed since its header was read
    cause: it was written again
    hint: let no program write it while it is read, and run again

    error: `DIRECTORY/x.npy` has changed since its header was read
    cause: it had 139 bytes, and now has 147
    hint: let no program write it while it is read, and run again

    error: cannot read `DIRECTORY/x.npy`
    cause: No such file or directory (os error 2)
    ");
}

#[test]
fn a_later_file_of_a_stack_is_refused_when_it_is_reached() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a.npy", "b.npy"] {
        write_doubles(directory.path(), name, "(9,)", 9);
    }
    let (stored, _) = load(directory.path()).unwrap();
    write_doubles(directory.path(), "b.npy", "(8,)", 8);
    let mut reader = Reader::open(&stored).unwrap();
    reader.read_real(0, &mut [0.0; 9]).unwrap();
    insta::assert_snapshot!(told(directory.path(), reader.read_real(0, &mut [0.0; 10])), @r"
    error: `DIRECTORY/b.npy` has changed since its header was read
    cause: it had 139 bytes, and now has 131
    hint: let no program write it while it is read, and run again
    ");
}

#[test]
fn a_file_cut_while_it_is_read_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npy");
    write_doubles(directory.path(), "x.npy", "(100,)", 100);
    let (stored, _) = load(&path).unwrap();
    let mut reader = Reader::open(&stored).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(200).unwrap();
    insta::assert_snapshot!(told(directory.path(), reader.read_real(50, &mut [0.0; 50])), @r"
    error: cannot read `DIRECTORY/x.npy` at byte 469
    cause: the file has become shorter since it was opened
    ");
}

#[test]
fn elements_that_are_not_there_are_never_read() {
    let (directory, stored) = stack("<f8", &[10]);
    let mut reader = Reader::open(&stored).unwrap();
    let mut out = [0.0; 3];
    assert!(reader.read_real(8, &mut out).is_err());
    assert!(reader.read_real(u64::MAX, &mut out).is_err());
    assert!(reader.read_real_strided(1, -1, &mut out).is_err());
    assert!(reader.read_real_strided(0, i64::MAX, &mut out).is_err());
    assert!(reader.read_integer(0, &mut [0]).is_err());
    let told = told(directory.path(), reader.read_real(8, &mut out));
    assert!(
        told.contains("3 elements from 8 on, 1 apart, are asked for, and it holds 10 of `<f8`"),
        "{told}"
    );
}

//! Drawings of known computations, line by line, and what holds for every drawing.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::array::random::{normal, random};
use crate::array::{Array, Index, arange};
use crate::draw::{Drawing, draw};

fn drawing(results: &[(&str, &Array)]) -> Drawing {
    let results: Vec<_> =
        results.iter().map(|(name, array)| ((*name).to_owned(), array.expr().unwrap())).collect();
    draw(&results)
}

/// The array of the lesson: 6.4 GB in four chunks.
fn lesson() -> Array {
    normal(0.0, 0.1).size([800_000_000]).chunks(200_000_000).stream("x")
}

/// 400 chunks.
fn square() -> Array {
    normal(10.0, 0.1).size([20_000, 20_000]).chunks([1000, 1000]).stream("x")
}

/// 4 chunks.
fn small() -> Array {
    normal(0.0, 1.0).size([40, 30]).chunks([20, 15]).stream("x")
}

fn standardised(x: &Array) -> Array {
    ((x - &x.axis(0).mean()) / &x.axis(0).std()).max()
}

#[test]
fn mean_of_the_lesson_is_four_sources_four_partials_and_a_combine() {
    let drawing = drawing(&[("mean", &lesson().mean())]);
    insta::assert_snapshot!("lesson", drawing.to_dot());
    insta::assert_snapshot!(drawing.to_text(), @r"
    mean  () float64  8 B
    └ combine mean  () float64  8 B
      ├ partial mean  () float64
      │ └ normal  (200000000,) float64  1.49 GiB
      ├ partial mean  () float64
      │ └ normal  (200000000,) float64  1.49 GiB
      ├ partial mean  () float64
      │ └ normal  (200000000,) float64  1.49 GiB
      └ partial mean  () float64
        └ normal  (200000000,) float64  1.49 GiB
    ");
}

#[test]
fn sum_of_400_chunks_is_one_node_a_layer() {
    let drawing = drawing(&[("sum", &square().sum())]);
    insta::assert_snapshot!("sum", drawing.to_dot());
    insta::assert_snapshot!(drawing.to_text(), @r"
    sum  () float64  8 B
    └ combine sum  () float64  8 B
      └ partial sum  x 400  () float64
        └ normal  x 400  (1000, 1000) float64  7.63 MiB each
    ");
}

#[test]
fn slice_of_a_mean_over_an_axis() {
    let columns = square().axis(0).mean().slice(&[Index::ALL.step(100)]);
    let drawing = drawing(&[("columns", &columns)]);
    insta::assert_snapshot!("slice", drawing.to_dot());
    insta::assert_snapshot!(drawing.to_text(), @r"
    columns  (200,) float64  1.56 KiB
    └ mean[::100]  x 20  (10,) float64  80 B each
      └ combine mean(axis=0)  x 20  (1000,) float64  7.81 KiB each
        └ partial mean(axis=0)  x 400  (1000,) float64
          └ normal  x 400  (1000, 1000) float64  7.63 MiB each
    ");
}

#[test]
fn standardised_maximum_takes_two_stages() {
    let drawing = drawing(&[("greatest", &standardised(&small()))]);
    insta::assert_snapshot!("stages", drawing.to_dot());
    insta::assert_snapshot!(drawing.to_text(), @r"
    greatest  () float64  8 B
    └ stage 2: combine max  () float64  8 B
      └ partial max  x 4  () float64
        └ (normal - mean) / std  x 4  (20, 15) float64  2.34 KiB each
          ├ stage 1: combine mean(axis=0)  x 2  (15,) float64  120 B each
          │ └ partial mean(axis=0)  x 4  (15,) float64
          │   └ [1] normal  x 4  (20, 15) float64  2.34 KiB each
          └ stage 1: combine std(axis=0)  x 2  (15,) float64  120 B each
            └ partial std(axis=0)  x 4  (15,) float64
              └ [1] normal  see above
    ");
}

#[test]
fn results_share_an_array() {
    let x = lesson();
    let drawing = drawing(&[("mean", &x.mean()), ("deviation", &x.std())]);
    insta::assert_snapshot!("shared", drawing.to_dot());
    insta::assert_snapshot!(drawing.to_text(), @r"
    mean  () float64  8 B
    └ combine mean  () float64  8 B
      └ partial mean  x 4  () float64
        └ [1] normal  x 4  (200000000,) float64  1.49 GiB each
    deviation  () float64  8 B
    └ combine std  () float64  8 B
      └ partial std  x 4  () float64
        └ [1] normal  see above
    ");
}

#[test]
fn what_is_written_twice_is_drawn_once() {
    let once = lesson().mean();
    let twice = drawing(&[("mean", &lesson().mean()), ("error", &(&lesson().mean() / 2.0))]);
    let shared = drawing(&[("mean", &once), ("error", &(&once / 2.0))]);
    assert_eq!(twice.to_dot(), shared.to_dot());
    assert_eq!(twice.nodes.len(), 4 + 4 + 1 + 1 + 2);
}

#[test]
fn elementwise_work_is_fused_with_its_sources() {
    let y = random().size([800_000_000]).chunks(200_000_000).stream("y");
    let mean = (lesson() * 2.0 + y.sqrt()).slice(&[Index::ALL.step(-1)]).mean() + 1.0;
    insta::assert_snapshot!(drawing(&[("mean", &mean)]).to_text(), @r"
    mean  () float64  8 B
    └ mean + 1  () float64  8 B
      └ combine mean  () float64  8 B
        ├ partial mean  () float64
        │ └ (normal * 2 + sqrt(random))[::-1]  (200000000,) float64  1.49 GiB
        ├ partial mean  () float64
        │ └ (normal * 2 + sqrt(random))[::-1]  (200000000,) float64  1.49 GiB
        ├ partial mean  () float64
        │ └ (normal * 2 + sqrt(random))[::-1]  (200000000,) float64  1.49 GiB
        └ partial mean  () float64
          └ (normal * 2 + sqrt(random))[::-1]  (200000000,) float64  1.49 GiB
    ");
}

#[test]
fn reductions_that_keep_their_axes_are_one_combine() {
    let x = square();
    let apart = (&x - &x.axis(1).keepdims().mean()).axis(1).var();
    insta::assert_snapshot!(drawing(&[("variances", &apart)]).to_text(), @r"
    variances  (20000,) float64  156.25 KiB
    └ stage 2: combine var(axis=1)  x 20  (1000,) float64  7.81 KiB each
      └ partial var(axis=1)  x 400  (1000,) float64
        └ normal - mean  x 400  (1000, 1000) float64  7.63 MiB each
          └ stage 1: combine mean(axis=1)  x 20  (1000, 1) float64  7.81 KiB each
            └ partial mean(axis=1)  x 400  (1000,) float64
              └ normal  x 400  (1000, 1000) float64  7.63 MiB each
    ");
}

#[test]
fn slices_are_made_of_the_chunks_that_they_touch() {
    let x = arange(0, 40, 1).chunks(10);
    let drawing = drawing(&[("whole", &x), ("part", &x.slice(&[Index::from(5..15)]))]);
    let part: Vec<usize> = (0..drawing.nodes.len())
        .filter(|&node| drawing.lines(&drawing.nodes[node])[0].starts_with("arange[5:15]"))
        .collect();
    let into = |node: usize| drawing.edges.iter().filter(move |edge| edge.1 == node).map(|edge| edge.0);
    assert_eq!(part.len(), 2, "{}", drawing.to_dot());
    assert_eq!(part.iter().map(|&node| into(node).collect()).collect::<Vec<Vec<_>>>(), [[0], [1]]);
}

#[test]
fn a_thousand_million_chunks_are_counted_and_not_listed() {
    let x = normal(0.0, 1.0).size([1_000_000_000_007]).chunks(1000).stream("x");
    insta::assert_snapshot!(drawing(&[("mean", &x.mean())]).to_text(), @r"
    mean  () float64  8 B
    └ combine mean  () float64  8 B
      └ partial mean  x 1000000001  () float64
        └ normal  x 1000000001  up to (1000,) float64  7.81 KiB each
    ");
}

#[test]
fn text_is_no_wider_than_a_terminal() {
    let mut x = small();
    for _ in 0..40 {
        x = &x - &x.mean();
    }
    let name = "a name that is longer than a line of a terminal, which has eighty columns and no more";
    let text = drawing(&[(name, &x.max()), ("sum", &standardised(&square()))]).to_text();
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 80), "{text}");
}

#[test]
fn known_numbers_are_results_without_inputs() {
    let drawing = drawing(&[("seven", &Array::from(7.0))]);
    assert_eq!(drawing.to_text(), "seven  () float64  8 B\n");
    assert!(drawing.to_svg().contains("seven"));
}

const PARSER: &str = "import sys, xml.etree.ElementTree as tree\n\
    for line in sys.stdin.buffer.read().split(b'\\0'):\n\
    \x20   root = tree.fromstring(line)\n\
    \x20   kinds = [element.tag.split('}')[1] for element in root.iter()]\n\
    \x20   print(root[0].text.encode(), kinds.count('g'), kinds.count('desc'))";

#[test]
fn svg_is_xml_with_a_title_whatever_results_are_called() {
    let strange = "<mean> & \"sd\"\u{1}\u{fffe}]]>";
    let mean = lesson().mean();
    let pictures = [
        drawing(&[(strange, &mean), ("\u{e9}", &mean)]).to_svg(),
        drawing(&[("stages", &standardised(&small()))]).to_svg(),
    ];
    let mut python = Command::new("python3")
        .args(["-c", PARSER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(pictures.join("\0").as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r#"
    b'Task graph of <mean> & "sd"\xef\xbf\xbd\xef\xbf\xbd]]>, \xc3\xa9' 11 1
    b'Task graph of stages' 26 1
    "#);
}

#[cfg(feature = "png")]
#[test]
fn png_shows_text_without_fonts_of_the_system() {
    let dark = |name: &str| {
        let png = drawing(&[(name, &Array::from(7.0))]).to_png().unwrap();
        let picture = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
        picture.pixels().iter().filter(|pixel| pixel.red() < 0x80).count()
    };
    assert!(dark("mmmmm") > dark("i") + 100);
}

//! Another size of a random array, where it is written.

use super::files::Fake;
use crate::array::text::{Definitions, parse, resize};

fn definitions(arrays: &[(&str, &str)], result: &str) -> Definitions {
    let arrays = arrays.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let results = vec![("r".to_owned(), result.to_owned())];
    Definitions { arrays: arrays.collect(), results, saves: Vec::new() }
}

fn resized(arrays: &[(&str, &str)], result: &str, stream: &str) -> (Vec<String>, String) {
    let resized = resize(&definitions(arrays, result), &Fake, stream, 77).expect("resized");
    parse(&resized, &Fake).expect("it still has a meaning");
    (resized.arrays.into_iter().map(|(_, text)| text).collect(), resized.results[0].1.clone())
}

#[test]
fn size_is_changed_where_it_is_written_and_nothing_else_is() {
    let of_result = |text: &str| resized(&[], text, "r").1;
    assert_eq!(of_result("random.normal(0, 0.1, size=8e8).mean()"), "random.normal(0, 0.1, size=77).mean()");
    assert_eq!(of_result("random.uniform(0, 5, 5).std() + 5"), "random.uniform(0, 5, 77).std() + 5");
    assert_eq!(
        of_result("(random.random(size=(2 * 10**3,), chunks=10) > 0.5).sum()"),
        "(random.random(size=77, chunks=10) > 0.5).sum()"
    );
    let rng = "random.default_rng(5).normal(size=4, dtype=np.float32, stream='a').max()";
    assert_eq!(resized(&[], rng, "a").1, rng.replace("size=4", "size=77"));
}

#[test]
fn arrays_of_other_streams_stay_as_they_are() {
    let text = "random.random(size=9).mean() + random.normal(size=(9,)).mean()";
    assert_eq!(resized(&[], text, "r").1, text.replacen("size=9", "size=77", 1));
    assert_eq!(resized(&[], text, "r/1").1, text.replace("(9,)", "77"));
    assert_eq!(resized(&[], text, "another").1, text);
}

#[test]
fn size_that_has_a_name_is_changed_where_the_name_is_defined() {
    let arrays = [("n", "2 * 10**8"), ("m", " n "), ("x", "random.random(size=m)")];
    let (arrays, result) = resized(&arrays, "x.sum() / n", "x");
    assert_eq!(arrays, ["77", " n ", "random.random(size=m)"]);
    assert_eq!(result, "x.sum() / n");
}

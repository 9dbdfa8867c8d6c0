//! Which pages of a file each task of a save writes. Workers on several machines write one file, and a page that two of
//! them write travels between their caches; on some file systems one of them then loses what it wrote.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use squall::array::Target;
use squall::execute::Executor;
use squall::plan::{Finished, plan};

use crate::engine::parsed;

const PAGE: usize = 4096;
const SEED: u128 = 5;

/// The pages that a fresh file of the save gets by these tasks; none of the elements may be zero.
fn pages(save: &Save<'_>, tasks: Range<u64>) -> Vec<usize> {
    save.target.create().expect("it can be made");
    let before = std::fs::read(&save.target.temporary).expect("it is there");
    let stop = Arc::new(AtomicBool::new(false));
    let done = save.executor.run(Arc::clone(save.stage), tasks.clone(), stop).expect("the tasks are done");
    assert_eq!(done.finished, tasks.end - tasks.start);
    let after = std::fs::read(&save.target.temporary).expect("it is there");
    save.target.discard();
    assert_eq!(before.len(), after.len());
    let pages = before.chunks(PAGE).zip(after.chunks(PAGE)).enumerate();
    pages.filter(|(_, (before, after))| before != after).map(|(page, _)| page).collect()
}

struct Save<'a> {
    target: &'a Target,
    stage: &'a Arc<squall::plan::Stage>,
    executor: &'a Executor,
}

/// Fails unless each page with elements is written by exactly one task, and there are several tasks.
fn assert_pages_have_one_writer(lines: &[(&str, &str)], saved: &str) {
    let lines: Vec<(String, String)> =
        lines.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let expr = parsed(&lines, &[("r".into(), saved.to_owned())]).expect("it is accepted").results.remove(0).1;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("saved.npy").to_str().expect("UTF-8").to_owned();
    let target = Target::new(&path, expr.dtype(), expr.shape(), "run").expect("a new file");
    let plan = plan(&[], &[(target.clone(), expr.clone())], SEED).expect("it can be planned");
    let running = plan.begin(&Finished::default()).expect("it can begin");
    let executor = Executor::detect(1).expect("a thread");
    let stage = Arc::new(running.stage().clone());
    let save = Save { target: &target, stage: &stage, executor: &executor };
    assert!(stage.tasks() > 2, "{saved}: {} tasks", stage.tasks());
    let mut writers: BTreeMap<usize, u64> = BTreeMap::new();
    for task in 0..stage.tasks() {
        for page in pages(&save, task..task + 1) {
            let other = writers.insert(page, task);
            assert_eq!(other, None, "{saved}: task {task} writes page {page} too");
        }
    }
    let all: Vec<usize> = writers.into_keys().collect();
    assert_eq!(all, pages(&save, 0..stage.tasks()), "{saved}: together the tasks write what each writes");
    let bytes = expr.shape().size() * expr.dtype().itemsize();
    assert_eq!(all.len() as u64, bytes.div_ceil(PAGE as u64), "{saved}: every page has elements");
}

#[test]
fn each_page_of_a_saved_array_is_written_by_one_task() {
    let x = ("x", "random.random((1237, 2001)) + 1");
    assert_pages_have_one_writer(&[x], "x");
    assert_pages_have_one_writer(&[x], "x.astype('f4')");
    assert_pages_have_one_writer(&[x], "x > 0");
    assert_pages_have_one_writer(&[("v", "random.random(3_000_001) + 1")], "v * v");
}

#[test]
fn each_page_of_a_saved_transpose_is_written_by_one_task() {
    let x = ("x", "random.random((1237, 2001)) + 1");
    assert_pages_have_one_writer(&[x], "x.T");
    assert_pages_have_one_writer(&[x], "(x.T * 2)[:, ::-1]");
    assert_pages_have_one_writer(&[("c", "random.random((101, 103, 307)) + 1")], "c.transpose(2, 0, 1)");
}

#[test]
fn each_page_of_saved_pieces_is_written_by_one_task() {
    let lines = [("x", "random.random((1237, 1001)) + 1"), ("y", "random.random((1001, 1001)) + 1")];
    assert_pages_have_one_writer(&lines, "concatenate([x, y])");
    assert_pages_have_one_writer(&lines, "concatenate([x[:1001], y], axis=1)");
    assert_pages_have_one_writer(&lines, "stack([x[:1001], y], axis=1)");
    assert_pages_have_one_writer(&lines, "concatenate([x.T, y], axis=1)");
}

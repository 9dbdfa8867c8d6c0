//! What a piece of work costs the thread that does it: the most memory it holds, and its time on a CPU.
#![expect(
    unsafe_code,
    reason = "an allocator that counts, and a clock that neither nix nor rustix is built with here"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// The system's allocator, which counts what each thread holds.
pub(crate) struct Counting;

thread_local! {
    /// Bytes that this thread has taken and not given back; another thread may have given some back.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    /// What the thread is at, to be told before the process ends.
    static WORK: RefCell<String> = const { RefCell::new(String::new()) };
}

/// An allocation that may end the process.
const LARGE: usize = 1 << 30;

/// A thread that ends has no counters any more, and nobody asks for them.
fn count(bytes: isize) {
    if bytes >= LARGE as isize {
        let _ = WORK.try_with(|work| {
            let work = work.borrow();
            // SAFETY: the text is there while it is written.
            unsafe { libc::write(2, work.as_ptr().cast(), work.len()) };
        });
    }
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call is the system allocator's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // While it moves there are both.
        count(size as isize);
        count(-(layout.size() as isize));
        unsafe { System.realloc(block, layout, size) }
    }
}

/// What something has cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Bytes that were held at once at the most, beyond those before.
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// Does something and measures it; `name` is told where an allocation is so large that it may end the process.
pub(crate) fn cost<T>(name: String, work: impl FnOnce() -> T) -> (T, Cost) {
    WORK.set(name);
    let before = HELD.get();
    MOST.set(before);
    let began = cpu_time();
    let done = work();
    let time = cpu_time().saturating_sub(began);
    (done, Cost { bytes: usize::try_from(MOST.get() - before).unwrap_or(0), time })
}

fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of our own.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(told, 0, "every Linux has this clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

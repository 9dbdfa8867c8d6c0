//! The behaviours that all kinds of cluster share, on threads and on processes.

use crate::processes::assert_no_process_of;
use crate::support::Place;
use crate::support::conformance::{Kind, for_each_behaviour};

/// One test a behaviour, on the kind that the surrounding module makes.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                crate::support::conformance::$name(&kind());
            }
        )*
    };
}

mod threads {
    use super::*;

    fn kind() -> Kind<'static> {
        let flags = &|threads| vec!["--cluster=threads".to_owned(), format!("--cores={threads}")];
        Kind { place: &Place::new, flags, outside: false, assert_nothing_left: &assert_no_process_of }
    }

    for_each_behaviour!(tests);
}

mod processes {
    use super::*;

    fn kind() -> Kind<'static> {
        let flags = &|workers| {
            let words = ["--cluster=processes", "--cores=1"].map(str::to_owned).into_iter();
            let numbers =
                [format!("--workers={workers}"), format!("--set=cluster.minimum_workers={workers}")];
            words.chain(numbers).collect()
        };
        Kind { place: &Place::new, flags, outside: true, assert_nothing_left: &assert_no_process_of }
    }

    for_each_behaviour!(tests);
}

//! The rooms and who may import whom, as `docs/architecture.md` says it.

use std::collections::{BTreeMap, BTreeSet};

/// The room that every other may import.
const ERROR: &str = "error";
/// The row of a room without limits says this.
const ANYTHING: &str = "anything";

/// Every room with those it may import; none where it may import anything.
pub(crate) struct Table(BTreeMap<String, Option<BTreeSet<String>>>);

impl Table {
    /// Reads the table whose header begins with `room`.
    pub(crate) fn parse(document: &str) -> Result<Table, String> {
        let mut lines = document.lines().skip_while(|line| !line.starts_with("| room |"));
        if lines.next().is_none() {
            return Err("there is no table that begins with `| room |`".to_owned());
        }
        let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
        let mut table = BTreeMap::new();
        for row in rows {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let &[room, _, imports] = cells.as_slice() else {
                return Err(format!("a row of the room table without three cells: {row}"));
            };
            let names = quoted(imports);
            // So the table has no circle, and a name that is misspelt is found.
            if let Some(name) = names.iter().find(|name| !table.contains_key(*name)) {
                return Err(format!("a row that names `{name}`, which has no row above it: {row}"));
            }
            let imports = (imports != ANYTHING).then(|| names.into_iter().collect());
            for name in quoted(room) {
                table.insert(name, imports.clone());
            }
        }
        Ok(Table(table))
    }

    pub(crate) fn rooms(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    pub(crate) fn allows(&self, room: &str, imported: &str) -> bool {
        let listed =
            |imports: &Option<BTreeSet<String>>| imports.as_ref().is_none_or(|all| all.contains(imported));
        room == imported || imported == ERROR || self.0.get(room).is_some_and(listed)
    }

    /// What a room may import, in words.
    pub(crate) fn row(&self, room: &str) -> String {
        match self.0.get(room) {
            Some(Some(imports)) => {
                let names: Vec<&str> = imports.iter().map(String::as_str).chain([ERROR]).collect();
                names.join(", ")
            }
            Some(None) => ANYTHING.to_owned(),
            None => "nothing: it has no row".to_owned(),
        }
    }
}

/// The words in backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A circle of imports, the first room repeated at the end; the shortest through the first room that has one.
pub(crate) fn circle(imports: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    imports.keys().find_map(|start| way_back(start, imports))
}

fn way_back(start: &str, imports: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut ways = std::collections::VecDeque::from([vec![start.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = way.last().expect("a way has a beginning");
        for next in imports.get(last).into_iter().flatten() {
            let longer: Vec<String> = way.iter().chain([next]).cloned().collect();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

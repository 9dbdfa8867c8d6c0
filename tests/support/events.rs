//! What the events of a run prove: they are read as data, while the run lasts or after it.

use std::path::Path;

use serde_json::Value;

/// The events of a run so far, in their order.
#[derive(Debug)]
pub(crate) struct Events(Vec<Value>);

/// A range of tasks that was given to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leased {
    pub(crate) lease: u64,
    pub(crate) worker: u64,
    pub(crate) tasks: (u64, u64),
}

impl Events {
    /// Those in a run directory; none before the first is written.
    pub(crate) fn of(run: &Path) -> Option<Events> {
        let text = std::fs::read_to_string(run.join("events.jsonl")).ok()?;
        // The last line may be half written.
        let whole = &text[..text.rfind('\n')? + 1];
        let event = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        Some(Events(whole.lines().map(event).collect()))
    }

    /// All of one kind.
    pub(crate) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |event| event["event"] == kind)
    }

    /// The jobs of the workers that have registered, by the workers' numbers; process ids of local ones.
    pub(crate) fn jobs(&self) -> Vec<(u64, String)> {
        let registered = self.all("registered");
        registered
            .map(|event| {
                (number(event, "worker"), event["job"].as_str().expect("a job has a name").to_owned())
            })
            .collect()
    }

    /// The job of a worker.
    pub(crate) fn job(&self, worker: u64) -> String {
        let mut jobs = self.jobs().into_iter();
        jobs.find(|(number, _)| *number == worker).expect("it has registered").1
    }

    /// A worker that has answered a lease, which counted, and was given another one since.
    pub(crate) fn busy_worker(&self) -> Option<u64> {
        let answered = self.all("answered").find(|event| event["counted"] == true)?;
        let worker = number(answered, "worker");
        let after = self.0.iter().skip_while(|event| *event != answered);
        let leased = after.filter(|event| event["event"] == "leased" && number(event, "worker") == worker);
        leased.last().map(|_| worker)
    }

    /// How many answers of the worker counted.
    pub(crate) fn counted_answers(&self, worker: u64) -> usize {
        let answers = self.all("answered");
        answers.filter(|event| number(event, "worker") == worker && event["counted"] == true).count()
    }

    /// How many leases the worker held when it was lost; none if it was not.
    pub(crate) fn leases_lost(&self, worker: u64) -> Option<u64> {
        let lost = self.all("lost").find(|event| number(event, "worker") == worker)?;
        Some(number(lost, "leases"))
    }

    /// Pairs of leases of one range.
    pub(crate) fn twins(&self) -> Vec<(Leased, Leased)> {
        let leased: Vec<Leased> = self
            .all("leased")
            .map(|event| Leased {
                lease: number(event, "lease"),
                worker: number(event, "worker"),
                tasks: (number(event, "first"), number(event, "end")),
            })
            .collect();
        let later = |(index, first): (usize, &Leased)| {
            let twin = leased[index + 1..].iter().find(|other| other.tasks == first.tasks);
            twin.map(|twin| (first.clone(), twin.clone()))
        };
        leased.iter().enumerate().filter_map(later).collect()
    }
}

fn number(event: &Value, field: &str) -> u64 {
    event[field].as_u64().unwrap_or_else(|| panic!("no {field} in {event}"))
}

//! A plan for more elements of a random array than an earlier plan was for: what the two have in common is not
//! computed again, since sums and extrema do not care which elements came first.
//!
//! Nothing is concluded from expressions. Both are planned, and if the stages do the very same to each element,
//! the later one begins at the places that the earlier one did not have.

use serde::{Deserialize, Serialize};

use crate::array::Shape;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::plan::graph::{Node, Source};
use crate::plan::pass::Pass;
use crate::plan::product::How;
use crate::plan::stage::{Group, Stage};

/// What can be extended, in words.
const WHAT: &str = "what can be extended: reductions to numbers, such as mean, std, min and max, \
     of one random array of one axis, or of expressions of its elements";

/// The size of the random array that a plan is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// How many elements.
    pub size: u64,
    /// How many of them were counted by the runs that this one extends.
    pub counted: u64,
}

/// What a plan leaves out.
#[derive(Debug, Clone)]
pub(super) struct LeftOut {
    /// Elements of the array.
    elements: u64,
    /// Places of each group of the stage.
    places: Vec<u64>,
}

impl Plan {
    /// The stream and the size of the random array whose size can be another one; or why there is none.
    pub fn extendable(&self) -> Result<(&str, u64)> {
        let (source, shape) = self.random()?;
        let &[size] = shape.extents() else {
            return Err(refused(format!("its random array has {} axes", shape.ndim())));
        };
        let [pass] = &self.trials[..] else {
            return Err(refused(format!("its results take {} passes over the elements", self.stages())));
        };
        let numbers = pass.products.iter().all(|product| match &product.how {
            How::Reduce { .. } => self.graph[product.id].shape.size() == 1,
            How::Histogram { .. } => true,
            How::Quantile { .. } | How::Collect { .. } => false,
        });
        if !self.ends.targets.is_empty() || !self.ends.collected.is_empty() || !numbers {
            return Err(refused("not all that it makes are numbers".to_owned()));
        }
        let stage = &pass.stage;
        let alone = stage.stored.is_empty() && stage.inputs.is_empty() && stage.inner.is_empty();
        if !alone || !stage.groups.iter().all(is_plain) {
            return Err(refused("it needs more than its elements one by one".to_owned()));
        }
        Ok((&source.stream, size))
    }

    /// What must be known of the size to plan the same again; none where it cannot be extended.
    pub fn extent(&self) -> Option<Extent> {
        let (_, size) = self.extendable().ok()?;
        Some(Extent { size, counted: self.left_out.as_ref().map_or(0, |left_out| left_out.elements) })
    }

    /// This plan without the elements that `earlier`, a plan of fewer, is for.
    pub fn beyond(mut self, earlier: &Plan) -> Result<Plan> {
        let ((_, size), (_, elements)) = (self.extendable()?, earlier.extendable()?);
        if size <= elements {
            return Err(Error::refused(format!("the run has {elements} elements already"))
                .hint("give a --size that is larger"));
        }
        let [pass] = &mut self.trials[..] else { unreachable!("what can be extended has one stage") };
        let (stage, before) = (&pass.stage, &earlier.trials[0].stage);
        if text(stage) != text(before) || !stage.groups.iter().zip(&before.groups).all(has_more) {
            return Err(refused("what it makes of an element depends on how many there are".to_owned()));
        }
        let places = before.groups.iter().map(|group| group.extents[0]).collect();
        let left_out = LeftOut { elements, places };
        left_out.apply(pass);
        self.left_out = Some(left_out);
        Ok(self)
    }

    /// The one random array.
    fn random(&self) -> Result<(&Source, &Shape)> {
        let arrays = self.graph.iter().filter_map(|entry| match &entry.node {
            Node::Random(source) => Some((source, &entry.shape)),
            _ => None,
        });
        let arrays: Vec<_> = arrays.collect();
        match arrays[..] {
            [array] => Ok(array),
            [] => Err(refused("it has no random array".to_owned())),
            _ => Err(refused(format!("it has {} random arrays", arrays.len()))),
        }
    }
}

impl LeftOut {
    /// Takes the places that have been counted out of a stage.
    pub(super) fn apply(&self, pass: &mut Pass) {
        let places =
            |stage: &Stage| stage.groups.iter().map(|group| u128::from(group.extents[0])).sum::<u128>();
        let all = places(&pass.stage).max(1);
        for (group, &counted) in pass.stage.groups.iter_mut().zip(&self.places) {
            group.extents[0] -= counted;
            group.tile[0] = group.tile[0].min(group.extents[0]);
            for leaf in &mut group.program.leaves {
                leaf.offset += leaf.strides[0] * counted as i64;
            }
        }
        pass.stage.groups.retain(|group| group.extents[0] > 0);
        let left = places(&pass.stage);
        let part = |number: u64| (u128::from(number) * left).div_ceil(all) as u64;
        (pass.elements, pass.chunks) = (part(pass.elements), part(pass.chunks));
    }
}

/// Whether elements go, one by one and all of them, to accumulators that do not depend on their places.
fn is_plain(group: &Group) -> bool {
    let still = group.sinks.iter().all(|sink| sink.strides == [0] && sink.widths == [0]);
    group.extents.len() == 1 && group.range.is_none() && group.sample.is_none() && still
}

/// Everything about a stage but how many places there are. As text two NaN are the same, and -0.0 is not 0.0.
fn text(stage: &Stage) -> String {
    let groups: Vec<_> = stage.groups.iter().map(|group| (&group.program, &group.sinks)).collect();
    format!("{:?} {groups:?}", stage.gathers)
}

fn has_more((group, before): (&Group, &Group)) -> bool {
    before.extents[0] <= group.extents[0]
}

fn refused(cause: String) -> Error {
    Error::refused("the run cannot be extended").cause(cause).hint(WHAT)
}

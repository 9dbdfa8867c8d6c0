//! From the graph to the instructions of a group: every array once, in as few buffers as its uses allow.

use std::collections::BTreeMap;

use crate::array;
use crate::error::{Error, Result};
use crate::kernel::elementwise::{Binary, Unary};
use crate::kernel::{Distribution, Key};
use crate::plan::graph::{Entry, Id, Node};
use crate::plan::stage::{BUFFERS, Instruction};

/// The instructions of a group, and how many buffers they use.
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
    pub(super) buffers: u32,
}

/// `gathers` says which array goes to which accumulators; `number` knows the numbers of earlier stages.
pub(super) fn compile(
    graph: &[Entry],
    gathers: &[(Id, Vec<u32>)],
    number: &dyn Fn(Id) -> f64,
) -> Result<Program> {
    let uses = uses(graph, gathers);
    let mut compiler = Compiler {
        graph,
        number,
        uses,
        buffers: BTreeMap::new(),
        free: Vec::new(),
        made: 0,
        instructions: Vec::new(),
    };
    for (array, accumulators) in gathers {
        compiler.make(*array);
        let from = compiler.buffers[array];
        let gather = accumulators.iter().map(|&accumulator| Instruction::Gather { from, accumulator });
        compiler.instructions.extend(gather);
        compiler.release(*array);
    }
    if compiler.made > BUFFERS {
        return Err(Error::refused("the results need too many arrays at once")
            .cause(format!("{} blocks must be held at a time; the limit is {BUFFERS}", compiler.made))
            .hint("compute some of the results in a run of their own"));
    }
    Ok(Program { instructions: compiler.instructions, buffers: compiler.made })
}

/// How often each array is read.
fn uses(graph: &[Entry], gathers: &[(Id, Vec<u32>)]) -> BTreeMap<Id, u32> {
    let mut uses = BTreeMap::new();
    let mut reached: Vec<Id> = Vec::new();
    let mut read = |id: Id, reached: &mut Vec<Id>| {
        let count = uses.entry(id).or_insert(0);
        *count += 1;
        if *count == 1 {
            reached.push(id);
        }
    };
    for (array, _) in gathers {
        read(*array, &mut reached);
    }
    while let Some(id) = reached.pop() {
        for operand in arrays(graph, id) {
            read(operand, &mut reached);
        }
    }
    uses
}

/// The arrays that a node reads.
fn arrays(graph: &[Entry], id: Id) -> impl Iterator<Item = Id> {
    let operands = match graph[id].node {
        Node::Negate(operand) => [Some(operand), None],
        Node::Binary(_, left, right) => [Some(left), Some(right)],
        Node::Number(_) | Node::Random(_) | Node::Reduce(..) => [None, None],
    };
    operands.into_iter().flatten().filter(|&operand| !graph[operand].is_number())
}

struct Compiler<'a> {
    graph: &'a [Entry],
    number: &'a dyn Fn(Id) -> f64,
    /// Reads that are still to come.
    uses: BTreeMap<Id, u32>,
    buffers: BTreeMap<Id, u32>,
    free: Vec<u32>,
    made: u32,
    instructions: Vec<Instruction>,
}

impl Compiler<'_> {
    /// Sees to it that an array is in a buffer.
    fn make(&mut self, id: Id) {
        if self.buffers.contains_key(&id) {
            return;
        }
        let graph = self.graph;
        let buffer = match &graph[id].node {
            Node::Random(source) => {
                let into = self.buffer();
                let key = Key::new(source.seed, &source.stream);
                let distribution = kernel_distribution(source.distribution);
                self.instructions.push(Instruction::Fill { key, distribution, into });
                into
            }
            Node::Negate(operand) => {
                self.make(*operand);
                let left = self.own(*operand);
                self.instructions.push(Instruction::Unary { operation: Unary::Negate, left });
                left
            }
            Node::Binary(operation, left, right) => self.binary(kernel_binary(*operation), *left, *right),
            Node::Number(_) | Node::Reduce(..) => unreachable!("only arrays are put into buffers"),
        };
        self.buffers.insert(id, buffer);
    }

    fn binary(&mut self, operation: Binary, left: Id, right: Id) -> u32 {
        if self.graph[right].is_number() {
            self.make(left);
            let own = self.own(left);
            let right = (self.number)(right);
            self.instructions.push(Instruction::BinaryScalar { operation, left: own, right });
            return own;
        }
        if self.graph[left].is_number() {
            self.make(right);
            let own = self.own(right);
            let left = (self.number)(left);
            self.instructions.push(Instruction::ScalarBinary { operation, left, right: own });
            return own;
        }
        self.make(left);
        self.make(right);
        let own = self.own(left);
        self.instructions.push(Instruction::Binary { operation, left: own, right: self.buffers[&right] });
        self.release(right);
        own
    }

    /// Reads an array for the last time and takes its buffer, or copies it to one that may be overwritten.
    fn own(&mut self, id: Id) -> u32 {
        let from = self.buffers[&id];
        if self.uses[&id] == 1 {
            self.buffers.remove(&id);
            self.uses.insert(id, 0);
            return from;
        }
        let into = self.buffer();
        self.instructions.push(Instruction::Copy { from, into });
        self.release(id);
        into
    }

    /// One read is over; after the last one the buffer is free.
    fn release(&mut self, id: Id) {
        let left = self.uses[&id] - 1;
        self.uses.insert(id, left);
        if left == 0
            && let Some(buffer) = self.buffers.remove(&id)
        {
            self.free.push(buffer);
        }
    }

    fn buffer(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.made += 1;
            self.made - 1
        })
    }
}

fn kernel_binary(operation: array::Binary) -> Binary {
    match operation {
        array::Binary::Add => Binary::Add,
        array::Binary::Subtract => Binary::Subtract,
        array::Binary::Multiply => Binary::Multiply,
        array::Binary::Divide => Binary::Divide,
    }
}

fn kernel_distribution(distribution: array::Distribution) -> Distribution {
    match distribution {
        array::Distribution::Random => Distribution::Random,
        array::Distribution::Uniform { low, high } => Distribution::Uniform { low, high },
        array::Distribution::Normal { loc, scale } => Distribution::Normal { loc, scale },
    }
}

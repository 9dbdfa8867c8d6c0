//! From elements to the instructions of a block: every element once, in as few registers as its uses allow.

use std::collections::BTreeMap;

use crate::array::{Binary, DType, Unary};
use crate::error::{Error, Result};
use crate::kernel::elementwise::IntegerBinary;
use crate::kernel::program::{Register, Sizes, Step};
use crate::plan::emit::{self, Operand};
use crate::plan::finish::Cell;
use crate::plan::lower::{Element, ElementId, Lowering};
use crate::plan::stage::Instruction;

/// Registers of a kind at most: 8 MiB.
pub(super) const REGISTERS: u32 = 1024;

/// What goes to a sink.
#[derive(Debug, Clone, Copy)]
pub(super) struct Give {
    pub(super) sink: u32,
    pub(super) from: ElementId,
    pub(super) places: Option<ElementId>,
}

/// `leaf` is the number of a leaf among the program's; `number` knows the numbers of earlier stages.
pub(super) fn compile(
    lowering: &Lowering<'_>,
    gives: &[Give],
    leaf: &BTreeMap<ElementId, u32>,
    number: &dyn Fn(usize) -> Cell,
) -> Result<(Vec<Instruction>, Sizes)> {
    let mut compiler = Compiler {
        lowering,
        leaf,
        number,
        uses: uses(lowering, gives),
        registers: BTreeMap::new(),
        free: [Vec::new(), Vec::new()],
        sizes: Sizes::default(),
        instructions: Vec::new(),
    };
    for give in gives {
        let from = compiler.make(give.from);
        let places = give.places.map(|places| match compiler.make(places) {
            Register::Integer(register) => register,
            Register::Real(_) => unreachable!("places are integers"),
        });
        compiler.instructions.push(Instruction::Give { sink: give.sink, from, places });
        compiler.release(give.from);
        give.places.into_iter().for_each(|places| compiler.release(places));
    }
    let Sizes { real, integer } = compiler.sizes;
    if real.max(integer) > REGISTERS {
        return Err(Error::refused("the results need too many arrays at once")
            .cause(format!("{} blocks must be held at a time; the limit is {REGISTERS}", real.max(integer)))
            .hint("compute some of the results in a run of their own"));
    }
    Ok((compiler.instructions, compiler.sizes))
}

/// How often each element is read.
fn uses(lowering: &Lowering<'_>, gives: &[Give]) -> BTreeMap<ElementId, u32> {
    let mut uses = BTreeMap::new();
    let mut reached: Vec<ElementId> =
        gives.iter().flat_map(|give| [Some(give.from), give.places]).flatten().collect();
    while let Some(id) = reached.pop() {
        let count = uses.entry(id).or_insert(0);
        *count += 1;
        if *count == 1 {
            reached.extend(lowering.element(id).operands());
        }
    }
    uses
}

struct Compiler<'a> {
    lowering: &'a Lowering<'a>,
    leaf: &'a BTreeMap<ElementId, u32>,
    number: &'a dyn Fn(usize) -> Cell,
    /// Reads that are still to come.
    uses: BTreeMap<ElementId, u32>,
    registers: BTreeMap<ElementId, Register>,
    /// Real and integer registers that are free.
    free: [Vec<u32>; 2],
    sizes: Sizes,
    instructions: Vec<Instruction>,
}

impl Compiler<'_> {
    /// Sees to it that an element is in a register.
    fn make(&mut self, id: ElementId) -> Register {
        if let Some(&register) = self.registers.get(&id) {
            return register;
        }
        let register = match self.lowering.element(id).clone() {
            Element::Leaf(_) => {
                let into = self.register(self.lowering.dtype(id).is_real());
                self.instructions.push(Instruction::Load { leaf: self.leaf[&id], into });
                into
            }
            Element::Constant(_) | Element::Number(_) => {
                let into = self.register(self.lowering.dtype(id).is_real());
                self.step(match (self.scalar(id), into) {
                    (Some(Cell::Real(value)), Register::Real(into)) => Step::FillReal { value, into },
                    (Some(Cell::Integer(value)), Register::Integer(into)) => {
                        Step::FillInteger { value, into }
                    }
                    _ => unreachable!("a number has the kind of its dtype"),
                });
                into
            }
            Element::Unary(operation, dtype, operand) => self.unary(operation, dtype, operand),
            Element::Cast { from, to, operand } => self.cast(from, to, operand),
            Element::Binary(operation, dtype, left, right) => self.binary(operation, dtype, left, right),
            Element::Where(_, condition, left, right) => self.choose(condition, left, right),
        };
        self.registers.insert(id, register);
        register
    }

    fn unary(&mut self, operation: Unary, dtype: DType, operand: ElementId) -> Register {
        self.make(operand);
        if let Some(test) = emit::test(operation) {
            let Register::Real(from) = self.registers[&operand] else {
                unreachable!("only reals are tested")
            };
            let into = self.register(false);
            let Register::Integer(number) = into else { unreachable!("asked for an integer") };
            self.step(Step::RealTest { operation: test, from, into: number });
            self.release(operand);
            return into;
        }
        let own = self.own(operand);
        self.steps(emit::unary(operation, dtype, own));
        own
    }

    fn cast(&mut self, from: DType, to: DType, operand: ElementId) -> Register {
        self.make(operand);
        if from.is_real() == to.is_real() {
            let own = self.own(operand);
            self.steps(emit::cast(from, to, own, own));
            return own;
        }
        let into = self.register(to.is_real());
        self.steps(emit::cast(from, to, self.registers[&operand], into));
        self.release(operand);
        into
    }

    fn binary(&mut self, operation: Binary, dtype: DType, left: ElementId, right: ElementId) -> Register {
        if operation == Binary::Multiply && left == right && self.scalar(left).is_none() {
            self.make(left);
            self.release(left);
            return self.unary(Unary::Square, dtype, left);
        }
        let (left, right, operation) = match (self.scalar(left), self.scalar(right)) {
            (Some(_), None) if emit::comparison(operation).is_some() => {
                (right, left, emit::turned(operation))
            }
            _ => (left, right, operation),
        };
        let scalars = match (self.scalar(left), self.scalar(right)) {
            (Some(_), Some(_)) => (None, None),
            scalars => scalars,
        };
        if scalars.0.is_none() {
            self.make(left);
        }
        if scalars.1.is_none() {
            self.make(right);
        }
        if emit::comparison(operation).is_some() && dtype.is_real() {
            let into = self.register(false);
            let (left_operand, right_operand) =
                (self.operand(left, scalars.0), self.operand(right, scalars.1));
            self.steps(emit::binary(operation, dtype, left_operand, right_operand, into));
            self.release_made(left, scalars.0);
            self.release_made(right, scalars.1);
            return into;
        }
        let own = if scalars.0.is_some() { self.own(right) } else { self.own_beside(left, right) };
        let (left_operand, right_operand) = match scalars {
            (Some(cell), _) => (Operand::Scalar(cell), Operand::Register(own)),
            (None, Some(cell)) => (Operand::Register(own), Operand::Scalar(cell)),
            (None, None) => (Operand::Register(own), Operand::Register(self.registers[&right])),
        };
        self.steps(emit::binary(operation, dtype, left_operand, right_operand, own));
        if scalars == (None, None) {
            self.release(right);
        }
        own
    }

    fn choose(&mut self, condition: ElementId, left: ElementId, right: ElementId) -> Register {
        self.make(condition);
        self.make(left);
        self.make(right);
        let own = self.own_beside(left, right);
        let Register::Integer(condition_register) = self.registers[&condition] else {
            unreachable!("a condition is a truth value")
        };
        self.step(match (own, self.registers[&right]) {
            (Register::Real(left), Register::Real(right)) => {
                Step::SelectReal { condition: condition_register, left, right }
            }
            (Register::Integer(left), Register::Integer(right)) if right == condition_register => {
                // c ? l : c, where l may be any integer and c is 0 or 1.
                Step::IntegerBinary { operation: IntegerBinary::Multiply, left, right }
            }
            (Register::Integer(left), Register::Integer(right)) => {
                Step::SelectInteger { condition: condition_register, left, right }
            }
            _ => unreachable!("both choices have one dtype"),
        });
        self.release(right);
        self.release(condition);
        own
    }

    /// A number that is known.
    fn scalar(&self, id: ElementId) -> Option<Cell> {
        match self.lowering.element(id) {
            Element::Constant(constant) if constant.dtype.is_real() => Some(Cell::Real(constant.real())),
            Element::Constant(constant) => Some(Cell::Integer(constant.integer())),
            Element::Number(id) => Some((self.number)(*id)),
            _ => None,
        }
    }

    fn operand(&self, id: ElementId, scalar: Option<Cell>) -> Operand {
        scalar.map_or_else(|| Operand::Register(self.registers[&id]), Operand::Scalar)
    }

    fn release_made(&mut self, id: ElementId, scalar: Option<Cell>) {
        if scalar.is_none() {
            self.release(id);
        }
    }

    /// As `own`, where `other` is still to be read.
    fn own_beside(&mut self, id: ElementId, other: ElementId) -> Register {
        if id != other {
            return self.own(id);
        }
        // Two reads of one register: one of them reads a copy, which is the one that is overwritten.
        self.copy(id)
    }

    /// Reads an element for the last time and takes its register, or copies it to one that may be overwritten.
    fn own(&mut self, id: ElementId) -> Register {
        if self.uses[&id] == 1 {
            self.uses.insert(id, 0);
            return self.registers.remove(&id).expect("it was made");
        }
        self.copy(id)
    }

    fn copy(&mut self, id: ElementId) -> Register {
        let from = self.registers[&id];
        let into = self.register(matches!(from, Register::Real(_)));
        self.step(match (from, into) {
            (Register::Real(from), Register::Real(into)) => Step::CopyReal { from, into },
            (Register::Integer(from), Register::Integer(into)) => Step::CopyInteger { from, into },
            _ => unreachable!("asked for the same kind"),
        });
        self.release(id);
        into
    }

    /// One read is over; after the last one the register is free.
    fn release(&mut self, id: ElementId) {
        let left = self.uses[&id] - 1;
        self.uses.insert(id, left);
        if left > 0 {
            return;
        }
        match self.registers.remove(&id) {
            Some(Register::Real(register)) => self.free[0].push(register),
            Some(Register::Integer(register)) => self.free[1].push(register),
            None => {}
        }
    }

    fn register(&mut self, real: bool) -> Register {
        let (free, made) = if real {
            (&mut self.free[0], &mut self.sizes.real)
        } else {
            (&mut self.free[1], &mut self.sizes.integer)
        };
        let number = free.pop().unwrap_or_else(|| {
            *made += 1;
            *made - 1
        });
        if real { Register::Real(number) } else { Register::Integer(number) }
    }

    fn step(&mut self, step: Step) {
        self.instructions.push(Instruction::Step(step));
    }

    fn steps(&mut self, steps: Vec<Step>) {
        self.instructions.extend(steps.into_iter().map(Instruction::Step));
    }
}

//! Compiled code, before link edit: bytes, and what they refer to.

use std::ops::Range;

use cranelift_codegen::ir::{
    ExceptionTag, ExternalName, Function, GlobalValue, GlobalValueData, UserExternalName,
};
use cranelift_codegen::isa::unwind::UnwindInfo;
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::reloc::CodeReloc;
use wasmaot_abi::trap::TrapCode;

/// All code of a module.
pub(crate) struct Code {
    /// The defined wasm functions in order, those that have no code included,
    /// then the init function if `has_init`, then those of `uninlined`.
    pub functions: Vec<CompiledFunction>,
    /// Whether the module needs an init function: what no loader can do
    /// without running code (computed globals, checked segments, `start`).
    pub has_init: bool,
    /// The second codes of functions into which functions of other modules are
    /// inlined.
    pub uninlined: Vec<Uninlined>,
    /// Numbers and names of the functions of other modules that may be inlined.
    pub cross_module: Vec<(u32, String)>,
}

/// Second code of a function, into which no function of another module is inlined:
/// the loader takes it where an import is not bound as the first code assumes.
pub(crate) struct Uninlined {
    /// Number of the function in [`Code::functions`].
    pub function: usize,
    /// The imported functions on whose bindings the first code depends, ascending.
    pub imports: Vec<u32>,
}

/// The code of a function; empty if the function needs none.
#[derive(Default)]
pub(crate) struct CompiledFunction {
    pub bytes: Vec<u8>,
    /// Alignment in bytes, a power of two.
    pub align: u32,
    /// What it costs to begin at each start in a cache line.
    pub starts: Starts,
    pub relocs: Vec<Reloc>,
    pub frame: Frame,
    /// (offset, trap), ascending.
    pub traps: Vec<(u32, TrapCode)>,
    /// Where its code comes from, as a stream of the address map.
    pub lines: Vec<u8>,
    /// The calls that have exception handlers, ascending.
    pub try_calls: Vec<TryCall>,
    /// Where its locals are, for debuggers.
    pub locals: Locals,
}

/// Where the locals of a function are; empty in modules without DWARF.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locals {
    /// By local, then by where it begins. Stretches may overlap, and agree.
    pub known: Vec<LocalValue>,
    /// Where each value is: stretches of code.
    pub values: Vec<Vec<ValuePlace>>,
}

/// A local that has a value.
#[derive(Clone, Debug)]
pub(crate) struct LocalValue {
    pub local: u32,
    /// Offsets in the module of the operators before which it has it.
    pub wasm: Range<u32>,
    /// Number of the value.
    pub value: u32,
}

/// Where a value is in a stretch of code.
#[derive(Clone, Debug)]
pub(crate) struct ValuePlace {
    pub code: Range<u32>,
    pub at: PlaceOfValue,
    /// Bytes of the value; a register may have more.
    pub bytes: u8,
}

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlaceOfValue {
    /// In a general register, by DWARF's number.
    Register(u16),
    /// In a vector register, by DWARF's number.
    Vector(u16),
    /// In the frame, at a distance from the canonical frame address.
    Frame(i64),
}

/// Bytes of a cache line, which a processor fetches at once.
pub(crate) const LINE: u32 = 64;
/// Number of places in a line where a function may begin, equally far apart.
pub(crate) const STARTS: usize = 4;
/// The cost of each of these places: cache lines that loops touch beyond need.
pub(crate) type Starts = [u32; STARTS];

impl Code {
    /// The functions that have code, with their numbers.
    pub fn present(&self) -> impl Iterator<Item = (usize, &CompiledFunction)> {
        let functions = self.functions.iter().enumerate();
        functions.filter(|(_, function)| !function.is_left_out())
    }

    /// Number of the init function's code.
    pub fn init(&self) -> Option<usize> {
        let last = self.functions.len() - self.uninlined.len();
        last.checked_sub(1).filter(|_| self.has_init)
    }

    /// Number of the function that code is of.
    pub fn function_of(&self, number: usize) -> usize {
        let first = self.functions.len() - self.uninlined.len();
        let uninlined = number
            .checked_sub(first)
            .and_then(|at| self.uninlined.get(at));
        uninlined.map_or(number, |code| code.function)
    }

    /// The functions that have second code: what it is for, and its number.
    pub fn second_codes(&self) -> impl Iterator<Item = (&Uninlined, usize)> {
        let first = self.functions.len() - self.uninlined.len();
        self.uninlined.iter().zip(first..)
    }
}

impl CompiledFunction {
    /// Whether it has no code, as all calls of it are inlined.
    pub fn is_left_out(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// What a function keeps on the stack beside its return address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Nothing.
    #[default]
    None,
    /// A frame record, and what this says to unwinders.
    Record(UnwindInfo),
}

/// A call that has exception handlers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TryCall {
    /// Of the return address, in the function's bytes.
    pub offset: u32,
    /// Frame pointer less stack pointer at the call.
    pub frame: u32,
    /// In order: the first that takes the exception gets it.
    pub handlers: Vec<TryHandler>,
}

/// An exception handler of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TryHandler {
    /// The tag it takes; `None`: it takes all.
    pub tag: Option<u32>,
    /// Whether it keeps a reference to the exception.
    pub keeps: bool,
    /// Of its code, in the function's bytes.
    pub offset: u32,
}

impl TryHandler {
    /// What stands for a handler's tag in CLIF: the tag, and whether a reference is
    /// kept.
    pub fn tag_in_clif(tag: Option<u32>, keeps: bool) -> ExceptionTag {
        ExceptionTag::from_u32(tag.map_or(0, |tag| tag + 1) << 1 | u32::from(keeps))
    }

    /// The handler whose tag [`TryHandler::tag_in_clif`] stands for.
    pub fn of(tag_in_clif: ExceptionTag, offset: u32) -> Self {
        let word = tag_in_clif.as_u32();
        Self {
            tag: (word >> 1).checked_sub(1),
            keeps: word & 1 == 1,
            offset,
        }
    }
}

/// A field of code that link edit fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reloc {
    /// In the function's bytes.
    pub offset: u32,
    pub kind: CodeReloc,
    pub target: Target,
    pub addend: i64,
}

macro_rules! targets {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What code refers to. As a `symbol_value`, every one is one
        /// instruction: an address in this object, or the content of a GOT slot.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Target {
            $($(#[$doc])* $name(u32),)*
        }

        impl Target {
            /// The name by which CLIF refers to it.
            pub fn to_name(self) -> UserExternalName {
                let (namespace, index) = match self { $(Self::$name(i) => ($code, i),)* };
                UserExternalName { namespace, index }
            }

            /// The value by which the code of a function refers to it.
            pub fn declare(self, func: &mut Function) -> GlobalValue {
                let name = func.declare_imported_user_function(self.to_name());
                func.create_global_value(GlobalValueData::Symbol {
                    name: ExternalName::user(name),
                    offset: 0.into(),
                    colocated: false,
                    tls: false,
                })
            }

            /// The target of a name made by [`Target::to_name`].
            pub fn from_name(name: &UserExternalName) -> Option<Self> {
                match name.namespace { $($code => Some(Self::$name(name.index)),)* _ => None }
            }
        }
    };
}

targets! {
    /// Code of a function in the function index space; of an imported one,
    /// its PLT entry.
    Func = 0,
    /// PLT entry of a built-in function, by its number in [`Builtin::ALL`].
    Builtin = 1,
    /// Address of the function's record in this object's function reference
    /// table, by function index.
    Funcref = 2,
    /// Address of a global's storage: here, or through the GOT.
    Global = 3,
    /// *Value* of a constant global that the loader provides
    /// ([`GlobalStorage::Loader`](crate::module::GlobalStorage)): the content of
    /// its 64-bit GOT slot, zero-extended.
    LoaderValue = 4,
    /// Address of the descriptor of a memory that is not primary.
    Memory = 5,
    /// Address of the descriptor of a table that is not primary.
    Table = 6,
    /// Address of a data segment's bytes (read-only).
    Data = 7,
    /// Address of the 64-bit current length of a data segment, initially its
    /// full length; 0 once dropped.
    DataLen = 8,
    /// Address of an element segment's 64-bit values: function segments hold
    /// record addresses from the start, computed ones are filled by init.
    Elem = 9,
    /// Address of the 64-bit current length of an element segment.
    ElemLen = 10,
    /// Code of the init function (index 0).
    Init = 11,
    /// Identity of an exception tag: an address here, or from the GOT.
    Tag = 12,
    /// Host address of the module's memory base (index 0): the content of a
    /// GOT slot.
    HostBase = 13,
    /// Host address of the data that an imported global of `GOT.mem` names, by
    /// global index: the content of a GOT slot.
    HostData = 14,
    /// Address of an imported function's code, from the GOT.
    FuncAddress = 15,
    /// Index of an imported function in the primary table, from the GOT.
    FuncIndex = 16,
    /// Offset of the module's own thread-local storage from the thread pointer
    /// (index 0), from the GOT.
    ThreadStorage = 17,
    /// Offset of an imported thread-local global from the thread pointer, by global
    /// index, from the GOT.
    ThreadGlobal = 18,
}

impl Target {
    /// The target for a built-in function.
    pub fn builtin(builtin: Builtin) -> Self {
        Self::Builtin(builtin as u32)
    }

    /// The target that a relocation of Cranelift's names, given the function's
    /// table of user names.
    pub fn of(
        name: &ExternalName,
        params: &cranelift_codegen::ir::function::FunctionParameters,
    ) -> Option<Self> {
        match name {
            ExternalName::User(name) => Self::from_name(params.user_named_funcs().get(*name)?),
            _ => None,
        }
    }
}

//! Host functions: what they are given and what they may answer.

use std::fmt;
use std::sync::Arc;

use wasmaot_abi::types::{FuncType, ValType};

use crate::trap::Trap;
use crate::value::Val;

/// How a host function ends other than by returning.
#[derive(Debug)]
pub enum HostError {
    /// The program asked to end with this code.
    Exit(i32),
    /// Stop with a message; the runtime adds the backtrace.
    Message(String),
    /// A trap of wasm code that the function had called.
    Trap(Box<Trap>),
}

/// What a host function sees of its caller.
#[derive(Debug)]
pub struct Caller<'a> {
    /// Linear memory 0 of the calling function's domain.
    pub memory: &'a mut [u8],
}

/// Body of a host function: parameters in, results out. The results are
/// preset with zeros of the right types; what is left in them counts.
pub type HostBody =
    dyn Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<(), HostError> + Send + Sync;

/// A host function: a symbol of a built-in object.
#[derive(Clone)]
pub struct HostFunction {
    /// Import module that it stands in.
    pub module: String,
    /// Name.
    pub name: String,
    /// Type.
    pub ty: FuncType,
    /// What it does.
    pub body: Arc<HostBody>,
}

impl HostFunction {
    /// Makes a host function.
    pub fn new(
        module: impl Into<String>,
        name: impl Into<String>,
        ty: FuncType,
        body: impl Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<(), HostError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            module: module.into(),
            name: name.into(),
            ty,
            body: Arc::new(body),
        }
    }
}

/// Halves of a legalized 64-bit parameter: the low one first.
const HALVES: [ValType; 2] = [ValType::I32; 2];

impl HostFunction {
    /// The type with every `i64` parameter as two `i32`, as modules made for
    /// JavaScript (Emscripten's "legalized" ones) import it.
    pub(crate) fn legalized_type(&self) -> FuncType {
        let split = |&ty: &ValType| {
            if ty == ValType::I64 {
                HALVES.to_vec()
            } else {
                vec![ty]
            }
        };
        let params: Vec<_> = self.ty.params.iter().flat_map(split).collect();
        FuncType::new(params, self.ty.results.clone())
    }

    /// The function by its legalized type.
    pub(crate) fn legalized(&self) -> Self {
        let (wide, body) = (self.ty.params.clone(), Arc::clone(&self.body));
        let joined = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
            let mut rest = args.iter().copied();
            let mut next = || rest.next().map_or(0, Val::bits);
            let args: Vec<Val> = wide
                .iter()
                .map(|&ty| match ty {
                    ValType::I64 => Val::from_bits(ty, next() | next() << 32),
                    ty => Val::from_bits(ty, next()),
                })
                .collect();
            body(caller, &args, results)
        };
        Self::new(&*self.module, &*self.name, self.legalized_type(), joined)
    }
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}: {}", self.module, self.name, self.ty)
    }
}

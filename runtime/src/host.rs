//! Host functions: what they are given and what they may answer.

use std::fmt;
use std::sync::Arc;

use wasmaot_abi::types::FuncType;

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

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}: {}", self.module, self.name, self.ty)
    }
}

//! Values through entries, stubs and thunks.

use std::sync::Arc;

use crate::arch::HOST;
use wasmaot_abi::callconv::Layout;
use wasmaot_abi::context::CONTEXT_SIZE;
use wasmaot_abi::types::{FuncType, ValType};

use super::{MEMORY_BYTES, Process, code, map, patch};
use crate::arch::{builtin_stub, domain_thunk};
use crate::host::{HostError, HostFunction};
use crate::sys::live;
use crate::trap::{Area, Callee, Regs, Shape, ThreadSpace, TrapReason, call, enter};
use crate::value::Val;
use ValType::{ExternRef, F32, F64, FuncRef, I32, I64, V128};

/// A call of the function at the placeholder with the arguments as they are,
/// `$words` of them on the stack.
macro_rules! pass_on {
    ($words:literal) => {
        code!(
            "push rbp",
            "mov rbp, rsp",
            concat!(".set n, ", $words),
            ".rept n",
            "push qword ptr [rbp + 8 + 8*n]",
            ".endr",
            "movabs r11, 0x1122334455667788",
            "call r11",
            "pop rbp",
            concat!("ret 8*", $words),
        )
    };
}

#[test]
fn registers_in_and_out() {
    let mut process = Process::new();
    let add = process.place(&code!("lea eax, [rdi + rsi]", "ret"));
    let ty = FuncType::new([I32, I32], [I32]);
    let args = [Val::I32(40), Val::I32(-50)];
    assert_eq!(process.call(add, &ty, &args).unwrap(), [Val::I32(-10)]);

    let float = process.place(&code!("addsd xmm0, xmm1", "ret"));
    let ty = FuncType::new([F64, F64], [F64]);
    let args = [1.5f64, 2.25].map(|v| Val::F64(v.to_bits()));
    let sum = Val::F64(3.75f64.to_bits());
    assert_eq!(process.call(float, &ty, &args).unwrap(), [sum]);

    let wrong = process.call(add, &ty, &[Val::I32(1)]).unwrap_err();
    assert!(wrong.to_string().contains("called with (i32)"), "{wrong}");
}

#[test]
fn stack_arguments_are_popped() {
    let mut process = Process::new();
    // The eighth argument minus the seventh.
    let code = code!("mov rax, [rsp + 16]", "sub rax, [rsp + 8]", "ret 16");
    let function = process.place(&code);
    let ty = FuncType::new([I64; 8], [I64]);
    let args: Vec<_> = (0..8).map(|i| Val::I64(i * i)).collect();
    for _ in 0..3 {
        assert_eq!(process.call(function, &ty, &args).unwrap(), [Val::I64(13)]);
    }
}

#[test]
fn ten_results_use_a_return_area() {
    let mut process = Process::new();
    let function = process.place(&code!(
        "mov [rdi], rsi",
        "lea rax, [rsi + 1]",
        "mov [rdi + 8], rax",
        "mov eax, 10",
        "mov ecx, 11",
        "mov edx, 12",
        "mov esi, 13",
        "mov edi, 14",
        "mov r8d, 15",
        "mov r9d, 16",
        "mov r10d, 17",
        "ret",
    ));
    let ty = FuncType::new([I64], [I64; 10]);
    let results = process.call(function, &ty, &[Val::I64(18)]).unwrap();
    let expected: Vec<_> = (10..20).map(Val::I64).collect();
    assert_eq!(results, expected);
}

/// Parameters of every class, in registers and on the stack.
pub(super) fn wide_type() -> FuncType {
    let mut types = Vec::new();
    for _ in 0..4 {
        types.extend([I32, F32, V128, I64, F64, FuncRef, ExternRef, V128]);
    }
    FuncType::new(types.clone(), types)
}

pub(super) fn wide_values(ty: &FuncType) -> Vec<Val> {
    let value = |(&ty, i): (&ValType, u128)| {
        let bits = (i + 1) * 0x0101_0305_0709_0b0d_1113_1719_1d1f_2325;
        Val::from_bits(ty, bits)
    };
    ty.params.iter().zip(0..).map(value).collect()
}

pub(super) fn echo(ty: &FuncType) -> HostFunction {
    HostFunction::new("host", "echo", ty.clone(), |_, args, results| {
        results.copy_from_slice(args);
        Ok(())
    })
}

#[test]
fn host_stub_echoes_every_class() {
    let mut process = Process::new();
    let ty = wide_type();
    assert!(
        Layout::of(&HOST.calls, &ty).stack_args > 0 && Layout::of(&HOST.calls, &ty).return_area > 0
    );
    let stub = process.host(echo(&ty));
    let args = wide_values(&ty);
    assert_eq!(process.call(stub, &ty, &args).unwrap(), args);
}

#[test]
fn thunks_change_the_base_and_pass_everything() {
    let mut process = Process::new();
    let other = map(CONTEXT_SIZE) + CONTEXT_SIZE;
    process.make_context(other);
    let ty = wide_type();
    let stack_args = Layout::of(&HOST.calls, &ty).stack_args;
    let stub = process.host(echo(&ty));
    let args = wide_values(&ty);
    // Once with a near target, once with a far one.
    for at in [process.next(), process.next() ^ 1 << 45] {
        let thunk = process.place(&domain_thunk(at, stub, other, stack_args));
        assert_eq!(process.call(thunk, &ty, &args).unwrap(), args);
    }

    let base = process.place(&code!("mov rax, r15", "ret"));
    let thunk = domain_thunk(process.next(), base, other, 0);
    let thunk = process.place(&thunk);
    let pair = code!(
        "push rbp",
        "movabs r11, 0x1122334455667788",
        "call r11",
        "mov rcx, r15",
        "pop rbp",
        "ret",
    );
    let both = process.place(&patch(pair, thunk));
    let ty = FuncType::new([], [I64, I64]);
    let bases = [other, process.base].map(|base| Val::I64(base as i64));
    assert_eq!(process.call(both, &ty, &[]).unwrap(), bases);
}

#[test]
fn host_stub_preserves_what_the_callee_must() {
    let mut process = Process::new();
    let stub = process.host(HostFunction::new(
        "host",
        "noop",
        FuncType::default(),
        |_, _, _| Ok(()),
    ));
    let code = code!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "mov ebp, 1",
        "mov ebx, 2",
        "mov r12d, 4",
        "mov r13d, 8",
        "mov r14d, 16",
        "movabs r11, 0x1122334455667788",
        "call r11",
        "lea rax, [rbp + rbx]",
        "add rax, r12",
        "add rax, r13",
        "add rax, r14",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    );
    let function = process.place(&patch(code, stub));
    let ty = FuncType::new([], [I64]);
    assert_eq!(process.call(function, &ty, &[]).unwrap(), [Val::I64(31)]);
}

#[test]
fn host_function_sees_memory() {
    let mut process = Process::new();
    let ty = FuncType::new([I32], [I32]);
    let body = |caller: &mut crate::host::Caller<'_>, args: &[Val], results: &mut [Val]| {
        assert_eq!(caller.memory().len() as u64, MEMORY_BYTES);
        caller.memory_mut()[0] += 1;
        let Val::I32(n) = args[0] else { unreachable!() };
        results[0] = Val::I32(i32::from(caller.memory()[0]) + n);
        Ok(())
    };
    let stub = process.host(HostFunction::new("host", "count", ty.clone(), body));
    let outer = process.place(&patch(pass_on!(0), stub));
    for i in 1..4 {
        let result = process.call(outer, &ty, &[Val::I32(100)]).unwrap();
        assert_eq!(result, [Val::I32(100 + i)]);
    }
}

/// Of a memory that other threads use there is no slice; it is copied.
#[test]
fn host_function_sees_no_slice_of_a_shared_memory() {
    let mut process = Process::new();
    let head = live::DomainHead {
        shared: true,
        ..live::DomainHead::default()
    };
    // SAFETY: the bytes below a context are writable in a test.
    unsafe { live::store(live::domain_head_of(process.base), head) };
    let ty = FuncType::new([], []);
    let copy = |caller: &mut crate::host::Caller<'_>, _: &[Val], _: &mut [Val]| {
        let view = caller.view();
        assert!(view.is_shared());
        assert_eq!(view.len(), MEMORY_BYTES);
        view.write(4, b"text")?;
        assert_eq!(view.load_u32(4)?, u32::from_le_bytes(*b"text"));
        Ok(())
    };
    let read = |caller: &mut crate::host::Caller<'_>, _: &[Val], _: &mut [Val]| {
        panic!("{}", caller.memory().len())
    };
    let write = |caller: &mut crate::host::Caller<'_>, _: &[Val], _: &mut [Val]| {
        panic!("{}", caller.memory_mut().len())
    };
    let stub = process.host(HostFunction::new("host", "copy", ty.clone(), copy));
    process.call(stub, &ty, &[]).unwrap();
    for function in [
        HostFunction::new("host", "slice", ty.clone(), read),
        HostFunction::new("host", "slice", ty.clone(), write),
    ] {
        let stub = process.host(function);
        let trap = process.call(stub, &ty, &[]).unwrap_err();
        let expected = "host function host.slice: the linear memory is shared with other threads, \
                        so there can be no slice of its bytes; copy them by `view`";
        assert!(
            matches!(&trap.reason, TrapReason::Host(m) if m == expected),
            "{trap}"
        );
    }
}

#[test]
fn results_of_a_wrong_type_are_refused() {
    let mut process = Process::new();
    let ty = FuncType::new([], [I32]);
    let stub = process.host(HostFunction::new(
        "host",
        "odd",
        ty.clone(),
        |_, _, results| {
            results[0] = Val::I64(1);
            Ok(())
        },
    ));
    let trap = process.call(stub, &ty, &[]).unwrap_err();
    assert!(matches!(&trap.reason, TrapReason::Host(m)
        if m == "host function host.odd set result 0 to i64, but its type is () -> (i32)"));
}

/// What a host function needs to enter wasm code again.
#[derive(Clone)]
pub(super) struct Nested {
    pub space: ThreadSpace,
    base: u64,
}

impl Nested {
    pub fn of(process: &Process) -> Self {
        Self {
            space: process.space.clone(),
            base: process.base,
        }
    }

    pub fn call(&self, code: u64, ty: &FuncType, args: &[Val]) -> Result<Vec<Val>, HostError> {
        let callee = Callee {
            process: None,
            space: &self.space,
            base: self.base,
            code,
        };
        // SAFETY: the process is in a host call on this thread.
        unsafe { call(callee, ty, args) }.map_err(|_| HostError::Message("inner".into()))
    }
}

#[test]
fn nested_entries() {
    let mut process = Process::new();
    let ty = FuncType::new([I64; 8], [I64]);
    let nested = Nested::of(&process);
    // factorial by way of the host: host(n) = n * wasm(n - 1), wasm calls host.
    let address = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let code = address.clone();
    let inner = ty.clone();
    let body = move |_: &mut crate::host::Caller<'_>, args: &[Val], results: &mut [Val]| {
        let Val::I64(n) = args[7] else { unreachable!() };
        results[0] = if n <= 1 {
            Val::I64(1)
        } else {
            let code = code.load(std::sync::atomic::Ordering::Relaxed);
            let mut args = args.to_vec();
            args[7] = Val::I64(n - 1);
            let Val::I64(rest) = nested.call(code, &inner, &args)?[0] else {
                unreachable!()
            };
            Val::I64(n * rest)
        };
        Ok(())
    };
    let stub = process.host(HostFunction::new("host", "factorial", ty.clone(), body));
    let wasm = process.place(&patch(pass_on!(2), stub));
    address.store(wasm, std::sync::atomic::Ordering::Relaxed);
    let mut args = [Val::I64(0); 8];
    args[7] = Val::I64(15);
    for _ in 0..2 {
        let result = process.call(wasm, &ty, &args).unwrap();
        assert_eq!(result, [Val::I64((1..=15).product())]);
    }
}

#[test]
fn an_inner_trap_ends_the_inner_call_alone() {
    let mut process = Process::new();
    let ty = FuncType::new([], [I32]);
    let ud2 = process.place(&code!("ud2"));
    let nested = Nested::of(&process);
    let inner = ty.clone();
    let stub = process.host(HostFunction::new(
        "host",
        "try",
        ty.clone(),
        move |_, _, results| {
            for _ in 0..3 {
                assert!(nested.call(ud2, &inner, &[]).is_err());
            }
            results[0] = Val::I32(7);
            Ok(())
        },
    ));
    let outer = process.place(&patch(pass_on!(0), stub));
    assert_eq!(process.call(outer, &ty, &[]).unwrap(), [Val::I32(7)]);
    assert!(process.call(ud2, &ty, &[]).is_err());
}

#[test]
fn builtins_run_on_the_host_stack() {
    extern "C" fn sum(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64) -> u64 {
        let local = 0u8;
        let on_wasm_stack = (a..b).contains(&(&raw const local as u64));
        if on_wasm_stack { 0 } else { c + d + e + f + g }
    }
    let mut process = Process::new();
    let stub = process.place(&builtin_stub(sum as *const () as u64, 7));
    let code = code!(
        "push rbp",
        "mov rbp, rsp",
        "push 0",
        "push 9",
        "movabs r11, 0x1122334455667788",
        "call r11",
        "leave",
        "ret",
    );
    let function = process.place(&patch(code, stub));
    let stack = &process.space.stack;
    let args = [stack.start, stack.end, 1, 2, 3, 4].map(|v| Val::I64(v as i64));
    let ty = FuncType::new([I64; 6], [I64]);
    assert_eq!(process.call(function, &ty, &args).unwrap(), [Val::I64(19)]);
}

#[test]
fn calls_in_both_directions_make_no_system_call() {
    let mut process = Process::new();
    let next = |_: &mut crate::host::Caller<'_>, n: i32| n + 1;
    let stub = process.host(HostFunction::wrap("host", "next", next));
    let code = process.place(&patch(pass_on!(0), stub));
    let callee = Callee {
        process: None,
        space: &process.space,
        base: process.base,
        code,
    };
    let call = |n: i32| {
        let write = |regs: &mut Regs, _: &mut Area| regs.int[0] = n as u64;
        let read = |regs: &Regs| regs.int[0] as i32;
        let shape = Shape::of(&[I32], &[I32]);
        // SAFETY: the code is the test's, and of that type.
        unsafe { enter(callee, shape, &mut [], write, read) }
    };
    assert_eq!(call(1).unwrap(), 2);
    // SAFETY: the child does nothing that could wait for another thread: calls
    // neither allocate nor lock. It ends by a system call of its own.
    let status = unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            // Its thread has another number than its parent's.
            let mut n = call(-1).unwrap_or(-1);
            // From here any other system call than `exit` kills it.
            if libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) != 0 {
                n = -1;
            }
            for _ in 0..1000 {
                n = call(n).unwrap_or(-1);
            }
            libc::syscall(libc::SYS_exit, i64::from(n != 1000));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        status
    };
    assert!(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        "{status:#x}"
    );
}

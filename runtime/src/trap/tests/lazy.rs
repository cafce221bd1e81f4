//! Functions that are bound at their first call: what the stubs keep, and how
//! they fail.

use std::arch::asm;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::arch::HOST;
use wasmaot_abi::callconv::Layout;
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::FuncType;
use wasmaot_abi::types::ValType::{I32, I64};

use super::calls::{Nested, echo, wide_type, wide_values};
use super::traps::{caller, code_of, names, nothing};
use super::{Process, code, patch};
use crate::arch::lazy_stub;
use crate::host::HostError;
use crate::trap::{Trap, TrapReason, lazy};
use crate::value::Val;

/// Finds the function of a number.
type Find = dyn Fn(u64, u64) -> Result<u64, HostError>;

thread_local! {
    static FIND: RefCell<Option<Rc<Find>>> = const { RefCell::new(None) };
}

/// A process's `bind` that asks the test, and leaves nothing as it was in any
/// register that it may change.
extern "C" fn bind(base: u64, number: u64) -> u64 {
    let find = FIND.with_borrow(|find| find.clone()).expect("a test");
    let answer = lazy::answer(|| find(base, number));
    let ones = u64::MAX;
    // SAFETY: changes registers and nothing else.
    unsafe {
        asm!(
            "mov rdi, rax", "mov rsi, rax", "mov rdx, rax", "mov rcx, rax",
            "mov r8, rax", "mov r9, rax", "mov r10, rax", "mov r11, rax",
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
            "pcmpeqd xmm\\n, xmm\\n",
            ".endr",
            in("rax") ones,
            clobber_abi("C"),
        );
    }
    answer
}

/// A process in which functions are found so.
fn process(find: impl Fn(u64, u64) -> Result<u64, HostError> + 'static) -> Process {
    let process = Process::new();
    // SAFETY: the head is the process's own, and nothing runs yet.
    unsafe { (*process.head).block.bind = bind as *const () as u64 };
    FIND.set(Some(Rc::new(find)));
    process
}

fn stub(process: &mut Process, number: u32) -> u64 {
    process.place(&lazy_stub(number))
}

/// An address that is known later.
fn later() -> (Rc<Cell<u64>>, Rc<Cell<u64>>) {
    let address = Rc::new(Cell::new(0));
    (Rc::clone(&address), address)
}

fn unresolved(name: &str) -> HostError {
    let mut trap = Trap::new(TrapReason::Code(TrapCode::UnresolvedSymbol));
    trap.detail = Some(format!("`{name}`"));
    HostError::Trap(Box::new(trap))
}

#[test]
fn every_argument_and_result_passes() {
    let (address, found) = later();
    let base = Rc::new(Cell::new(0));
    let expected = Rc::clone(&base);
    let mut process = process(move |base, number| {
        assert_eq!((base, number), (expected.get(), 0xfedc_ba98));
        Ok(found.get())
    });
    base.set(process.base);
    let ty = wide_type();
    let layout = Layout::of(&HOST.calls, &ty);
    assert!(layout.stack_args > 0 && layout.return_area > 0);
    address.set(process.host(echo(&ty)));
    let stub = stub(&mut process, 0xfedc_ba98);
    let args = wide_values(&ty);
    for _ in 0..2 {
        assert_eq!(process.call(stub, &ty, &args).unwrap(), args);
    }
}

#[test]
fn registers_that_carry_nothing_pass_too() {
    let (address, found) = later();
    let mut process = process(move |_, _| Ok(found.get()));
    // rax and both halves of xmm8 to xmm15.
    address.set(process.place(&code!(
        ".irp n, 9, 10, 11, 12, 13, 14, 15",
        "paddq xmm8, xmm\\n",
        ".endr",
        "movq rcx, xmm8",
        "add rax, rcx",
        "psrldq xmm8, 8",
        "movq rcx, xmm8",
        "add rax, rcx",
        "ret",
    )));
    let stub = stub(&mut process, 1);
    // A bit for each register, so that the sum shows which is wrong.
    let function = process.place(&patch(
        code!(
            "push rbp",
            "mov eax, 1",
            ".irp n, 8, 9, 10, 11, 12, 13, 14, 15",
            "lea rax, [rax + rax]",
            "movq xmm\\n, rax",
            "punpcklqdq xmm\\n, xmm\\n",
            ".endr",
            "movabs r11, 0x1122334455667788",
            "call r11",
            "pop rbp",
            "ret",
        ),
        stub,
    ));
    let ty = FuncType::new([], [I64]);
    let sum = 256 + 2 * (2 + 4 + 8 + 16 + 32 + 64 + 128 + 256);
    assert_eq!(process.call(function, &ty, &[]).unwrap(), [Val::I64(sum)]);
}

#[test]
fn what_the_callee_must_preserve_is_kept() {
    let (address, found) = later();
    let mut process = process(move |_, _| Ok(found.get()));
    address.set(process.place(&code!("ret")));
    let stub = stub(&mut process, 1);
    let body = code!(
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
    let function = process.place(&patch(body, stub));
    let ty = FuncType::new([], [I64]);
    assert_eq!(process.call(function, &ty, &[]).unwrap(), [Val::I64(31)]);
}

#[test]
fn a_slot_is_bound_once() {
    let (slot, place) = later();
    let (address, found) = later();
    let (count, calls) = later();
    let mut process = process(move |_, number| {
        assert_eq!(number, 7);
        calls.set(calls.get() + 1);
        // SAFETY: the slot is in the memory of the process.
        unsafe { *(place.get() as *mut u64) = found.get() };
        Ok(found.get())
    });
    address.set(process.place(&code!("lea eax, [rdi + 1]", "ret")));
    slot.set(process.base);
    let stub = stub(&mut process, 7);
    // SAFETY: as above.
    unsafe { *(process.base as *mut u64) = stub };
    // As a PLT entry: no register, no frame.
    let entry = code!("movabs r11, 0x1122334455667788", "jmp [r11]");
    let entry = process.place(&patch(entry, slot.get()));
    let ty = FuncType::new([I32], [I32]);
    for i in 0..5 {
        let result = process.call(entry, &ty, &[Val::I32(i)]).unwrap();
        assert_eq!(result, [Val::I32(i + 1)]);
    }
    assert_eq!(count.get(), 1);
}

#[test]
fn binding_runs_on_the_host_stack_and_may_enter_wasm_code() {
    let (address, found) = later();
    let (inner, start) = later();
    let nested: Rc<RefCell<Option<Nested>>> = Rc::default();
    let shared = Rc::clone(&nested);
    let mut process = process(move |_, _| {
        let local = 0u8;
        let nested = shared.borrow().clone().expect("the test's process");
        assert!(!nested.space.stack.contains(&(&raw const local as u64)));
        // It writes over all of the stack that it may use.
        nested.call(start.get(), &nothing(), &[])?;
        Ok(found.get())
    });
    *nested.borrow_mut() = Some(Nested::of(&process));
    inner.set(process.place(&code!(
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, 0x4000",
        "mov rdi, rsp",
        "mov ecx, 0x800",
        "mov rax, -1",
        "cld",
        "rep stosq",
        "leave",
        "ret",
    )));
    let ty = wide_type();
    address.set(process.host(echo(&ty)));
    let stub = stub(&mut process, 0);
    let args = wide_values(&ty);
    assert_eq!(process.call(stub, &ty, &args).unwrap(), args);
}

#[test]
fn failure_is_a_trap_with_its_callers() {
    let mut process = process(|_, number| Err(unresolved(&format!("function {number}"))));
    let stub = stub(&mut process, 3);
    let inner = process.function("inner", &caller(stub));
    let outer = process.function("outer", &caller(inner));
    for _ in 0..3 {
        let trap = process.call(outer, &nothing(), &[]).unwrap_err();
        assert_eq!(code_of(&trap), TrapCode::UnresolvedSymbol);
        assert_eq!(trap.detail.as_deref(), Some("`function 3`"));
        assert_eq!(names(&trap), ["inner", "outer"]);
    }
    // A tail call has no frame: `middle` is gone when the stub is reached.
    let jump = code!("pop rbp", "movabs r11, 0x1122334455667788", "jmp r11");
    let middle = process.function("middle", &patch(jump, stub));
    let outer = process.function("outer", &caller(middle));
    let trap = process.call(outer, &nothing(), &[]).unwrap_err();
    assert_eq!(names(&trap), ["outer"]);
}

#[test]
fn a_panic_is_an_error_of_the_call() {
    let mut process = process(|_, _| panic!("number {}", 7));
    let stub = stub(&mut process, 3);
    let outer = process.function("outer", &caller(stub));
    let trap = process.call(outer, &nothing(), &[]).unwrap_err();
    let text = trap.to_string();
    assert!(text.contains("panicked: number 7\n"), "{text}");
    assert_eq!(names(&trap), ["outer"]);
}

#[test]
fn the_stack_may_end_anywhere() {
    let (address, found) = later();
    let mut process = process(move |_, _| Ok(found.get()));
    address.set(process.place(&code!("ret")));
    let stub = stub(&mut process, 1);
    let body = code!(
        "sub rsp, rdi",
        "movabs r11, 0x1122334455667788",
        "call r11",
        "leave",
        "ret"
    );
    let near = process.function("near", &patch(body, stub));
    let ty = FuncType::new([I64], []);
    let stack = process.space.stack.end - process.space.stack.start;
    let mut overflows = 0;
    for left in (0..512).step_by(16) {
        let use_up = stack - 16 - left;
        match process.call(near, &ty, &[Val::I64(use_up as i64)]) {
            Ok(_) => assert!(left >= 336, "{left}"),
            Err(trap) => {
                assert_eq!(code_of(&trap), TrapCode::StackOverflow);
                assert_eq!(names(&trap), ["near"], "{left} bytes left");
                overflows += 1;
            }
        }
    }
    assert!((15..25).contains(&overflows), "{overflows}");
}

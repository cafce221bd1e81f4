//! Faults, host errors and their backtraces.

use std::process::Command;
use std::thread;

use crate::arch::HOST;
use wasmaot_abi::callconv::Layout;
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::{FuncType, ValType, ValType::I32};

use super::{Process, code, patch};
use crate::arch::domain_thunk;
use crate::host::{HostError, HostFunction};
use crate::trap::{Callee, Frame, ThreadSpace, Trap, TrapReason, call, explain};
use crate::value::Val;

pub(super) fn code_of(trap: &Trap) -> TrapCode {
    match &trap.reason {
        TrapReason::Code(code) => *code,
        other => panic!("{other:?}"),
    }
}

pub(super) fn names(trap: &Trap) -> Vec<&str> {
    trap.frames
        .iter()
        .map(|frame| frame.function.as_str())
        .collect()
}

/// The body of a function that calls the placeholder and returns.
pub(super) fn caller(of: u64) -> Vec<u8> {
    let body = code!(
        "movabs r11, 0x1122334455667788",
        "call r11",
        "pop rbp",
        "ret"
    );
    patch(body, of)
}

pub(super) fn nothing() -> FuncType {
    FuncType::default()
}

#[test]
fn unreachable_with_backtrace() {
    let mut process = Process::new();
    let inner = process.function("inner", &code!("nop", "ud2"));
    process.object.trap(inner + 5, TrapCode::Unreachable);
    let thunk = domain_thunk(process.next(), inner, process.base, 0);
    let thunk = process.place(&thunk);
    let middle = process.function("middle", &caller(thunk));
    let outer = process.function("outer", &caller(middle));
    let trap = process.call(outer, &nothing(), &[]).unwrap_err();
    assert_eq!(code_of(&trap), TrapCode::Unreachable);
    assert_eq!(names(&trap), ["inner", "middle", "outer"]);
    let innermost = Frame {
        object: "test.so".into(),
        function: "inner".into(),
        wasm_offset: Some(1005),
        code_offset: Some(905),
        source: None,
    };
    assert_eq!(trap.frames[0], innermost);
    // The call's last byte: 4 bytes of prologue, 10 of mov, 3 of call.
    assert_eq!(trap.frames[1].wasm_offset, Some(2016));
    let text = trap.to_string();
    assert!(
        text.starts_with("wasm trap: unreachable\n   0: test.so!inner at 0x389\n"),
        "{text}"
    );

    process.object.symbols = false;
    let trap = process.call(outer, &nothing(), &[]).unwrap_err();
    assert_eq!(names(&trap), ["func[0]", "func[1]", "func[2]"]);
}

#[test]
fn faults_in_a_prologue() {
    let mut process = Process::new();
    // No frame yet: the very first instruction faults.
    let inner = process.function("inner", &code!("ret"));
    let outer = process.function("outer", &caller(inner));
    let mut raw = {
        let inner = process.function("stop", &code!("ud2"));
        process.call_raw(inner, &nothing(), &[]).unwrap_err()
    };
    // As if `inner` had just been entered from `outer`.
    let site = raw.site.as_mut().unwrap();
    let sp = site.stack_start;
    site.registers.0[16] = inner;
    site.registers.0[7] = sp;
    site.stack[0] = outer + 17;
    raw.pc = inner;
    let trap = explain(raw, &process.object);
    assert_eq!(names(&trap), ["inner", "outer"]);
}

#[test]
fn divisions() {
    let mut process = Process::new();
    let body = code!("mov eax, edi", "cdq", "idiv esi", "pop rbp", "ret");
    let divide = process.function("divide", &body);
    let ty = FuncType::new([I32, I32], [I32]);
    let by = |process: &Process, a, b| process.call(divide, &ty, &[Val::I32(a), Val::I32(b)]);
    assert_eq!(by(&process, 7, 2).unwrap(), [Val::I32(3)]);
    let trap = by(&process, 7, 0).unwrap_err();
    assert_eq!(
        code_of(&trap),
        TrapCode::IntegerDivideByZero,
        "without a map"
    );
    process.object.trap(divide + 7, TrapCode::IntegerOverflow);
    let trap = by(&process, i32::MIN, -1).unwrap_err();
    assert_eq!(code_of(&trap), TrapCode::IntegerOverflow);
}

#[test]
fn accesses() {
    let mut process = Process::new();
    let body = code!("mov eax, edi", "mov eax, [r15 + rax]", "pop rbp", "ret");
    let load = process.function("load", &body);
    let ty = FuncType::new([I32], [I32]);
    assert_eq!(
        process.call(load, &ty, &[Val::I32(16)]).unwrap(),
        [Val::I32(0)]
    );
    let trap = process.call(load, &ty, &[Val::I32(0x1_0010)]).unwrap_err();
    assert_eq!(code_of(&trap), TrapCode::MemoryOutOfBounds);
    let text = trap.to_string();
    assert!(text.contains("memory access (address 0x10010)"), "{text}");
    // The instruction knows better which access it was.
    process.object.trap(load + 6, TrapCode::UndefinedElement);
    let trap = process.call(load, &ty, &[Val::I32(0x1_0010)]).unwrap_err();
    assert_eq!(code_of(&trap), TrapCode::UndefinedElement);

    let wild = process.function("wild", &code!("xor eax, eax", "mov eax, [rax + 8]"));
    let trap = process.call(wild, &nothing(), &[]).unwrap_err();
    let text = trap.to_string();
    let fault = "wasm trap: native fault (signal 11 at address 0x8 in test.so+0x";
    assert!(text.contains(fault), "{text}");
    assert_eq!(names(&trap), ["wild"]);
}

#[test]
fn stack_overflow() {
    let mut process = Process::new();
    let at = process.next();
    let recurse = process.function("recurse", &caller(at));
    let outer = process.function("outer", &caller(recurse));
    for _ in 0..3 {
        let trap = process.call(outer, &nothing(), &[]).unwrap_err();
        assert_eq!(code_of(&trap), TrapCode::StackOverflow);
        assert_eq!(trap.frames.len(), 2 * Trap::KEPT);
        assert!(trap.omitted > 3900, "{}", trap.omitted);
        assert_eq!(names(&trap)[98..], ["recurse", "outer"]);
        let text = trap.to_string();
        let more = trap.omitted + 98;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let folded = format!("… {more} more frames of recurse …");
        let last = format!("{}: test.so!outer at ", more + 1);
        let [_, first, middle, end] = lines[..] else {
            panic!("{text}");
        };
        assert!(first.starts_with("0: test.so!recurse at "), "{text}");
        assert_eq!(middle, folded);
        assert!(end.starts_with(&last), "{text}");
    }
}

#[test]
fn stack_overflow_in_stubs() {
    // Directly: the frame record and four registers. With two results: all that
    // arguments travel in.
    stack_overflow_in_stub(nothing(), 48, 3..=3);
    stack_overflow_in_stub(FuncType::new([], [ValType::I64; 2]), 224, 10..=20);
}

fn stack_overflow_in_stub(ty: FuncType, enough: u64, expected: std::ops::RangeInclusive<u32>) {
    let mut process = Process::new();
    let host = HostFunction::new("host", "noop", ty, |_, _, _| Ok(()));
    let stub = process.host(host);
    // Each byte of stack left, from none: in the stub, its saving of
    // registers, and, for enough, success.
    let body = code!(
        "sub rsp, rdi",
        "movabs r11, 0x1122334455667788",
        "call r11",
        "leave",
        "ret"
    );
    let near = process.function("near", &patch(body, stub));
    let ty = FuncType::new([ValType::I64], []);
    let stack = process.space.stack.end - process.space.stack.start;
    let mut overflows = 0;
    for left in (0..512).step_by(16) {
        let use_up = stack - 16 - left;
        match process.call(near, &ty, &[Val::I64(use_up as i64)]) {
            Ok(_) => assert!(left >= enough, "{left}"),
            Err(trap) => {
                assert_eq!(code_of(&trap), TrapCode::StackOverflow);
                assert_eq!(names(&trap), ["near"], "{left} bytes left");
                overflows += 1;
            }
        }
    }
    assert!(expected.contains(&overflows), "{overflows}");
}

#[test]
fn host_errors_through_wasm_frames() {
    let mut process = Process::new();
    let ty = FuncType::new([I32; 9], []);
    assert_eq!(Layout::of(&HOST.calls, &ty).stack_args, 32);
    let host = HostFunction::new("host", "fail", nothing(), |_, _, _| {
        Err(HostError::Message("it is closed".into()))
    });
    let stub = process.host(host);
    let inner = process.function("inner", &caller(stub));
    let outer = process.function("outer", &caller(inner));
    let trap = process.call(outer, &nothing(), &[]).unwrap_err();
    assert_eq!(names(&trap), ["inner", "outer"]);
    assert!(
        trap.to_string()
            .starts_with("it is closed\n   0: test.so!inner at ")
    );

    let exit = |_: &mut crate::host::Caller<'_>, _: &[Val], _: &mut [Val]| Err(HostError::Exit(3));
    let stub = process.host(HostFunction::new("host", "exit", nothing(), exit));
    let inner = process.function("inner", &caller(stub));
    let trap = process.call(inner, &nothing(), &[]).unwrap_err();
    assert!(matches!(trap.reason, TrapReason::Exit(3)));
    assert!(trap.frames.is_empty());
}

#[test]
fn a_panic_becomes_an_error() {
    let mut process = Process::new();
    let host = HostFunction::new("host", "bad", nothing(), |_, _, _| panic!("number {}", 7));
    let stub = process.host(host);
    let outer = process.function("outer", &caller(stub));
    let trap = process.call(outer, &nothing(), &[]).unwrap_err();
    let text = trap.to_string();
    assert!(
        text.starts_with("host function host.bad panicked: number 7\n"),
        "{text}"
    );
    assert_eq!(names(&trap), ["outer"]);
}

#[test]
fn a_trap_passed_on_gets_the_outer_frames() {
    let mut process = Process::new();
    let stop = process.function("stop", &code!("ud2"));
    process.object.trap(stop + 4, TrapCode::Unreachable);
    let inner = process.function("inner", &caller(stop));
    let base = process.base;
    let space: ThreadSpace = process.space.clone();
    // The object changes no more: the host function reads it meanwhile.
    let object = std::sync::Arc::new(std::sync::OnceLock::<usize>::new());
    let map = object.clone();
    let host = HostFunction::new("host", "again", nothing(), move |_, _, _| {
        // SAFETY: the process is in a host call on this thread.
        let result = unsafe {
            let callee = Callee {
                process: None,
                space: &space,
                base,
                code: inner,
            };
            call(callee, &nothing(), &[])
        };
        // SAFETY: set below to the process's object, which outlives the call.
        let map = unsafe { &*(*map.get().unwrap() as *const super::TestObject) };
        result
            .map(|_| ())
            .map_err(|raw| HostError::Trap(Box::new(explain(raw, map))))
    });
    let stub = process.host(host);
    let outer = process.function("outer", &caller(stub));
    object.set(&raw const process.object as usize).unwrap();
    let trap = process.call(outer, &nothing(), &[]).unwrap_err();
    assert_eq!(code_of(&trap), TrapCode::Unreachable);
    assert_eq!(names(&trap), ["stop", "inner", "outer"]);
}

#[test]
fn any_thread_can_trap() {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(|| {
                let mut process = Process::new();
                let at = process.next();
                let recurse = process.function("recurse", &caller(at));
                for _ in 0..20 {
                    let trap = process.call(recurse, &nothing(), &[]).unwrap_err();
                    assert_eq!(code_of(&trap), TrapCode::StackOverflow);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Set in the child process of [`other_faults_are_left_alone`].
const CRASH: &str = "WASMAOT_TEST_CRASH";

#[test]
fn other_faults_are_left_alone() {
    use std::os::unix::process::ExitStatusExt;
    if let Ok(how) = std::env::var(CRASH) {
        crash(&how);
    }
    let name = "trap::tests::traps::other_faults_are_left_alone";
    for (how, signal) in [
        ("fault", libc::SIGSEGV),
        ("sent", libc::SIGFPE),
        ("rust", libc::SIGABRT),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(CRASH, how)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(signal), "{how}: {errors}");
        assert_eq!(
            how == "rust",
            errors.contains("has overflowed its stack"),
            "{errors}"
        );
    }
}

/// Ends the process in a host function by something that is no trap.
fn crash(how: &str) -> ! {
    fn deep(n: u64) -> u64 {
        let room = std::hint::black_box([n; 512]);
        if n == 0 { 0 } else { deep(n + 1) + room[7] }
    }
    let how = how.to_string();
    let mut process = Process::new();
    let host = HostFunction::new("host", "crash", nothing(), move |_, _, _| {
        match how.as_str() {
            // SAFETY: meant to fault.
            "fault" => unsafe { std::ptr::without_provenance::<u8>(64).read_volatile() }.into(),
            // SAFETY: raising a signal is always allowed.
            "sent" => unsafe { libc::raise(libc::SIGFPE) as u64 },
            _ => deep(1),
        };
        Ok(())
    });
    let stub = process.host(host);
    let result = process.call(stub, &nothing(), &[]);
    panic!("survived: {result:?}");
}

#[test]
fn frames_are_left_out_in_the_middle() {
    let frames = |numbers: std::ops::Range<u32>| -> Vec<Frame> {
        let frame = |n| Frame {
            object: "test.so".into(),
            function: format!("f{n}"),
            wasm_offset: None,
            code_offset: None,
            source: None,
        };
        numbers.map(frame).collect()
    };
    let mut trap = Trap::new(TrapReason::Host("stop".into()));
    trap.append(frames(0..100), 10, false);
    trap.append(frames(100..103), 0, true);
    assert_eq!((trap.frames.len(), trap.omitted), (100, 13));
    assert_eq!(names(&trap)[48..52], ["f48", "f49", "f53", "f54"]);
    assert_eq!(names(&trap)[99], "f102");
    assert!(trap.to_string().ends_with("\n  112: test.so!f102"));
}

#[test]
fn recursion_is_folded() {
    let frames = |names: &str| -> Vec<Frame> {
        let frame = |name: char| Frame {
            object: "test.so".into(),
            function: name.into(),
            wasm_offset: None,
            code_offset: None,
            source: None,
        };
        names.chars().map(frame).collect()
    };
    let text = |trap: &Trap| {
        let text = trap.to_string().replace("test.so!", "");
        let lines: Vec<&str> = text.lines().skip(1).map(str::trim).collect();
        lines.join("; ")
    };
    let mut trap = Trap::new(TrapReason::Host("stop".into()));
    trap.append(frames("xaaybcbcbcbzz"), 0, true);
    assert_eq!(
        text(&trap),
        "0: x; 1: a; 2: a; 3: y; 4: b; 5: c; … 5 more frames of b, c …; 11: z; 12: z"
    );
    // The cycle goes on in what is left out, and after it.
    let mut trap = Trap::new(TrapReason::Host("stop".into()));
    trap.append(frames(&("x".to_owned() + &"bc".repeat(200) + "d")), 0, true);
    assert_eq!(
        text(&trap),
        "0: x; 1: b; 2: c; … 398 more frames of b, c …; 401: d"
    );
    // Something else is left out.
    let mut trap = Trap::new(TrapReason::Host("stop".into()));
    let long = "b".repeat(100) + "e" + &"b".repeat(100);
    trap.append(frames(&long), 0, true);
    assert_eq!(
        text(&trap),
        "0: b; … 49 more frames of b …; … 101 more frames …; 151: b; … 49 more frames of b …"
    );
}

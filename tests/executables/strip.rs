//! What tools that strip files leave of objects and executables.

use super::*;

/// Keeps debugging information apart, as distributions do, and links to it.
fn strip(sandbox: &Sandbox, name: &str) {
    let path = sandbox.path(name);
    let debug = sandbox.path(&format!("{name}.debug"));
    let objcopy = |args: &[&str]| {
        let output = Command::new("objcopy").args(args).output().unwrap();
        let outcome = Outcome::from(output);
        assert_eq!(outcome.code, Some(0), "{args:?}: {outcome:#?}");
    };
    let (text, debug_text) = (path.to_str().unwrap(), debug.to_str().unwrap());
    let before = fs::metadata(&path).unwrap().len();
    objcopy(&["--only-keep-debug", text, debug_text]);
    let output = Command::new("strip").arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    objcopy(&[&format!("--add-gnu-debuglink={debug_text}"), text]);
    assert!(fs::metadata(&path).unwrap().len() < before);
    let sections = Command::new("readelf")
        .arg("-SW")
        .arg(&path)
        .output()
        .unwrap();
    let sections = String::from_utf8(sections.stdout).unwrap();
    assert!(
        sections.contains(".gnu_debuglink") && !sections.contains(".symtab"),
        "{sections}"
    );
}

#[test]
fn objects_and_programs_with_an_interpreter_are_stripped() {
    let sandbox = with_objects(&["--interp"]);
    for name in ["main.wasm", "lib.so", "plugin.so", "libc.so"] {
        strip(&sandbox, &format!("{name}.elf"));
    }
    let outcome = run(&sandbox, &["./main.wasm.elf", "plugin.so"]);
    let said = says("./main.wasm.elf", "nothing") + "plugin.so: 200\n";
    assert_eq!(
        (outcome.code, &*outcome.stdout),
        (Some(1), &*said),
        "{outcome:#?}"
    );
    let said = says("main.wasm.elf", "nothing");
    assert_eq!(sandbox.wasmaot(&["run", "main.wasm.elf"]).success(), said);
}

#[test]
fn executables_are_stripped() {
    let sandbox = executable();
    strip(&sandbox, "root/prog");
    let outcome = run(&sandbox, &["root/prog", "plugin.so"]);
    let said = says("root/prog", "nothing") + "plugin.so: 200\n";
    assert_eq!(
        (outcome.code, &*outcome.stdout),
        (Some(1), &*said),
        "{outcome:#?}"
    );
}

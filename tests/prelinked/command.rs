//! `wasmaot build --prelink`, and what the other commands say of its sets.

use super::*;

#[test]
fn the_command_line_makes_and_shows_sets() {
    let sandbox = Sandbox::new();
    let texts = [
        ("main.wat", module(0, 0, &["lib.wat"], &caller("", ""))),
        ("lib.wat", module(0, 0, &["other.wat"], LIBRARY)),
        ("other.wat", module(0, 0, &[], OTHER)),
    ];
    for (name, text) in &texts {
        sandbox.write(name, text);
    }
    let build = ["build", "--prelink", "main.wat", "lib.wat", "other.wat"];
    sandbox.wasmaot(&build).success();
    let run = ["run", "--invoke", "sum", "main.wat.elf", "--", "100"];
    assert_eq!(sandbox.wasmaot(&run).success(), "5050\n");
    let listing = sandbox.wasmaot(&["inspect", "main.wat.elf"]).success();
    for part in ["prelinked with:", "lib.wat", "this", "prelinked calls:"] {
        assert!(listing.contains(part), "{part}: {listing}");
    }
    let add = listing.lines().filter(|line| line.starts_with("  add "));
    assert!(
        add.clone().any(|line| line.contains("lib.wat")),
        "{listing}"
    );
    let libraries = sandbox.wasmaot(&["ldd", "main.wat.elf"]).success();
    assert_eq!(libraries.matches(" (prelinked)").count(), 2, "{libraries}");
    let explained = ["run", "--explain", "add", "main.wat.elf"];
    let text = sandbox.wasmaot(&explained).success();
    assert!(text.contains("the calls are prelinked"), "{text}");

    // A library built by itself takes the place of the prelinked one.
    sandbox.wasmaot(&["build", "lib.wat"]).success();
    let output = sandbox.command(&run).env("WASMAOT_DEBUG", "libs").output();
    let outcome: common::Outcome = output.unwrap().into();
    let note = "main.wat.elf was prelinked with lib.wat, which is another build now";
    assert!(outcome.stderr.contains(note), "{outcome:#?}");
    assert_eq!(outcome.success(), "5050\n");
    let libraries = sandbox.wasmaot(&["ldd", "main.wat.elf"]).success();
    assert!(
        libraries.contains("not as prelinked: another build"),
        "{libraries}"
    );
    let text = sandbox.wasmaot(&explained).success();
    assert!(text.contains("through the PLT, not as prelinked"), "{text}");

    // What is not named is found, and apart; into another directory.
    let apart = ["build", "--prelink", "-o", "out", "main.wat", "lib.wat"];
    sandbox.wasmaot(&apart).success();
    let run = [
        &["run", "-L", ".", "--invoke", "sum"],
        &["out/main.wat.elf", "--", "9"][..],
    ];
    assert_eq!(sandbox.wasmaot(&run.concat()).success(), "45\n");
    let listing = sandbox.wasmaot(&["inspect", "out/lib.wat.elf"]).success();
    let more = listing.lines().filter(|line| line.starts_with("  more "));
    assert_eq!(more.count(), 0, "{listing}");
}

/// For another machine, too (`tests/run --target`).
#[test]
fn a_set_runs_where_its_target_is() {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", module(0, 0, &["lib.wat"], &caller("", "")));
    sandbox.write("lib.wat", module(0, 0, &["other.wat"], LIBRARY));
    sandbox.write("other.wat", module(0, 0, &[], OTHER));
    for (level, out) in [("-O1", "plain"), ("-O2", "inlined")] {
        let build = ["build", level, "--prelink", "-o", out];
        let files = ["main.wat", "lib.wat", "other.wat"];
        sandbox.wasmaot(&[&build[..], &files].concat()).success();
        let main = format!("./{out}/main.wat.elf");
        let run = ["run", "--invoke", "sum", &main, "--", "100"];
        let output = sandbox.command(&run).env("WASMAOT_DEBUG", "libs").output();
        let outcome = common::Outcome::from(output.unwrap());
        assert!(!outcome.stderr.contains("prelinked"), "{outcome:#?}");
        assert_eq!(outcome.success(), "5050\n");
    }
}

#[test]
fn a_set_is_made_for_another_machine() {
    let mut all = Machine::ALL.iter();
    let other = all.find(|machine| Some(machine.name) != Machine::HOST.map(|host| host.name));
    let other = other.unwrap();
    let target = format!("{}-unknown-linux-gnu", other.name);
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", module(0, 0, &["lib.wat"], &caller("", "")));
    sandbox.write("lib.wat", module(0, 0, &["other.wat"], LIBRARY));
    sandbox.write("other.wat", module(0, 0, &[], OTHER));
    let build = |out: &str, files: &[&str]| {
        // Not inlined, so that there are calls.
        let build = ["build", "-O1", "--target", &target, "--prelink", "-o", out];
        sandbox.wasmaot(&[&build[..], files].concat())
    };
    build("out", &["main.wat", "lib.wat", "other.wat"]).success();
    let listing = sandbox.wasmaot(&["inspect", "out/main.wat.elf"]).success();
    let number = |word: Option<&str>| {
        let digits = word.and_then(|word| word.strip_prefix("0x"));
        u64::from_str_radix(digits.unwrap(), 16).unwrap()
    };
    let line = |start: &str| {
        listing
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap()
    };
    let library = number(line("  lib.wat ").split_whitespace().nth(2));
    assert!(library > 0 && library.is_multiple_of(other.image_align));
    let add = library + number(line("  add lib.wat ").split_whitespace().nth(2));
    // The machine's own tool says that the call leads there.
    let tool = format!("{}-linux-gnu-objdump", other.name.replace('_', "-"));
    let mut command = Command::new(&tool);
    let output = command
        .args(["-d", "main.wat.elf"])
        .current_dir(sandbox.path("out"));
    let text = common::Outcome::from(output.output().expect(&tool)).success();
    assert!(text.contains(&format!("\t{add:x} <")), "{add:x} in {text}");
    // A library that is found and not of the set.
    build("apart", &["main.wat", "lib.wat"]).success();
    // It is not taken for one that can be run.
    let run = sandbox.wasmaot(&["run", "./out/main.wat.elf"]);
    run.error(1, &["main.wat.elf", "not for this machine"]);
    // What does not fit is said as it is here.
    let wrong = caller("", "").replace("(result i32) (i32.const 1)", "(result i64) (i64.const 1)");
    sandbox.write("main.wat", module(0, 0, &["lib.wat"], &wrong));
    let error = build("wrong", &["main.wat", "lib.wat", "other.wat"]);
    error.error(1, &["who", "main.wat", "lib.wat"]);
}

#[test]
fn what_cannot_be_prelinked_is_said() {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", module(0, 0, &["lib.wat"], &caller("", "")));
    let error = sandbox.wasmaot(&["build", "--prelink", "main.wat"]);
    error.error(1, &["lib.wat", "main.wat"]);
    let error = sandbox.wasmaot(&["build", "--prelink", "--emit", "asm", "main.wat"]);
    error.error(2, &["--emit"]);
    let wrong = caller("", "").replace("(result i32) (i32.const 1)", "(result i64) (i64.const 1)");
    sandbox.write("main.wat", module(0, 0, &["lib.wat"], &wrong));
    sandbox.write("lib.wat", module(0, 0, &[], LIBRARY));
    let error = sandbox.wasmaot(&["build", "--prelink", "main.wat", "lib.wat"]);
    error.error(1, &["who", "main.wat", "lib.wat"]);
    assert!(!sandbox.path("main.wat.elf").exists());
}

//! What something is measured on, when, and by which command: what somebody else
//! needs to do it again, or to know why it comes out otherwise.

use std::env;
use std::fs;
use std::time::SystemTime;

use rustix::system::uname;

use crate::counters::{COUNTERS, Counters};
use crate::stats::SEED;

/// Names and texts.
pub(crate) fn lines() -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let system = uname();
    let [release, machine] =
        [system.release(), system.machine()].map(|text| text.to_string_lossy());
    let mut lines = vec![
        ("machine", format!("{}, {cores} cores", processor(&cpu))),
        ("kernel", format!("Linux {release} {machine}")),
        (
            "date",
            humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        ),
        ("command", command()),
        (
            "intervals",
            format!("of 95 %, by bootstrap over rounds, seed {SEED}"),
        ),
    ];
    let governor = fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    lines.extend(
        governor
            .ok()
            .map(|text| ("governor", text.trim().to_owned())),
    );
    let counters = Counters::absent().map_or_else(
        || COUNTERS.join(", "),
        |why| format!("none: perf_event_open: {why}"),
    );
    lines.push(("counters", counters));
    let load = fs::read_to_string("/proc/loadavg").ok();
    let load = load.and_then(|text| Some(text.split(' ').next()?.to_owned()));
    lines.extend(load.map(|load| ("load before", load)));
    lines
}

/// The model as Linux names it, with the numbers by which it is known exactly.
fn processor(cpu: &str) -> String {
    let field = |name: &str| {
        let lines = cpu.lines().filter_map(|line| line.split_once(':'));
        let found = lines.filter(|(key, _)| key.trim() == name);
        found.map(|(_, value)| value.trim()).next()
    };
    let numbers = [
        ("family", field("cpu family")),
        ("model", field("model")),
        ("stepping", field("stepping")),
        ("microcode", field("microcode")),
    ];
    let numbers = numbers.into_iter();
    let known = numbers.filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    let mut parts = vec![field("model name").unwrap_or("unknown").to_owned()];
    parts.extend(known);
    parts.join(", ")
}

/// The words that this process was started with, as a shell takes them.
fn command() -> String {
    let words: Vec<String> = env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let words = words.iter().map(String::as_str);
    shlex::try_join(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_known_by_its_numbers() {
        let cpu = "processor\t: 0\nvendor_id\t: X\ncpu family\t: 6\nmodel\t\t: 207\n\
                   model name\t: Some CPU\nstepping\t: 2\nmicrocode\t: 0x1\n";
        let text = "Some CPU, family 6, model 207, stepping 2, microcode 0x1";
        assert_eq!(processor(cpu), text);
        assert_eq!(processor(""), "unknown");
    }

    #[test]
    fn a_setting_says_when_and_how() {
        let lines = lines();
        let has = |name| lines.iter().any(|(n, text)| *n == name && !text.is_empty());
        for name in [
            "machine",
            "kernel",
            "date",
            "command",
            "counters",
            "intervals",
        ] {
            assert!(has(name), "{name}: {lines:?}");
        }
    }
}

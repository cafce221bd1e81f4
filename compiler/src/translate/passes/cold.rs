//! Code that only cold code leads to is cold: what a module says of a branch holds for
//! all that follows where it does not go.
//!
//! Cranelift places cold blocks behind all others, and its register allocator splits
//! values around them rather than in a loop.

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, Function};
use cranelift_codegen::traversals::Dfs;

/// Marks blocks to which only cold ones lead.
pub(super) fn spread(func: &mut Function) {
    let cfg = ControlFlowGraph::with_function(func);
    let mut blocks: Vec<Block> = Dfs::new().post_order_iter(func).collect();
    blocks.reverse();
    let mut seen = SecondaryMap::with_default(false);
    for block in blocks {
        seen[block] = true;
        // What leads back to the head of a loop comes from it.
        let leading = cfg.pred_iter(block).map(|pred| pred.block);
        let mut leading = leading
            .filter(|&pred| pred != block && seen[pred])
            .peekable();
        if leading.peek().is_some() && leading.all(|pred| func.layout.is_cold(pred)) {
            func.layout.set_cold(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Emit, Options, compile};

    /// How many blocks are cold in a module's code.
    fn cold_blocks(wat: &str) -> usize {
        let wasm = wat::parse_str(wat).unwrap_or_else(|error| panic!("{wat}: {error}"));
        let text = compile("test.wasm", &wasm, &Options::default(), Emit::Clif).unwrap();
        let text = String::from_utf8(text).unwrap();
        text.lines().filter(|line| line.ends_with(" cold:")).count()
    }

    /// A loop that is left where a number is found, by a way that has an `if` in it.
    fn search(hint: &str, inner: &str) -> String {
        format!(
            r#"(module (memory 1) (func (export "f") (param i32 i32) (result i32)
                 (block $found
                   (loop $next
                     (i32.eq (i32.load (local.get 0)) (local.get 1))
                     {hint} (br_if $found)
                     (local.set 0 (i32.add (local.get 0) (i32.const 4)))
                     (br_if $next (i32.lt_u (local.get 0) (i32.const 65536))))
                   (return (i32.const 0)))
                 (i32.load8_u (local.get 0))
                 {inner} (if (then (i32.store (local.get 0) (i32.const 1))))
                 (local.get 0)))"#
        )
    }

    #[test]
    fn code_is_cold_where_a_hint_says_that_a_branch_does_not_go() {
        let [taken, not_taken] = ["01", "00"];
        let hint = |taken| format!("(@metadata.code.branch_hint \"\\{taken}\")");
        assert_eq!(cold_blocks(&search("", "")), 0);
        // The step to what follows the loop, and the three blocks that are there.
        assert_eq!(cold_blocks(&search(&hint(not_taken), "")), 5);
        assert_eq!(cold_blocks(&search("", &hint(not_taken))), 1);
        assert!(cold_blocks(&search(&hint(taken), "")) > 0);
        assert_eq!(cold_blocks(&search("", &hint(taken))), 1);
    }

    #[test]
    fn hints_that_mean_nothing_are_left_out() {
        let plain = search("", "");
        let with = |section: &str| {
            let section =
                format!(r#"(@custom "metadata.code.branch_hint" (before code) "{section}")"#);
            cold_blocks(&plain.replace("(module ", &format!("(module {section} ")))
        };
        for section in [
            "",
            // Functions and offsets that there are not.
            r"\01\07\01\02\01\00",
            r"\01\00\01\ff\ff\ff\ff\0f\01\00",
            // Cut short, and of other forms.
            r"\ff\ff\ff\ff\0f",
            r"\01\00\05\02\01",
            r"\01\00\01\02\02\00",
            r"\01\00\01\02\01\07",
        ] {
            assert_eq!(with(section), 0, "{section}");
        }
    }
}

//! What `--json` prints.

use serde_json::Value;

/// The text of a document.
pub(crate) fn text(document: &Value) -> String {
    format!("{document:#}\n")
}

//! Encodings, and the shapes of hot code.

mod hot;
mod link;
mod object;

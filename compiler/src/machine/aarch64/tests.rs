//! Encodings, and the shapes of hot code.
